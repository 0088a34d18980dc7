package attest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/enroll/attest"
	"github.com/assay-pki/assay/enroll/evidence"
)

// made is what the producers are given to say what the vectors say.
func made(d *draft) evidence.Statement {
	return evidence.Statement{
		Product: d.binding.Product, Serial: d.binding.Serial, Nonce: nonce(), SPKI: d.binding.SPKI, Debug: evidence.DebugDisabled,
		Measurements: []evidence.Measurement{{Component: "firmware", Digest: digest("firmware 1.4.2"), Version: "1.4.2", SVN: new(uint64(7))}},
	}
}

// TestProducerMakesVectors: enroll/evidence, which has its own writer, gives
// the published bytes.
func TestProducerMakesVectors(t *testing.T) {
	self, err := evidence.Self(ecKey(t, elliptic.P256(), "birth"), made(newSelf(t)))
	if err != nil {
		t.Fatal(err)
	}
	s := made(newStation(t))
	s.Station, s.Method, s.IssuedAt, s.Debug = "leipzig-l3-1", evidence.MethodBootROM, now(), 0
	station, err := evidence.Station(ecKey(t, elliptic.P256(), "station"), s)
	if err != nil {
		t.Fatal(err)
	}
	s.CSR = []byte("the DER of a request")
	header, err := evidence.Station(ecKey(t, elliptic.P256(), "station"), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		vector    string
		cose      []byte
		attribute bool
	}{
		{"self by the birth key", self, true},
		{"station", station, true},
		{"station in the request field", header, false},
	} {
		v := published(t, c.vector)
		if diff := cmp.Diff(v.COSE, hex.EncodeToString(c.cose)); diff != "" {
			t.Errorf("%s (-published +made):\n%s", c.vector, diff)
		}
		if !c.attribute {
			continue
		}
		value, err := evidence.Attribute(c.cose)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v.Attribute, hex.EncodeToString(value)); diff != "" {
			t.Errorf("%s, attribute (-published +made):\n%s", c.vector, diff)
		}
	}
}

// TestRoundTrip goes from measurements through both packages, with each kind
// of key, random signatures, and a bundle of both formats.
func TestRoundTrip(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{
		"P-256": ecKey(t, elliptic.P256(), "birth").PrivateKey, "P-384": p384, "Ed25519": edKey("birth"),
	} {
		t.Run(name, func(t *testing.T) {
			d := newStation(t)
			s := made(d)
			sha384 := slices.Concat(digest("a"), digest("b")[:16])
			s.Measurements = append(s.Measurements,
				evidence.Measurement{Component: "bootloader", Alg: "sha384", Digest: sha384, SVN: new(uint64(1 << 40)), Signer: digest("signer")},
				evidence.Measurement{Component: "radio", Alg: "sha512", Digest: make([]byte, 64)})
			self, err := evidence.Self(key, s)
			if err != nil {
				t.Fatal(err)
			}
			s.Station, s.Method, s.IssuedAt = d.keys.StationName, evidence.MethodDebugPort, now().Add(time.Minute)
			station, err := evidence.Station(key, s)
			if err != nil {
				t.Fatal(err)
			}
			value, err := evidence.Attribute(self, station)
			if err != nil {
				t.Fatal(err)
			}
			b, err := attest.ParseBundle(value)
			if err != nil {
				t.Fatal(err)
			}
			measurements := []attest.Measurement{
				{Component: "firmware", Alg: "sha256", Digest: digest("firmware 1.4.2"), Version: "1.4.2", SVN: new(uint64(7))},
				{Component: "bootloader", Alg: "sha384", Digest: sha384, SVN: new(uint64(1 << 40)), Signer: digest("signer")},
				{Component: "radio", Alg: "sha512", Digest: make([]byte, 64)},
			}
			keys := attest.Keys{Self: key.Public(), Station: key.Public(), StationName: d.keys.StationName}
			for _, want := range []attest.Claims{
				{Format: "self", Tier: "T1", Digest: sha256.Sum256(self)},
				{Format: "station", Tier: "T1s", Digest: sha256.Sum256(station), Station: "leipzig-l3-1", Method: 1, IssuedAt: now().Add(time.Minute)},
			} {
				want.Nonce, want.Debug, want.Subject, want.Measurements = nonce(), new(uint64(1)), "sensor-s1/SN-00000001", measurements
				got, err := attest.Verify(b, d.binding, keys, []string{want.Format})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(&want, got); diff != "" {
					t.Errorf("claims (-want +got):\n%s", diff)
				}
			}
		})
	}
}
