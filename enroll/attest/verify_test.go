package attest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/assay-pki/assay/enroll/attest"
)

// codeOf is the code of a refusal, empty for none.
func codeOf(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*attest.Error](err)
	if !ok {
		t.Fatalf("got error %T %v, want *attest.Error", err, err)
	}
	if e.Code == "" || !strings.HasPrefix(e.Error(), e.Code) {
		t.Errorf("error %q does not begin with its code %q", e, e.Code)
	}
	return e.Code
}

func TestVerify(t *testing.T) {
	for _, c := range allCases(t) {
		t.Run(c.name, func(t *testing.T) {
			d := c.make(t)
			if c.with != nil {
				c.with(d)
			}
			claims, err := d.verify()
			if code := codeOf(t, err); code != c.code {
				t.Fatalf("got code %q (%v), want %q", code, err, c.code)
			}
			if err == nil && claims.Tier != c.tier {
				t.Errorf("got tier %s, want %s", claims.Tier, c.tier)
			}
		})
	}
}

func TestVerifyNoEvidence(t *testing.T) {
	for name, b := range map[string]*attest.Bundle{"no bundle": nil, "empty bundle": {}} {
		_, err := attest.Verify(b, attest.Binding{}, attest.Keys{}, []string{"self"})
		if got, want := codeOf(t, err), attest.CodeMissing; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestVerifyStrongest: of a station's and the device's own statement in one
// bundle the station's counts.
func TestVerifyStrongest(t *testing.T) {
	self, station := newSelf(t), newStation(t)
	var b attest.Bundle
	for _, d := range []*draft{self, station} {
		one, err := attest.ParseBundle(d.value())
		if err != nil {
			t.Fatal(err)
		}
		b.Statements = append(b.Statements, one.Statements...)
	}
	keys := station.keys
	keys.Self = self.keys.Self
	for _, c := range []struct {
		formats []string
		want    string
	}{{[]string{"self", "station"}, "station"}, {[]string{"self"}, "self"}} {
		claims, err := attest.Verify(&b, station.binding, keys, c.formats)
		if err != nil {
			t.Fatal(err)
		}
		if claims.Format != c.want {
			t.Errorf("formats %v: got %s, want %s", c.formats, claims.Format, c.want)
		}
	}
}

// TestIncidentOfAnotherDevice: only a key that we know can accuse.
func TestIncidentOfAnotherDevice(t *testing.T) {
	known := newSelf(t)
	known.claims[2] = "sensor-s1/SN-00000002"
	unknown := newSelf(t)
	unknown.claims[2], unknown.keys.Self, unknown.keys.CSRKey = "sensor-s1/SN-00000002", nil, known.keys.Self
	for name, c := range map[string]struct {
		d    *draft
		want string
	}{"birth key": {known, "evidence-of-another-device"}, "key of the request": {unknown, ""}} {
		_, err := c.d.verify()
		e, _ := errors.AsType[*attest.Error](err)
		if e == nil || e.Code != attest.CodeDeviceMismatch || e.Incident != c.want {
			t.Errorf("%s: got %+v, want code %s, incident %q", name, e, attest.CodeDeviceMismatch, c.want)
		}
	}
}
