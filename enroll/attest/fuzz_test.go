package attest_test

import (
	"bytes"
	"crypto/elliptic"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/enroll/attest"
)

// FuzzParseBundle feeds an attribute to what a server does with one.
func FuzzParseBundle(f *testing.F) {
	for _, c := range allCases(f) {
		d := c.make(f)
		if c.with != nil {
			c.with(d)
		}
		f.Add(d.value())
	}
	f.Add(bundleDER([][]byte{statementDER(f, "2.23.133.20.1", nest(100))}, [][]byte{[]byte("\x30\x00"), []byte("\xa3\x00")}))
	d := newSelf(f)
	f.Fuzz(func(t *testing.T, value []byte) {
		b, err := attest.ParseBundle(value)
		if err != nil {
			if code := codeOf(t, err); code != attest.CodeBadEvidence {
				t.Errorf("got code %s, want bad-evidence", code)
			}
			return
		}
		if len(b.Statements) == 0 || len(b.Statements) > 8 || len(b.Certs) > 16 {
			t.Errorf("accepted %d statements and %d certificates", len(b.Statements), len(b.Certs))
		}
		claims, err := attest.Verify(b, d.binding, d.keys, []string{"self", "station"})
		checkVerdict(t, d, claims, err)
	})
}

// FuzzVerify signs whatever claims it is given with the right key, so that
// nothing but their content stands between them and a certificate.
func FuzzVerify(f *testing.F) {
	for _, c := range allCases(f) {
		d := c.make(f)
		if c.with != nil {
			c.with(d)
		}
		f.Add(change(d.payload, encode(f, d.claims)), d.header)
	}
	f.Fuzz(func(t *testing.T, payload []byte, header bool) {
		d := newSelf(t)
		if header {
			d = newHeader(t)
			d.keys.Station = d.signer.Public()
		}
		d.signer = ecKey(t, elliptic.P256(), map[bool]string{false: "birth", true: "station"}[header])
		d.payload = func([]byte) []byte { return payload }
		claims, err := d.verify()
		checkVerdict(t, d, claims, err)
		if err == nil && !bytes.Contains(payload, []byte("sensor-s1/SN-00000001")) {
			t.Error("accepted claims that do not name the device")
		}
	})
}

func checkVerdict(t *testing.T, d *draft, claims *attest.Claims, err error) {
	t.Helper()
	if err != nil {
		codeOf(t, err)
		return
	}
	switch {
	case claims.Subject != d.binding.Product+"/"+d.binding.Serial:
		t.Errorf("accepted a statement about %q", claims.Subject)
	case len(claims.Measurements) == 0 || len(claims.Measurements) > 16:
		t.Errorf("accepted %d measurements", len(claims.Measurements))
	case claims.Format == attest.FormatStation && claims.Nonce == nil:
		t.Error("accepted a station's statement without a nonce")
	}
}

// FuzzParseRelease: what parses is printed, and comes back the same.
func FuzzParseRelease(f *testing.F) {
	f.Add("sensor-s1/1.4.2", []byte(spec))
	f.Add("p/1", []byte(`{"components":[{"component":"a","digests":["sha384:00"]}],"state":"draft","state":null}`))
	f.Fuzz(func(t *testing.T, name string, document []byte) {
		r, err := attest.ParseRelease(name, document)
		if err != nil {
			if e, ok := errors.AsType[*attest.FaultsError](err); !ok || len(e.Faults) == 0 || len(e.Faults) > 101 {
				t.Errorf("got error %T %v", err, err)
			}
			return
		}
		if r.State == attest.StateRecalled || r.Name() != name {
			t.Errorf("document %q gave release %s, %s", name, r.Name(), r.State)
		}
		body, err := r.CanonicalJSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := attest.LoadRelease(name, body)
		if err != nil {
			t.Fatalf("load %s: %v", body, err)
		}
		if diff := cmp.Diff(r, again); diff != "" {
			t.Errorf("release printed and read (-want +got):\n%s", diff)
		}
	})
}
