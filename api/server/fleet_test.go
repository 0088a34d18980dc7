package server_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"

	xocsp "golang.org/x/crypto/ocsp"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	estclient "github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/wire"
)

// sensor is the product of most tests.
const sensor = "sensor-s1"

// product declares one; an empty spec has the pattern of our serials.
func (n *node) product(t *testing.T, name, spec string) {
	t.Helper()
	if spec == "" {
		spec = `{"roles":["sensor"],"serial_pattern":"^SN-[0-9]{8}$"}`
	}
	doc := v1.Document{APIVersion: v1.APIVersion, Kind: v1.KindProduct, Name: name, Spec: json.RawMessage(spec)}
	if _, err := n.api.Apply(t.Context(), doc, client.Expect{}); err != nil {
		t.Fatal(err)
	}
}

// token makes a secret; only in the test's own goroutine.
func (n *node) token(t *testing.T, r v1.TokenRequest) v1.Token {
	t.Helper()
	token, err := n.api.CreateToken(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// device is what a real one keeps in its flash.
type device struct {
	serial string
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
}

func (d *device) id() string { return sensor + "/" + d.serial }

// hexSerial is how the admin API names a certificate.
func hexSerial(c *x509.Certificate) string {
	return hex.EncodeToString(c.SerialNumber.FillBytes(make([]byte, 16)))
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newCSR(t *testing.T, key crypto.Signer, serial string) []byte {
	t.Helper()
	csr, err := estclient.NewCSR(key, pkix.Name{CommonName: serial})
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

func renewalCSR(t *testing.T, key crypto.Signer, cert *x509.Certificate) []byte {
	t.Helper()
	csr, err := estclient.NewRenewalCSR(key, cert)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

// web is a client of the EST and admin edges, with or without a certificate.
// It keeps its connections.
func (a *authority) web(t *testing.T, certificates ...tls.Certificate) *http.Client {
	t.Helper()
	config := &tls.Config{RootCAs: a.roots}
	if len(certificates) > 0 {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificates[0], nil }
	}
	transport := &http.Transport{TLSClientConfig: config, MaxIdleConnsPerHost: 256}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// webAs shows the device's certificate.
func (a *authority) webAs(t *testing.T, d *device) *http.Client {
	t.Helper()
	return a.web(t, tls.Certificate{Certificate: [][]byte{d.cert.Raw}, PrivateKey: d.key})
}

// reply is an answer of the EST edge.
type reply struct {
	status int
	header http.Header
	body   string
	cert   *x509.Certificate
}

func (r *reply) reason() string { return r.header.Get("Assay-Reason") }

func (r *reply) String() string { return fmt.Sprintf("%d %s", r.status, r.body) }

func (n *node) url(operation, label string) string {
	u := "https://" + n.at.EST + "/.well-known/est/"
	if label != "" {
		u += label + "/"
	}
	return u + operation
}

// ask posts a request for a certificate. It may be used in any goroutine.
func (n *node) ask(ctx context.Context, c *http.Client, operation, label, user, token string, csr []byte) (*reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url(operation, label), bytes.NewReader(wire.EncodeBody(csr, false)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/pkcs10")
	if token != "" {
		req.SetBasicAuth(user, token)
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	return readReply(res)
}

func readReply(res *http.Response) (*reply, error) {
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	r := &reply{status: res.StatusCode, header: res.Header, body: string(body)}
	if r.status != http.StatusOK {
		return r, nil
	}
	der, err := wire.DecodeBody(body)
	if err != nil {
		return nil, err
	}
	list, err := wire.ParseCertsOnly(der)
	if err != nil || len(list) != 1 {
		return nil, fmt.Errorf("%d certificates: %w", len(list), err)
	}
	r.cert, err = x509.ParseCertificate(list[0])
	return r, err
}

// enrol makes a device by a token of its own.
func (n *node) enrol(t *testing.T, serial string) *device {
	t.Helper()
	d := &device{serial: serial, key: newKey(t)}
	token := n.token(t, v1.TokenRequest{Product: sensor, Serial: serial})
	r, err := n.ask(t.Context(), n.web(t), wire.OpSimpleEnroll, sensor, serial, token.Token, newCSR(t, d.key, serial))
	if err != nil || r.cert == nil {
		t.Fatalf("enrol %s: %v %v", serial, r, err)
	}
	d.cert = r.cert
	return d
}

// renew gives the device a new key and certificate by its old one.
func (n *node) renew(t *testing.T, d *device) (*device, *reply) {
	t.Helper()
	next := &device{serial: d.serial, key: newKey(t)}
	r, err := n.ask(t.Context(), n.webAs(t, d), wire.OpSimpleReenroll, "", "", "", renewalCSR(t, next.key, d.cert))
	if err != nil {
		t.Fatalf("renew %s: %v", d.serial, err)
	}
	next.cert = r.cert
	return next, r
}

// wantRefused wants a refusal of the EST edge in its whole form (reasons.md).
func wantRefused(t *testing.T, what string, r *reply, status int, reason v1.Reason) {
	t.Helper()
	if r.status != status || r.reason() != string(reason) {
		t.Errorf("%s: got %d %q (%s), want %d %q", what, r.status, r.reason(), r.body, status, reason)
	}
}

// issuer is the CA certificate that devices have theirs from.
func (n *node) issuer(t *testing.T) *x509.Certificate {
	t.Helper()
	return readCertificate(t, n.file("ca/devices-1.crt"))
}

// ocsp asks about a certificate; the answer's signature is verified.
func (n *node) ocsp(t *testing.T, cert *x509.Certificate) *xocsp.Response {
	t.Helper()
	issuer := n.issuer(t)
	question, err := xocsp.CreateRequest(cert, issuer, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post("http://"+n.at.HTTP+"/ocsp", "application/ocsp-request", bytes.NewReader(question))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	der, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := xocsp.ParseResponseForCert(der, cert, issuer)
	if err != nil {
		t.Fatalf("OCSP answered %d %q: %v", res.StatusCode, der, err)
	}
	return answer
}

// wantStatus wants OCSP to say so.
func (n *node) wantStatus(t *testing.T, what string, cert *x509.Certificate, want int) {
	t.Helper()
	if got := n.ocsp(t, cert); got.Status != want {
		t.Errorf("%s: OCSP status of %x is %d, want %d", what, cert.SerialNumber, got.Status, want)
	}
}

// complete is the URL of the devices' complete CRL.
func (n *node) complete() string { return "http://" + n.at.HTTP + "/crl/devices-1.crl" }

// list fetches a CRL and verifies it.
func (n *node) list(t *testing.T, url string) *x509.RevocationList {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	der, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", url, res.StatusCode, err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	if err := list.CheckSignatureFrom(n.issuer(t)); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return list
}

func listed(l *x509.RevocationList, c *x509.Certificate) bool {
	for _, e := range l.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(c.SerialNumber) == 0 {
			return true
		}
	}
	return false
}

// awaitListed waits for both CRLs of a certificate. The promise is 2 s on a
// machine that is not busy; patience is for one that is.
func (n *node) awaitListed(t *testing.T, cert *x509.Certificate, want bool) {
	t.Helper()
	for _, url := range []string{cert.CRLDistributionPoints[0], n.complete()} {
		eventually(t, url, func() error {
			if listed(n.list(t, url), cert) != want {
				return fmt.Errorf("listed: %v", !want)
			}
			return nil
		})
	}
}

// certificates are all of the devices', by serial number in hex.
func (n *node) certificates(t *testing.T) map[string]v1.Certificate {
	t.Helper()
	all := map[string]v1.Certificate{}
	for c, err := range n.api.Certificates(t.Context(), client.CertificateFilter{Issuer: "devices-1"}) {
		if err != nil {
			t.Fatal(err)
		}
		if c.HolderKind == "device" {
			all[c.Serial] = c
		}
	}
	return all
}

// devices are all of them, by id.
func (n *node) devices(t *testing.T) map[string]v1.Device {
	t.Helper()
	all := map[string]v1.Device{}
	for d, err := range n.api.Devices(t.Context(), client.DeviceFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		all[d.ID] = d
	}
	return all
}

func writePEM(t *testing.T, path, kind string, blocks ...[]byte) string {
	t.Helper()
	var text []byte
	for _, der := range blocks {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serialNumber is one of our pattern.
func serialNumber(i int) string { return fmt.Sprintf("SN-%08d", i) }
