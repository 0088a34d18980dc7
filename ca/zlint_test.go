package ca

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/profile"
)

// zlintSources are those of promise P5.
const zlintSources = "RFC5280,RFC5480,RFC3279,RFC8813,RFC5891,Community"

func zlint(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("zlint"); err == nil {
		return path
	}
	for _, dir := range []string{os.Getenv("GOBIN"), filepath.Join(os.Getenv("HOME"), "go", "bin")} {
		if path, err := exec.LookPath(filepath.Join(dir, "zlint")); dir != "" && err == nil {
			return path
		}
	}
	t.Skip("zlint is not installed: go install github.com/zmap/zlint/v3/cmd/zlint@v3.6.6")
	return ""
}

// P5: zlint finds no error and no warning in anything that we sign.
func TestPromise5ZlintFindsNothing(t *testing.T) {
	program := zlint(t)
	b := found(t, publicURL, epoch)
	list := map[string][]byte{}
	for _, i := range b.authority.Issuers() {
		list[i.Name] = i.Certificate.Raw
		if i.ID == 1 {
			continue
		}
		anchor, err := b.authority.Anchor(i.ID)
		if err != nil {
			t.Fatal(err)
		}
		list[i.Name+" anchor"] = anchor
		made, err := b.authority.Responder(t.Context(), ResponderRequest{Issuer: i.ID, SPKI: newSPKI(t)})
		if err != nil {
			t.Fatal(err)
		}
		list[i.Name+" responder"] = made.DER
	}
	operator, err := b.authority.Operator(t.Context(), OperatorRequest{Name: "mira", SPKI: newSPKI(t)})
	if err != nil {
		t.Fatal(err)
	}
	server, err := b.authority.Server(t.Context(), ServerRequest{Hosts: []string{"est.example.com", "127.0.0.1"}, SPKI: newSPKI(t)})
	if err != nil {
		t.Fatal(err)
	}
	list["operator"], list["server"] = operator.DER, server.DER
	for name, clientAuth := range map[string]bool{"station": false, "station and client": true} {
		station, err := b.authority.Station(t.Context(), StationRequest{Name: "leipzig-l3-1", SPKI: newSPKI(t), ClientAuth: clientAuth})
		if err != nil {
			t.Fatal(err)
		}
		list[name] = station.DER
	}
	birth, err := b.authority.Sign(t.Context(), profile.Order{
		Profile: compiledBirth(t, `{"birth":{}}`), SPKI: newSPKI(t), Names: profile.Names{Product: "sensor-s1", Serial: "SN-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	list["birth"] = birth.DER
	specs := map[string]string{
		"plain": `{` + everyKey + `}`, "long": `{` + everyKey + `,"operational":{"validity":"825d"}}`,
		"names": `{` + everyKey + `,"roles":["sensor","b_c"],"operational":{"status":["ocsp"],"san":{"dns":["{product}.devices.example.com"],"uri":["urn:dev:{serial}"]}}}`,
	}
	publics := deviceKeys(t)
	publics[profile.RSA2048] = rsaOf(t, 2048) // zlint factors small primes
	for name, spec := range specs {
		for kind, public := range publics {
			if kind == profile.RSA3072 || kind == profile.RSA4096 {
				continue
			}
			made, err := b.authority.Sign(t.Context(), profile.Order{
				Profile: compiled(t, spec), SPKI: spkiOf(t, public),
				Names: profile.Names{Product: "sensor-s1", Serial: "SN_1:" + name},
			})
			if err != nil {
				t.Fatal(err)
			}
			list["device "+name+" "+string(kind)] = made.DER
		}
	}
	for name, der := range list {
		for _, finding := range runZlint(t, program, der) {
			t.Errorf("%s: %s", name, finding)
		}
	}
	// A certificate with faults, so that silence means something.
	key, _ := keys.Generate(keys.ECP256)
	bad := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: epoch, NotAfter: epoch.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, bad, bad, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if len(runZlint(t, program, der)) == 0 {
		t.Error("zlint finds nothing in a certificate without a subject")
	}
}

// runZlint returns the errors and warnings.
func runZlint(t *testing.T, program string, der []byte) (findings []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.der")
	if err := os.WriteFile(path, der, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "-format", "der", "-includeSources", zlintSources, path).Output()
	if err != nil {
		t.Fatalf("zlint: %v", err)
	}
	var results map[string]struct {
		Result  string `json:"result"`
		Details string `json:"details"`
	}
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatal(err)
	}
	if len(results) < 50 {
		t.Fatalf("zlint ran %d lints only", len(results))
	}
	for rule, r := range results {
		switch r.Result {
		case "pass", "NA", "NE", "info":
		default:
			findings = append(findings, rule+": "+r.Result+" "+r.Details)
		}
	}
	return findings
}
