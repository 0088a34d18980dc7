package server_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/assay-pki/assay/api/v1"
)

// These are the clients that people have: curl, openssl, strongSwan. Each test
// does what a person would type.

// desk is a directory to type in, beside a running node.
type desk struct {
	*node
	dir string
}

// newDesk starts a node; the tools that are named must be there.
func newDesk(t *testing.T, tools ...string) *desk {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	n := newAuthority(t).start(t)
	n.product(t, sensor, "")
	d := &desk{node: n, dir: t.TempDir()}
	d.file(t, "ca.crt", d.authority.file("operators/admin/ca.crt"))
	d.file(t, "devices-1.crt", d.authority.file("ca/devices-1.crt"))
	return d
}

// file copies one in.
func (d *desk) file(t *testing.T, name, from string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// run types a line for the shell. It returns everything that is said, and the
// exit status.
func (d *desk) run(t *testing.T, line string, values ...any) (string, int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", "-c", fmt.Sprintf(line, values...))
	c.Dir = d.dir
	// No settings of the person who runs the tests.
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "LC_ALL=C", "no_proxy=*"}
	out, err := c.CombinedOutput()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), c.ProcessState.ExitCode()
}

// must wants it to end well.
func (d *desk) must(t *testing.T, line string, values ...any) string {
	t.Helper()
	out, status := d.run(t, line, values...)
	if status != 0 {
		t.Fatalf("%s: exit status %d\n%s", fmt.Sprintf(line, values...), status, out)
	}
	return out
}

// request makes NAME.key and NAME.b64, a request for the subject.
func (d *desk) request(t *testing.T, name, subject string) {
	t.Helper()
	d.must(t, `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -subj '%s' -outform DER | openssl base64 >%s.b64`,
		name, subject, name)
}

// certificate makes NAME.crt of the answer in NAME.p7.
func (d *desk) certificate(t *testing.T, name string) *device {
	t.Helper()
	d.must(t, `openssl base64 -d -A <%s.p7 | openssl pkcs7 -inform DER -print_certs | openssl x509 >%s.crt`, name, name)
	return &device{cert: readCertificate(t, filepath.Join(d.dir, name+".crt"))}
}

// curl posts NAME.b64 and leaves the answer in NAME.p7; it returns status and
// media type.
func (d *desk) curl(t *testing.T, name, url, credential string) string {
	t.Helper()
	return d.must(t, `curl -sS --cacert ca.crt %s -H 'Content-Type: application/pkcs10' --data-binary @%s.b64 -o %s.p7 -w '%%{http_code} %%{content_type}' %s`,
		credential, name, name, url)
}

const issued = "200 application/pkcs7-mime; smime-type=certs-only"

// enrolByToken is the first certificate of a device.
func (d *desk) enrolByToken(t *testing.T, name, serial string) *device {
	t.Helper()
	token := d.token(t, v1.TokenRequest{Product: sensor, Serial: serial}).Token
	d.request(t, name, "/CN="+serial)
	if got := d.curl(t, name, d.url("simpleenroll", sensor), "-u "+serial+":"+token); got != issued {
		t.Fatalf("got %s\n%s", got, d.must(t, "cat %s.p7", name))
	}
	return d.certificate(t, name)
}

func TestEST044CurlAndOpensslEnrolAndRenew(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "curl", "openssl")
	serial := "SN-00000001"
	first := d.enrolByToken(t, "first", serial)
	subject := strings.TrimSpace(d.must(t, "openssl x509 -in first.crt -noout -subject -nameopt compat"))
	if want := "subject=/O=Test/OU=sensor/CN=SN-00000001/serialNumber=SN-00000001"; subject != want {
		t.Errorf("got %s, want %s", subject, want)
	}
	d.must(t, "openssl verify -CAfile ca.crt -untrusted devices-1.crt -x509_strict -purpose sslclient first.crt")

	t.Run("EST005 without a label", func(t *testing.T) {
		token := d.token(t, v1.TokenRequest{Product: sensor}).Token
		d.request(t, "plain", "/serialNumber=SN-00000002")
		if got := d.curl(t, "plain", d.url("simpleenroll", ""), "-u :"+token); got != issued {
			t.Fatalf("got %s", got)
		}
		if got := d.certificate(t, "plain").cert.Subject.CommonName; got != "SN-00000002" {
			t.Errorf("enrolled %s", got)
		}
	})
	for _, row := range []struct{ name, subject string }{
		{"EST055 the issued subject, as openssl encodes it", strings.TrimPrefix(subject, "subject=")},
		{"EST059 no subject", "/"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d.request(t, "second", row.subject)
			if got := d.curl(t, "second", d.url("simplereenroll", sensor), "--cert first.crt --key first.key"); got != issued {
				t.Fatalf("got %s: %s", got, d.must(t, "cat second.p7"))
			}
			second := d.certificate(t, "second")
			if string(second.cert.RawSubject) != string(first.cert.RawSubject) {
				t.Errorf("renewed as %s, was %s", second.cert.Subject, first.cert.Subject)
			}
			d.must(t, "openssl verify -CAfile ca.crt -untrusted devices-1.crt -x509_strict second.crt")
			// The new key is the certificate's.
			d.must(t, "test \"$(openssl x509 -in second.crt -noout -pubkey)\" = \"$(openssl pkey -in second.key -pubout)\"")
		})
	}
	t.Run("EST036 CA certificates", func(t *testing.T) {
		// A label's are its own issuers; this product has no birth profile.
		for label, want := range map[string]string{sensor: "2", "": "3"} {
			out := d.must(t, "curl -sS --cacert ca.crt %s | openssl base64 -d -A | openssl pkcs7 -inform DER -print_certs | grep -c BEGIN", d.url("cacerts", label))
			if got := strings.TrimSpace(out); got != want {
				t.Errorf("label %q: %s CA certificates, want %s of root, devices-1 and births-1", label, got, want)
			}
		}
	})
}

func TestThreat23TLSVersions(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "curl", "openssl")
	for _, row := range []struct {
		version, ciphers, want string
		status                 int
	}{
		{"-tls1_2", "DEFAULT", "Protocol  : TLSv1.2", 0},
		{"-tls1_3", "DEFAULT", "TLSv1.3", 0},
		{"-tls1_1", "DEFAULT@SECLEVEL=0", "alert protocol version", 1},
		{"-tls1_2", "ECDHE-ECDSA-AES128-SHA", "alert handshake failure", 1}, // CBC
	} {
		out, status := d.run(t, `openssl s_client -connect %s %s -cipher %s -CAfile ca.crt -verify_return_error </dev/null`, d.at.EST, row.version, row.ciphers)
		if status != row.status || !strings.Contains(out, row.want) {
			t.Errorf("%s %s: exit status %d, want %d and %q\n%s", row.version, row.ciphers, status, row.status, row.want, out)
		}
	}
	// 35 is curl's exit status of a failed handshake.
	for version, want := range map[string]int{"1.1": 35, "1.2": 0, "1.3": 0} {
		out, status := d.run(t, `curl -sS --cacert ca.crt --tlsv%s --tls-max %s --ciphers 'DEFAULT@SECLEVEL=0' -o cas.p7 %s`, version, version, d.url("cacerts", ""))
		if status != want {
			t.Errorf("curl by TLS %s: exit status %d, want %d\n%s", version, status, want, out)
		}
	}
}

func TestStrongSwan(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "pki", "openssl")
	if help, _ := d.run(t, "pki --help"); !strings.Contains(help, "--est ") || !strings.Contains(help, "curl") {
		t.Skip("strongSwan's pki has no EST or no HTTP client: apt-get install strongswan-pki libstrongswan-extra-plugins")
	}
	base := "https://" + d.at.EST
	d.must(t, "pki --estca --url %s --cacert ca.crt --caout cas --outform pem", base)
	d.must(t, "grep -q BEGIN cas*")
	token := d.token(t, v1.TokenRequest{Product: sensor, Serial: "SN-00000003"}).Token
	d.must(t, "pki --gen --type ecdsa --size 256 --outform pem >one.key")
	d.must(t, "pki --req --in one.key --type priv --dn 'CN=SN-00000003' >one.req")
	d.must(t, "pki --est --url %s --in one.req --cacert ca.crt --userpass SN-00000003:%s --outform pem >one.crt", base, token)
	d.must(t, "openssl verify -CAfile ca.crt -untrusted devices-1.crt one.crt")
	d.must(t, "pki --gen --type ecdsa --size 256 --outform pem >two.key")
	d.must(t, "pki --req --in two.key --type priv --dn 'O=Test, OU=sensor, CN=SN-00000003, serialNumber=SN-00000003' >two.req")
	d.must(t, "pki --est --url %s --in two.req --cacert ca.crt --cert one.crt --key one.key --outform pem >two.crt", base)
	d.must(t, "openssl verify -CAfile ca.crt -untrusted devices-1.crt two.crt")
}
