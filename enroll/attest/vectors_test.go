package attest_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/enroll/attest"
)

var update = flag.Bool("update", false, "write docs/vectors instead of comparing with it")

const vectorsDir = "../../docs/vectors"

// vector is a published statement, with all that a verifier needs. Keys are
// the hex of a SubjectPublicKeyInfo, SigningKey that of a PKCS #8 key.
type vector struct {
	Name string `json:"name"`
	// What the statement is held against.
	Product     string   `json:"product"`
	Serial      string   `json:"serial"`
	SPKI        string   `json:"spki"`
	CSRSHA256   string   `json:"csr_sha256,omitempty"`
	Now         string   `json:"now"`
	IssuedFrom  string   `json:"issued_from,omitempty"`
	IssuedUntil string   `json:"issued_until,omitempty"`
	DeviceKey   string   `json:"device_key,omitempty"`
	CSRKey      string   `json:"csr_key,omitempty"`
	StationKey  string   `json:"station_key,omitempty"`
	StationName string   `json:"station_name,omitempty"`
	Formats     []string `json:"formats"`
	SigningKey  string   `json:"signing_key"`
	COSE        string   `json:"cose"`
	Attribute   string   `json:"attribute,omitempty"`
	Code        string   `json:"code,omitempty"`
	Claims      *said    `json:"claims,omitempty"`
}

// said is what an accepted statement says.
type said struct {
	Format       string         `json:"format"`
	Tier         string         `json:"tier"`
	Subject      string         `json:"subject"`
	Nonce        string         `json:"nonce,omitempty"`
	Debug        *uint64        `json:"dbgstat,omitempty"`
	Station      string         `json:"station,omitempty"`
	Method       uint64         `json:"method,omitempty"`
	IssuedAt     string         `json:"issued_at,omitempty"`
	SHA256       string         `json:"statement_sha256"`
	Measurements []saidMeasured `json:"measurements"`
}

type saidMeasured struct {
	Component string  `json:"component"`
	Digest    string  `json:"digest"`
	Version   string  `json:"version,omitempty"`
	SVN       *uint64 `json:"svn,omitempty"`
	Signer    string  `json:"signer,omitempty"`
}

func say(c *attest.Claims) *said {
	s := &said{
		Format: c.Format, Tier: c.Tier, Subject: c.Subject, Nonce: hex.EncodeToString(c.Nonce), Debug: c.Debug,
		Station: c.Station, Method: c.Method, SHA256: hex.EncodeToString(c.Digest[:]),
	}
	if !c.IssuedAt.IsZero() {
		s.IssuedAt = c.IssuedAt.Format(time.RFC3339)
	}
	for _, m := range c.Measurements {
		s.Measurements = append(s.Measurements, saidMeasured{
			m.Component, m.Alg + ":" + hex.EncodeToString(m.Digest), m.Version, m.SVN, hex.EncodeToString(m.Signer),
		})
	}
	return s
}

func publicHex(t *testing.T, key crypto.PublicKey) string {
	t.Helper()
	if key == nil {
		return ""
	}
	return hex.EncodeToString(spkiOf(t, key))
}

func timeText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format(time.RFC3339)
}

// vectorOf publishes a case.
func vectorOf(t *testing.T, c verifyCase) vector {
	t.Helper()
	d := c.make(t)
	if c.with != nil {
		c.with(d)
	}
	var private any = d.signer
	if k, ok := d.signer.(fixedSigner); ok {
		private = k.PrivateKey
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	v := vector{
		Name: c.name, Product: d.binding.Product, Serial: d.binding.Serial, SPKI: hex.EncodeToString(d.binding.SPKI),
		CSRSHA256: hex.EncodeToString(d.binding.CSR), Now: timeText(d.binding.Now),
		IssuedFrom: timeText(d.binding.IssuedFrom), IssuedUntil: timeText(d.binding.IssuedUntil),
		DeviceKey: publicHex(t, d.keys.Self), CSRKey: publicHex(t, d.keys.CSRKey), StationKey: publicHex(t, d.keys.Station),
		StationName: d.keys.StationName, Formats: append([]string{}, d.formats...),
		SigningKey: hex.EncodeToString(pkcs8), COSE: hex.EncodeToString(d.sign()), Code: c.code,
	}
	if !d.header {
		v.Attribute = hex.EncodeToString(d.value())
	}
	if claims, err := d.verify(); err == nil {
		v.Claims = say(claims)
	}
	return v
}

func vectorFiles(t *testing.T) map[string][]verifyCase {
	return map[string][]verifyCase{
		"accepted.json": accepted(t), "refused-self.json": refusedSelf(t), "refused-station.json": refusedStation(t),
	}
}

// TestVectors holds the published files against the cases they were made
// from. `go test ./enroll/attest -run TestVectors -update` makes them again.
func TestVectors(t *testing.T) {
	for name, cases := range vectorFiles(t) {
		var vectors []vector
		for _, c := range cases {
			vectors = append(vectors, vectorOf(t, c))
		}
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		if err := e.Encode(vectors); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(vectorsDir, name)
		if *update {
			if err := os.MkdirAll(vectorsDir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s is not what the cases give; see this test's comment", path)
		}
	}
}

func readVectors(t *testing.T, name string) []vector {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorsDir, name))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(vectors) == 0 {
		t.Fatalf("%s has no vectors", name)
	}
	return vectors
}

// TestVectorsVerify uses the published files alone, as a stranger would.
func TestVectorsVerify(t *testing.T) {
	for name := range vectorFiles(t) {
		for _, v := range readVectors(t, name) {
			t.Run(v.Name, func(t *testing.T) {
				claims, err := v.verify(t)
				if code := codeOf(t, err); code != v.Code {
					t.Fatalf("got code %q (%v), want %q", code, err, v.Code)
				}
				if err != nil {
					return
				}
				if diff := cmp.Diff(v.Claims, say(claims)); diff != "" {
					t.Errorf("claims (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func (v vector) verify(t *testing.T) (*attest.Claims, error) {
	t.Helper()
	binding := attest.Binding{
		SPKI: unhex(t, v.SPKI), CSR: unhex(t, v.CSRSHA256), Product: v.Product, Serial: v.Serial,
		Now: readTime(t, v.Now), IssuedFrom: readTime(t, v.IssuedFrom), IssuedUntil: readTime(t, v.IssuedUntil),
	}
	keys := attest.Keys{
		Self: readKey(t, v.DeviceKey), CSRKey: readKey(t, v.CSRKey), Station: readKey(t, v.StationKey), StationName: v.StationName,
	}
	b, err := attest.HeaderBundle(unhex(t, v.COSE))
	if v.Attribute != "" {
		b, err = attest.ParseBundle(unhex(t, v.Attribute))
	}
	if err != nil {
		return nil, err
	}
	return attest.Verify(b, binding, keys, v.Formats)
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readTime(t *testing.T, s string) time.Time {
	t.Helper()
	if s == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func readKey(t *testing.T, s string) crypto.PublicKey {
	t.Helper()
	if s == "" {
		return nil
	}
	key, err := x509.ParsePKIXPublicKey(unhex(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return key
}
