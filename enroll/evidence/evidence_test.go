package evidence

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
)

func key(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func good() Statement {
	return Statement{
		Product: "sensor-s1", Serial: "SN-1", Nonce: make([]byte, 32), SPKI: []byte("spki"), Debug: DebugDisabled,
		Measurements: []Measurement{{Component: "firmware", Digest: make([]byte, 32)}},
	}
}

func goodStation() Statement {
	s := good()
	s.Station, s.Method, s.IssuedAt = "leipzig-l3-1", MethodProgrammer, time.Unix(1_800_000_000, 0)
	return s
}

func TestFaultsOfStatements(t *testing.T) {
	for _, c := range []struct {
		name    string
		station bool
		change  func(*Statement)
		want    string // part of the error; empty: none
	}{
		{"self", false, func(*Statement) {}, ""},
		{"self without a nonce", false, func(s *Statement) { s.Nonce = nil }, ""},
		{"no product", false, func(s *Statement) { s.Product = "" }, "Product"},
		{"no serial", false, func(s *Statement) { s.Serial = "" }, "Serial"},
		{"a long serial", false, func(s *Statement) { s.Serial = strings.Repeat("1", 128) }, "Serial"},
		{"a short nonce", false, func(s *Statement) { s.Nonce = make([]byte, 7) }, "Nonce"},
		{"a long nonce", false, func(s *Statement) { s.Nonce = make([]byte, 65) }, "Nonce"},
		{"no key", false, func(s *Statement) { s.SPKI = nil }, "SPKI"},
		{"an unknown debug state", false, func(s *Statement) { s.Debug = 5 }, "Debug"},
		{"no measurement", false, func(s *Statement) { s.Measurements = nil }, "Measurements"},
		{"17 measurements", false, func(s *Statement) { s.Measurements = make([]Measurement, 17) }, "Measurements"},
		{"a component twice", false, func(s *Statement) { s.Measurements = append(s.Measurements, s.Measurements[0]) }, "twice"},
		{"no component", false, func(s *Statement) { s.Measurements[0].Component = "" }, "Component"},
		{"a component that is not UTF-8", false, func(s *Statement) { s.Measurements[0].Component = "\xff" }, "Component"},
		{"an unknown algorithm", false, func(s *Statement) { s.Measurements[0].Alg = "sha1" }, "Alg"},
		{"a digest too short", false, func(s *Statement) { s.Measurements[0].Alg = "sha384" }, "Digest"},
		{"a version too long", false, func(s *Statement) { s.Measurements[0].Version = strings.Repeat("1", 65) }, "Version"},
		{"a signer too long", false, func(s *Statement) { s.Measurements[0].Signer = make([]byte, 65) }, "Signer"},
		{"a station in self", false, func(s *Statement) { s.Station = "x" }, "Station alone"},
		{"a request in self", false, func(s *Statement) { s.CSR = []byte{} }, "Station alone"},
		{"station", true, func(*Statement) {}, ""},
		{"station about a request", true, func(s *Statement) { s.CSR = []byte("csr") }, ""},
		{"station without its name", true, func(s *Statement) { s.Station = "" }, "Station"},
		{"station without a nonce", true, func(s *Statement) { s.Nonce = nil }, "Nonce"},
		{"station without a method", true, func(s *Statement) { s.Method = 0 }, "Method"},
		{"station with method 4", true, func(s *Statement) { s.Method = 4 }, "Method"},
		{"station without a time", true, func(s *Statement) { s.IssuedAt = time.Time{} }, "IssuedAt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, produce := good(), Self
			if c.station {
				s, produce = goodStation(), Station
			}
			c.change(&s)
			_, err := produce(key(t, elliptic.P256()), s)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one about %q", err, c.want)
			}
		})
	}
}

// odd is a signer that fails, or that gives back what it should not.
type odd struct {
	crypto.Signer
	signature []byte
	err       error
}

func (o odd) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return o.signature, o.err }

func TestKeysThatCannotSign(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the token is gone")
	p256 := key(t, elliptic.P256())
	zeroR := []byte("\x30\x06\x02\x01\x00\x02\x01\x01")
	long := append([]byte("\x30\x26\x02\x21\x7f"), append(make([]byte, 32), "\x02\x01\x01"...)...)
	for name, signer := range map[string]crypto.Signer{
		"P-521": key(t, elliptic.P521()), "RSA": rsaKey, "fails": odd{p256, nil, broken},
		"no DER": odd{p256, []byte("x"), nil}, "r is 0": odd{p256, zeroR, nil}, "r of 264 bits": odd{p256, long, nil},
	} {
		_, err := Self(signer, good())
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
		if name == "fails" && !errors.Is(err, broken) {
			t.Errorf("got %v, want it to wrap %v", err, broken)
		}
	}
}

// TestWriterIsDeterministic holds the writer against another one.
func TestWriterIsDeterministic(t *testing.T) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{0, 1, 23, 24, 255, 256, 65535, 65536, 1 << 32, 1<<32 - 1, 1<<63 - 1, -1, -24, -25, -256, -257, -75001, -1 << 63} {
		want, err := mode.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendInt(nil, n); !bytes.Equal(got, want) {
			t.Errorf("%d: got %x, want %x", n, got, want)
		}
	}
	for _, n := range []int{0, 23, 24, 255, 256, 65535, 65536} {
		b := make([]byte, n)
		want, err := mode.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendBytes(nil, b); !bytes.Equal(got, want) {
			t.Errorf("%d octets: another encoding", n)
		}
	}
	s := goodStation()
	s.CSR = []byte("csr")
	payload := s.payload(profileStation)
	var claims map[any]any
	if err := cbor.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	again, err := mode.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(again, payload); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestAttributeFaults(t *testing.T) {
	self, err := Self(key(t, elliptic.P256()), good())
	if err != nil {
		t.Fatal(err)
	}
	for name, statements := range map[string][][]byte{
		"none": {}, "nine": {self, self, self, self, self, self, self, self, self}, "not ours": {[]byte("\xd2\x84")},
	} {
		if _, err := Attribute(statements...); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestMeasureFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "firmware.bin")
	image := bytes.Repeat([]byte("firmware"), 100_000)
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := MeasureFile("firmware", path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(image)
	if diff := cmp.Diff(Measurement{Component: "firmware", Alg: "sha256", Digest: sum[:]}, got); diff != "" {
		t.Errorf("measurement (-want +got):\n%s", diff)
	}
	if _, err := MeasureFile("firmware", path+".gone"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want os.ErrNotExist", err)
	}
	if _, err := MeasureFile("firmware", t.TempDir()); err == nil {
		t.Error("a directory was measured")
	}
}
