package revocation

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/bolt"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

const issuerID store.IssuerID = 2

// world is a store with a device SN-1 of two certificates and a server's.
type world struct {
	t       *testing.T
	store   *failing
	service *Service
	first   store.Certificate
	second  store.Certificate
	server  store.Certificate
}

// failing fails acts on order.
type failing struct {
	store.Store
	err error
}

func (f *failing) Revoke(ctx context.Context, r store.Revoke) (store.StatusChange, error) {
	if f.err != nil {
		return store.StatusChange{}, f.err
	}
	return f.Store.Revoke(ctx, r)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := bolt.Create(bolt.Config{Path: filepath.Join(t.TempDir(), "assay.db"), InitialMmapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, store: &failing{Store: s}}
	now := func() time.Time { return noon }
	w.service = New(w.store, now)
	err = s.Found(t.Context(), store.Founding{
		Authority: store.Authority{ID: "0123456789abcdef", Name: "test", CreatedAt: noon},
		Issuers: []store.Issuer{
			{ID: 1, Kind: store.KindRoot, Generation: 1, Certificate: []byte{0x30, 0}},
			{ID: issuerID, Kind: store.KindDevices, Generation: 1, Certificate: []byte{0x30, 0}},
		},
		By: by(),
	})
	if err != nil {
		t.Fatal(err)
	}
	device := store.Holder{Kind: store.HolderDevice, Name: "sensor/SN-1"}
	w.first = w.issue(0, device)
	w.second = w.issue(1, device)
	w.server = w.issue(2, store.Holder{Kind: store.HolderServer, Name: "node"})
	return w
}

func by() store.Actor { return store.Actor{Principal: "operator:test", At: noon} }

func (w *world) issue(index uint64, holder store.Holder) store.Certificate {
	w.t.Helper()
	serial, err := profile.NewSerial(rand.Reader, index)
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]), Subject: pkix.Name{CommonName: holder.Name},
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		w.t.Fatal(err)
	}
	act := store.Issuance{
		Certificate: store.Certificate{
			Ref: store.Ref{Issuer: issuerID, Index: index}, DER: der, Holder: holder,
			Profile: store.ProfileOperational, Operation: store.OpSimpleReenroll, IssuedAt: noon,
		},
		Recovery: store.Renew, By: by(),
	}
	if holder.Kind == store.HolderDevice {
		act.Device, _ = store.ParseDeviceID(holder.Name)
	}
	issued, err := w.store.Issue(w.t.Context(), act)
	if err != nil {
		w.t.Fatal(err)
	}
	return issued.Certificate
}

func serialOf(c store.Certificate) string { return hex.EncodeToString(c.Serial[:]) }

// colons writes a serial number as openssl prints it.
func colons(c store.Certificate) string {
	var parts []string
	for _, b := range c.Serial {
		parts = append(parts, fmt.Sprintf("%02X", b))
	}
	return strings.Join(parts, ":")
}

// refusedAs checks the reason of a refusal and that it has a next step.
func refusedAs(t *testing.T, err error, want v1.Reason) {
	t.Helper()
	r, ok := errors.AsType[*v1.Refusal](err)
	if !ok || r.Reason != want {
		t.Fatalf("got %v, want a refusal %s", err, want)
	}
	if r.NextStep() == "" || r.Error() == "" {
		t.Errorf("%v has no next step", err)
	}
}

func TestResolve(t *testing.T) {
	w := newWorld(t)
	device := store.DeviceID{Product: "sensor", Serial: "SN-1"}
	asPEM := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.first.DER}))
	for name, id := range map[string]string{
		"hex": serialOf(w.first), "upper case": strings.ToUpper(serialOf(w.first)), "colons": colons(w.first),
		"spaces":         strings.ReplaceAll(colons(w.first), ":", " "),
		"no zero":        strings.TrimLeft(serialOf(w.first), "0"),
		"PEM":            asPEM,
		"PEM after text": "Certificate:\n" + asPEM,
		"DER":            string(w.first.DER),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := w.service.Resolve(t.Context(), id)
			if err != nil || got.Device != device || got.Certificate == nil || got.Certificate.Ref != w.first.Ref {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	if got, err := w.service.Resolve(t.Context(), "sensor/SN-1"); err != nil || got.Device != device || got.Certificate != nil {
		t.Errorf("PRODUCT/SERIAL: %+v, %v", got, err)
	}
	if got, err := w.service.Resolve(t.Context(), serialOf(w.server)); err != nil || got.IsDevice() {
		t.Errorf("a server's: %+v, %v", got, err)
	}
}

func TestResolveRefusals(t *testing.T) {
	w := newWorld(t)
	other := w.first
	other.Serial[5] ^= 1
	forged := bytes.Clone(w.first.DER)
	forged[len(forged)-1] ^= 1
	for name, row := range map[string]struct {
		id   string
		want v1.Reason
	}{
		"empty": {"", v1.BadQuery}, "huge": {strings.Repeat("a", maxID+1), v1.BadQuery},
		"not hex": {"hello", v1.BadQuery}, "no product": {"/SN-1", v1.BadQuery}, "no serial": {"sensor/", v1.BadQuery},
		"too long": {strings.Repeat("1", 33), v1.BadQuery}, "zeros": {"0000", v1.BadQuery},
		"bad PEM":          {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", v1.BadQuery},
		"one bit off":      {serialOf(other), v1.NotFound},
		"short":            {"1234", v1.NotFound},
		"first octet 0x80": {"80" + serialOf(w.first)[2:], v1.NotFound},
		"octets differ":    {string(forged), v1.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.service.Resolve(t.Context(), row.id)
			refusedAs(t, err, row.want)
		})
	}
}

func TestRevoke(t *testing.T) {
	first, second, server := store.Ref{Issuer: issuerID}, store.Ref{Issuer: issuerID, Index: 1}, store.Ref{Issuer: issuerID, Index: 2}
	rows := []struct {
		name    string
		request func(w *world) Request
		changed []store.Ref
		state   store.DeviceState
	}{
		{"device", func(*world) Request { return Request{ID: "sensor/SN-1", Reason: "superseded"} }, []store.Ref{first, second}, store.DeviceDecommissioned},
		{"serial ends the device", func(w *world) Request { return Request{ID: colons(w.first), Reason: "keyCompromise"} }, []store.Ref{first, second}, store.DeviceDecommissioned},
		{"only", func(w *world) Request { return Request{ID: colons(w.second), Only: true, Reason: "keyCompromise"} }, []store.Ref{second}, store.DeviceActive},
		{"hold by reason", func(w *world) Request { return Request{ID: colons(w.first), Reason: "certificateHold"} }, []store.Ref{first, second}, store.DeviceHeld},
		{"a server's", func(w *world) Request { return Request{ID: serialOf(w.server), Reason: "keyCompromise"} }, []store.Ref{server}, store.DeviceActive},
		{"dry run", func(*world) Request { return Request{ID: "sensor/SN-1", Reason: "superseded", DryRun: true} }, []store.Ref{first, second}, store.DeviceActive},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			r := row.request(w)
			r.By = store.Actor{Principal: "operator:test"}
			r.InvalidAt = time.Time{}
			change, err := w.service.Revoke(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			var changed []store.Ref
			for _, c := range change.Changed {
				changed = append(changed, c.Ref)
			}
			if diff := cmp.Diff(row.changed, changed); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
			d, err := w.store.Device(t.Context(), store.DeviceID{Product: "sensor", Serial: "SN-1"})
			if err != nil || d.State != row.state {
				t.Errorf("device is %s (%v), want %s", d.State, err, row.state)
			}
			if !r.DryRun {
				if again, err := w.service.Revoke(t.Context(), r); err != nil || len(again.Changed) != 0 {
					t.Errorf("again: %d changed, %v", len(again.Changed), err)
				}
			}
		})
	}
}

func TestRevokeRefusals(t *testing.T) {
	w := newWorld(t)
	rows := map[string]struct {
		request Request
		want    v1.Reason
	}{
		"no reason":               {Request{ID: "sensor/SN-1"}, v1.BadDocument},
		"unknown reason":          {Request{ID: "sensor/SN-1", Reason: "whim"}, v1.BadDocument},
		"other case":              {Request{ID: "sensor/SN-1", Reason: "key-compromise"}, v1.BadDocument},
		"removeFromCRL":           {Request{ID: "sensor/SN-1", Reason: "removeFromCRL"}, v1.BadDocument},
		"in the future":           {Request{ID: "sensor/SN-1", Reason: "superseded", InvalidAt: noon.Add(time.Hour)}, v1.BadDocument},
		"long comment":            {Request{ID: "sensor/SN-1", Reason: "superseded", Comment: strings.Repeat("x", maxComment+1)}, v1.BadDocument},
		"escape in ticket":        {Request{ID: "sensor/SN-1", Reason: "superseded", Ticket: "\x1b[2J"}, v1.BadDocument},
		"only of a device":        {Request{ID: "sensor/SN-1", Reason: "superseded", Only: true}, v1.BadDocument},
		"hold of one certificate": {Request{ID: serialOf(w.first), Reason: "certificateHold", Only: true}, v1.WrongState},
		"hold of a server's":      {Request{ID: serialOf(w.server), Reason: "certificateHold"}, v1.WrongState},
		"hold with a date":        {Request{ID: "sensor/SN-1", Reason: "certificateHold", InvalidAt: noon}, v1.BadDocument},
		"no such device":          {Request{ID: "sensor/SN-2", Reason: "superseded"}, v1.NotFound},
		"no such serial":          {Request{ID: "1234", Reason: "superseded"}, v1.NotFound},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			row.request.By = by()
			_, err := w.service.Revoke(t.Context(), row.request)
			refusedAs(t, err, row.want)
		})
	}
	if head, err := w.store.FeedHead(t.Context()); err != nil || head != 0 {
		t.Errorf("a refusal changed something: feed %d, %v", head, err)
	}
	_, err := w.service.Revoke(t.Context(), Request{ID: "sensor/SN-1", Reason: "keycompromise", Ticket: "\n", By: by()})
	r, _ := errors.AsType[*v1.Refusal](err)
	if r == nil || len(r.Faults) != 2 || !strings.Contains(r.Faults[1].Reason, "keyCompromise") {
		t.Errorf("faults %+v, want two, one with the name that was meant", r)
	}
}

func TestHoldReleaseDecommission(t *testing.T) {
	w := newWorld(t)
	state := func(want store.DeviceState, change store.StatusChange, err error) {
		t.Helper()
		if err != nil || change.Device.State != want {
			t.Fatalf("%s, %v, want %s", change.Device.State, err, want)
		}
	}
	ctx := t.Context()
	change, err := w.service.Hold(ctx, Request{ID: serialOf(w.second), By: by()})
	state(store.DeviceHeld, change, err)
	change, err = w.service.Release(ctx, Request{ID: "sensor/SN-1", By: by()})
	state(store.DeviceActive, change, err)
	if len(change.Changed) != 2 {
		t.Errorf("%d certificates were released, want 2", len(change.Changed))
	}
	_, err = w.service.Decommission(ctx, Request{ID: "sensor/SN-1", Reason: "certificateHold", By: by()})
	refusedAs(t, err, v1.BadDocument)
	_, err = w.service.Decommission(ctx, Request{ID: serialOf(w.server), By: by()})
	refusedAs(t, err, v1.WrongState)
	change, err = w.service.Decommission(ctx, Request{ID: "sensor/SN-1", By: by()})
	state(store.DeviceDecommissioned, change, err)
	for _, c := range change.Changed {
		if c.Reason != store.ReasonCessationOfOperation {
			t.Errorf("reason %d, want cessationOfOperation", c.Reason)
		}
	}
	_, err = w.service.Release(ctx, Request{ID: "sensor/SN-1", By: by()})
	refusedAs(t, err, v1.WrongState)
	_, err = w.service.Hold(ctx, Request{ID: "sensor/SN-1", Reason: "superseded", By: by()})
	refusedAs(t, err, v1.BadDocument)
}

// The store's sentinels become reasons; what is unknown stays an error.
func TestSentinels(t *testing.T) {
	w := newWorld(t)
	for err, want := range map[error]v1.Reason{
		store.ErrNotFound: v1.NotFound, store.ErrConflict: v1.WrongState, store.ErrHeld: v1.WrongState,
		store.ErrDecommissioned: v1.WrongState, store.ErrChanged: v1.ChangedMeanwhile, store.ErrUnavailable: v1.StoreUnavailable,
	} {
		w.store.err = fmt.Errorf("revoke: %w", err)
		_, got := w.service.Revoke(t.Context(), Request{ID: "sensor/SN-1", Reason: "superseded", By: by()})
		refusedAs(t, got, want)
		if !errors.Is(got, err) {
			t.Errorf("%v does not wrap %v", got, err)
		}
	}
	w.store.err = store.ErrCorrupt
	_, err := w.service.Revoke(t.Context(), Request{ID: "sensor/SN-1", Reason: "superseded", By: by()})
	if _, ok := errors.AsType[*v1.Refusal](err); ok || !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("got %v, want a bare %v", err, store.ErrCorrupt)
	}
}

func TestReasonNames(t *testing.T) {
	want := []string{
		"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
		"cessationOfOperation", "certificateHold", "privilegeWithdrawn", "aACompromise",
	}
	if diff := cmp.Diff(want, ReasonNames()); diff != "" {
		t.Error(diff)
	}
	for _, name := range want {
		if reason, ok := ParseReason(name); !ok || store.ReasonName(reason) != name {
			t.Errorf("%s is %d, %t", name, reason, ok)
		}
	}
}

// FuzzParseSerial: what is accepted is what was typed, less separators and zeros.
func FuzzParseSerial(f *testing.F) {
	f.Add("01:02:ff")
	f.Add("0102030405060708090a0b0c0d0e0f10")
	f.Fuzz(func(t *testing.T, id string) {
		serial, err := parseSerial(id)
		if err != nil {
			return
		}
		typed := strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(id))
		if got := hex.EncodeToString(serial[:]); strings.TrimLeft(got, "0") != strings.TrimLeft(typed, "0") {
			t.Errorf("%q became %s", id, got)
		}
	})
}
