package query

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// kind says how the values of a field are read and compared.
type kind uint8

const (
	text    kind = iota
	word         // one of a list
	version      // a release, or the beginning of a digest
	number
	instant
	tier
)

// ordered tells whether the ops < and > make sense.
func (k kind) ordered() bool { return k >= number }

// field is one of the language. name is the NAME of attr.NAME and its like.
type field struct {
	name  string
	kind  kind
	words []string // of kind word and tier
	// texts are the values of kinds text, word and version.
	texts func(ctx context.Context, v *view, name string) ([]string, error)
	// rank is the value of the ordered kinds; false when the device lacks it.
	rank func(ctx context.Context, v *view, name string) (uint64, bool, error)
}

// named tells whether the field is written with a name: attr.customer.
func (f *field) named() bool { return strings.HasSuffix(f.name, ".") }

// shown is the field's name in messages.
func (f *field) shown() string {
	if f.named() {
		return f.name + "NAME"
	}
	return f.name
}

var tierWords = []string{"T0", "T1", "T1s", "T2", "T3", "T4"}

// fields is the table of the language.
var fields = fieldTable()

func fieldTable() []field {
	return slices.Concat(deviceFields(), evidenceFields(), certificateFields(), timeFields())
}

// own is a field of the device's record.
func own(get func(*store.Device) string) func(context.Context, *view, string) ([]string, error) {
	return func(_ context.Context, v *view, _ string) ([]string, error) { return present(get(&v.Device)), nil }
}

// present is a list of what is not empty.
func present(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func deviceFields() []field {
	return []field{
		{name: "product", texts: own(func(d *store.Device) string { return d.Product })},
		{name: "serial", texts: own(func(d *store.Device) string { return d.Serial })},
		{name: "state", kind: word, words: []string{"expected", "active", "held", "decommissioned", "rework", "scrapped"}, texts: states},
		{name: "site", texts: own(func(d *store.Device) string { return d.Site })},
		{name: "line", texts: own(func(d *store.Device) string { return d.Line })},
		{name: "batch", texts: own(func(d *store.Device) string { return d.Batch })},
		{name: "station", texts: own(func(d *store.Device) string { return d.Station })},
		{name: "role", texts: roles},
		{name: "vendor_id", texts: own(func(d *store.Device) string { return d.VendorID })},
		{name: "attr.", texts: attribute},
		{name: "reason", kind: word, words: reasons(), texts: reason},
		{name: "incident", kind: word, words: []string{
			"open", "none", "key-of-another-device", "renewal-fork", "nonce-reused", "root-of-trust-changed",
			"evidence-of-another-device", "over-quota", "clock", "status-stale", "edge-fork",
		}, texts: incident},
	}
}

// states: rework is beside active, not in its place.
func states(_ context.Context, v *view, _ string) ([]string, error) {
	list := []string{v.Device.State.String()}
	if v.Device.Rework {
		list = append(list, "rework")
	}
	return list, nil
}

func attribute(_ context.Context, v *view, name string) ([]string, error) {
	for _, a := range v.Device.Attributes {
		if a.Name == name {
			return present(a.Value), nil
		}
	}
	return nil, nil
}

func reasons() (names []string) {
	for r := range store.ReasonAACompromise + 1 {
		if name := store.ReasonName(r); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// reason is why the device ended or is held.
func reason(_ context.Context, v *view, _ string) ([]string, error) {
	switch v.Device.State {
	case store.DeviceHeld, store.DeviceDecommissioned, store.DeviceScrapped:
		return present(store.ReasonName(v.Device.Reason)), nil
	}
	return nil, nil
}

func incident(ctx context.Context, v *view, _ string) ([]string, error) {
	kinds, err := v.openIncidents(ctx)
	if err != nil || len(kinds) == 0 {
		return []string{"none"}, err
	}
	return append([]string{"open"}, kinds...), nil
}

// certificateFields are about the newest certificate.
func certificateFields() []field {
	return []field{
		{name: "issuer", texts: func(ctx context.Context, v *view, _ string) ([]string, error) {
			c, err := v.newest(ctx)
			if err != nil || c == nil {
				return nil, err
			}
			return present(c.Issuer), nil
		}},
		{name: "key", kind: word, words: keyTypes(), texts: func(ctx context.Context, v *view, _ string) ([]string, error) {
			kind, err := v.keyType(ctx)
			return present(kind), err
		}},
	}
}

func keyTypes() []string {
	var list []string
	for _, k := range []profile.KeyType{
		profile.ECP256, profile.ECP384, profile.ECP521, profile.Ed25519, profile.RSA2048, profile.RSA3072, profile.RSA4096,
	} {
		list = append(list, string(k))
	}
	return list
}

func roles(ctx context.Context, v *view, _ string) ([]string, error) {
	c, err := v.x509(ctx)
	if err != nil || c == nil {
		return nil, err
	}
	return c.Subject.OrganizationalUnit, nil
}

// recorded is a time of the device's record.
func recorded(get func(*store.Device) time.Time) func(context.Context, *view, string) (uint64, bool, error) {
	return func(_ context.Context, v *view, _ string) (uint64, bool, error) {
		n, ok := rankOfTime(get(&v.Device))
		return n, ok, nil
	}
}

// certified is a time of the newest certificate.
func certified(get func(*Certificate) time.Time) func(context.Context, *view, string) (uint64, bool, error) {
	return func(ctx context.Context, v *view, _ string) (uint64, bool, error) {
		c, err := v.newest(ctx)
		if err != nil || c == nil {
			return 0, false, err
		}
		n, ok := rankOfTime(get(c))
		return n, ok, nil
	}
}

func timeFields() []field {
	return []field{
		{name: "created", kind: instant, rank: func(ctx context.Context, v *view, _ string) (uint64, bool, error) {
			t, err := v.createdAt(ctx)
			n, ok := rankOfTime(t)
			return n, ok, err
		}},
		{name: "activated", kind: instant, rank: recorded(func(d *store.Device) time.Time { return d.ActivatedAt })},
		{name: "renewed", kind: instant, rank: recorded(func(d *store.Device) time.Time { return d.RenewedAt })},
		{name: "seen", kind: instant, rank: recorded(func(d *store.Device) time.Time { return d.SeenAt })},
		{name: "revoked", kind: instant, rank: certified(func(c *Certificate) time.Time {
			if c.Status != store.Revoked {
				return time.Time{}
			}
			return c.RevokedAt
		})},
		{name: "not_after", kind: instant, rank: certified(func(c *Certificate) time.Time { return c.NotAfter })},
	}
}

// rankOfTime orders times by the second, as they are shown.
func rankOfTime(t time.Time) (uint64, bool) { return uint64(t.Unix()) ^ 1<<63, !t.IsZero() }
