package enroll

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
	"golang.org/x/time/rate"
)

// byStation judges a factory station: its certificate, its record, where and
// when it speaks, and how often (threats row 20). What it may enrol is judged
// with the product and the batch.
func (a *attempt) byStation(ctx context.Context, id *Identity) error {
	actor := principalOf(id)
	a.who = principal{id: actor, actor: actor, cert: &id.Certificate}
	if err := judge(&id.Certificate, a.at); err != nil {
		return err
	}
	st, err := a.snap.station(ctx, id.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return v1.Refuse(v1.CertificateUnknown, "")
	case err != nil:
		return err
	case st.Revoked:
		return v1.Refuse(v1.CertificateRevoked, "")
	}
	a.who.station = st
	if err := st.inScope(a.at, a.Source); err != nil {
		return err
	}
	if a.renewal() {
		return v1.Refuse(v1.UseSimpleenroll, "a station enrols devices and does not renew; its own certificate comes from an operator: assay station create")
	}
	if wait := a.rates.wait(st, a.at); wait > 0 {
		return &v1.Refusal{Reason: v1.RateLimited, Detail: "the station's rate is used up", RetryAfter: wait}
	}
	return nil
}

// inScope judges time and address.
func (st *station) inScope(at time.Time, source netip.Addr) error {
	if !st.Until.IsZero() && !at.Before(st.Until) {
		return v1.Refuse(v1.StationOutOfScope, "the station ended "+st.Until.UTC().Format(time.RFC3339))
	}
	source = source.Unmap().WithZone("")
	from := func(p netip.Prefix) bool { return p.Contains(source) }
	if len(st.From) > 0 && !slices.ContainsFunc(st.From, from) {
		return v1.Refuse(v1.StationOutOfScope, "the station may not come from this address")
	}
	return nil
}

// stationEnded says what became of the station since it was judged.
func (a *attempt) stationEnded(ctx context.Context) error {
	st, err := a.store.Station(ctx, a.who.station.Name)
	switch {
	case err != nil:
		return fmt.Errorf("read station again: %w", err)
	case st.Revoked:
		return v1.Refuse(v1.CertificateRevoked, "")
	}
	if err := (&station{Station: st}).inScope(a.at, a.Source); err != nil {
		return err
	}
	return &v1.Refusal{Reason: v1.Overloaded, RetryAfter: retryRace}
}

// productOfStation is the label's product, if the station may enrol it; without
// a label the only one that it may enrol.
func (a *attempt) productOfStation(ctx context.Context, label string) (string, error) {
	may := a.who.station.Products
	if label != "" {
		switch _, err := a.snap.model(ctx, label); {
		case errors.Is(err, store.ErrNotFound):
			return "", v1.Refuse(v1.NotFound, "")
		case err != nil:
			return "", err
		case len(may) > 0 && !slices.Contains(may, label):
			return "", v1.Refuse(v1.StationOutOfScope, "the station may not enrol this product")
		}
		return label, nil
	}
	if len(may) == 0 {
		var err error
		if may, err = a.snap.products(ctx); err != nil {
			return "", err
		}
	}
	switch len(may) {
	case 0:
		return "", v1.Refuse(v1.StationOutOfScope, "there is no product yet")
	case 1:
		return may[0], nil
	}
	return "", v1.Refuse(v1.ProductAmbiguous, "the station may enrol "+listed(may))
}

// listed names as many as fit into a refusal.
func listed(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}

// stationRates holds each station to its requests an hour, on this node. It has
// as many entries as there are stations.
type stationRates struct{ m sync.Map } // name -> *rate.Limiter

// wait takes one request, or says how long to wait for it.
func (r *stationRates) wait(st *station, at time.Time) time.Duration {
	if st.Rate == 0 {
		return 0
	}
	limit, burst := rate.Limit(float64(st.Rate)/time.Hour.Seconds()), int(st.Rate)
	kept, ok := r.m.Load(st.Name)
	if !ok {
		kept, _ = r.m.LoadOrStore(st.Name, rate.NewLimiter(limit, burst))
	}
	l := kept.(*rate.Limiter)
	if l.Burst() != burst {
		l.SetLimitAt(at, limit)
		l.SetBurstAt(at, burst)
	}
	taken := l.ReserveN(at, 1)
	// What the limiter rounds must not turn away who waited as long as told.
	wait := taken.DelayFrom(at).Round(time.Millisecond)
	if wait > 0 {
		taken.CancelAt(at)
	}
	return wait
}
