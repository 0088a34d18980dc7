package ca

import (
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/ca/lint"
	"github.com/assay-pki/assay/ca/profile"
)

func TestAStationsCertificate(t *testing.T) {
	now := epoch.Truncate(time.Second)
	for _, row := range []struct {
		name, url  string
		until      time.Time
		clientAuth bool
		notAfter   time.Time
	}{
		{name: "two years", url: publicURL, notAfter: now.Add(2 * profile.Year)},
		{name: "until", url: publicURL, until: now.Add(30 * profile.Day), notAfter: now.Add(30 * profile.Day)},
		{name: "until later than two years", url: publicURL, until: now.Add(3 * profile.Year), notAfter: now.Add(2 * profile.Year)},
		{name: "client auth", url: publicURL, clientAuth: true, notAfter: now.Add(2 * profile.Year)},
		{name: "local", notAfter: now.Add(2 * profile.Year)},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := found(t, row.url, epoch)
			made, err := b.authority.Station(t.Context(), StationRequest{
				Name: "leipzig-l3-1", SPKI: newSPKI(t), Until: row.until, ClientAuth: row.clientAuth,
			})
			if err != nil {
				t.Fatal(err)
			}
			c := parseCertificate(t, made.DER)
			if c.Subject.String() != "CN=leipzig-l3-1,O=acme" || made.Issuer != "operations-1" || !c.NotAfter.Equal(row.notAfter) || !made.NotAfter.Equal(row.notAfter) {
				t.Errorf("%s of %s ends %v, want %v", c.Subject, made.Issuer, c.NotAfter, row.notAfter)
			}
			if len(c.UnknownExtKeyUsage) != 1 || !c.UnknownExtKeyUsage[0].Equal(lint.PurposeCMCRA()) {
				t.Errorf("purposes %v", c.UnknownExtKeyUsage)
			}
			// Threat 20: it is no broker's client and no server.
			if err := b.verify(t, c, x509.ExtKeyUsageClientAuth); (err == nil) != row.clientAuth {
				t.Errorf("as a client: %v", err)
			}
			if err := b.verify(t, c, x509.ExtKeyUsageServerAuth); err == nil {
				t.Error("a station can be a server")
			}
		})
	}
}

func TestStationsThatAreRefused(t *testing.T) {
	b := found(t, publicURL, epoch)
	for _, name := range []string{"", "A", "a b", strings.Repeat("x", 33), "-a"} {
		if _, err := b.authority.Station(t.Context(), StationRequest{Name: name, SPKI: newSPKI(t)}); !errors.Is(err, ErrConfig) {
			t.Errorf("station %q: got %v, want ErrConfig", name, err)
		}
	}
	if _, err := b.authority.Station(t.Context(), StationRequest{Name: "x", SPKI: []byte{0x30, 0}}); !errors.Is(err, ErrKey) {
		t.Errorf("noise for a key: got %v, want ErrKey", err)
	}
	if _, err := b.authority.Station(t.Context(), StationRequest{Name: "x", SPKI: newSPKI(t), Until: epoch}); !errors.Is(err, ErrIssuerExpired) {
		t.Errorf("until now: got %v, want ErrIssuerExpired", err)
	}
}

func TestOpensslReadsAStationsPurpose(t *testing.T) {
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	b := found(t, publicURL, epoch)
	made, err := b.authority.Station(t.Context(), StationRequest{Name: "leipzig-l3-1", SPKI: newSPKI(t)})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "station.cer")
	if err := os.WriteFile(path, made.DER, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "x509", "-inform", "DER", "-in", path, "-noout", "-ext", "extendedKeyUsage,keyUsage", "-subject", "-nameopt", "RFC2253").CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	for _, want := range []string{"CMC Registration Authority", "Digital Signature", "CN=leipzig-l3-1,O=acme"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("openssl does not say %q:\n%s", want, out)
		}
	}
}
