package server_test

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/wire"
)

// attack is a request that must be refused with a reason. What is left empty is
// as in a good request: POST, simpleenroll, the label, the media type, a good
// token, a good body.
type attack struct {
	name   string
	method string
	path   string // below /.well-known/est/, as it is sent
	kind   string // media type; "-" for none
	// token is the password of HTTP Basic, "-" for none; field is the whole
	// Authorization field instead.
	token, field string
	body         string
	as           *http.Client

	status int
	reason v1.Reason
}

// siege is a node with what attackers have: a device, tokens, a foreign CA.
type siege struct {
	*node
	anyone *http.Client
	victim *device
	own    *device
	secret string // a good token, bound to fresh, not used yet
	fresh  string
	good   string // the body that goes with it
}

func newSiege(t *testing.T) *siege {
	t.Helper()
	n := newAuthority(t).start(t)
	n.product(t, sensor, "")
	s := &siege{node: n, anyone: n.web(t), victim: n.enrol(t, "SN-00000001"), own: n.enrol(t, "SN-00000002"), fresh: "SN-00000003"}
	s.secret = n.token(t, v1.TokenRequest{Product: sensor, Serial: s.fresh}).Token
	s.good = body(newCSR(t, newKey(t), s.fresh))
	return s
}

func body(der []byte) string { return string(wire.EncodeBody(der, false)) }

// csrBody makes a body of a request with extensions of the attacker's.
func csrBody(t *testing.T, key crypto.Signer, template x509.CertificateRequest) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	return body(der)
}

// send sends it over real TLS.
func (s *siege) send(t *testing.T, a attack) *reply {
	t.Helper()
	u := &url.URL{Scheme: "https", Host: s.at.EST, Opaque: "/.well-known/est/" + cmp.Or(a.path, sensor+"/simpleenroll")}
	req := &http.Request{
		Method: cmp.Or(a.method, http.MethodPost), URL: u, Host: s.at.EST, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(cmp.Or(a.body, s.good))), ContentLength: int64(len(cmp.Or(a.body, s.good))),
	}
	if a.kind != "-" {
		req.Header.Set("Content-Type", cmp.Or(a.kind, "application/pkcs10"))
	}
	switch {
	case a.field != "":
		req.Header.Set("Authorization", a.field)
	case a.token != "-":
		req.SetBasicAuth("", cmp.Or(a.token, s.secret))
	}
	res, err := cmp.Or(a.as, s.anyone).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	r, err := readReply(res)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantForm wants the form of a refusal: "CODE: …\n" of at most 1 KiB.
func wantForm(t *testing.T, r *reply) {
	t.Helper()
	if !strings.HasPrefix(r.body, r.reason()+": ") || strings.Index(r.body, "\n") != len(r.body)-1 || len(r.body) > 1<<10 {
		t.Errorf("body %q is not one line of at most 1 KiB that begins with the reason", r.body)
	}
	if got := r.header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("media type %q", got)
	}
	if challenge := r.header.Get("Www-Authenticate"); (r.status == http.StatusUnauthorized) != (challenge == `Basic realm="assay"`) {
		t.Errorf("%d with challenge %q", r.status, challenge)
	}
	if (r.status == http.StatusMethodNotAllowed) != (r.header.Get("Allow") != "") {
		t.Errorf("%d with Allow %q", r.status, r.header.Get("Allow"))
	}
}

// withstand makes the attacks, each as a subtest, and wants the authority to be
// as it was before, and to enrol the rightful device after.
func (s *siege) withstand(t *testing.T, attacks []attack) {
	t.Helper()
	certificates, devices := s.certificates(t), s.devices(t)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			r := s.send(t, a)
			wantRefused(t, a.name, r, a.status, a.reason)
			if a.method != http.MethodHead {
				wantForm(t, r)
			}
		})
	}
	s.untouched(t, certificates, devices)
}

func (s *siege) untouched(t *testing.T, certificates map[string]v1.Certificate, devices map[string]v1.Device) {
	t.Helper()
	// That a certificate was presented is what devices do, not what is stored
	// of an enrolment.
	seen := gocmp.FilterPath(func(p gocmp.Path) bool { return p.Last().String() == ".Presented" || p.Last().String() == ".SeenAt" }, gocmp.Ignore())
	if diff := gocmp.Diff(certificates, s.certificates(t), seen); diff != "" {
		t.Errorf("certificates changed:\n%s", diff)
	}
	if diff := gocmp.Diff(devices, s.devices(t), seen); diff != "" {
		t.Errorf("devices changed:\n%s", diff)
	}
	if r := s.send(t, attack{}); r.status != http.StatusOK || r.cert.Subject.SerialNumber != s.fresh {
		t.Errorf("the rightful device afterwards: %s", r)
	}
}

// TestHostileRequests: what is wrong in the body of a request with a good token.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	key := newKey(t)
	good := newCSR(t, key, s.fresh)
	broken := bytes.Clone(good)
	broken[len(broken)-1] ^= 1
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	subject := pkix.Name{CommonName: s.fresh}
	ca := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}}
	s.withstand(t, []attack{
		{name: "bad base64", body: "!!!!", status: 400, reason: v1.BadBase64},
		{name: "half of the base64", body: s.good[:len(s.good)/2|1], status: 400, reason: v1.BadBase64},
		{name: "EST030 raw DER", body: string(good), status: 400, reason: v1.SendBase64},
		{name: "bad DER", body: body([]byte("this is no request")), status: 400, reason: v1.BadCSR},
		{name: "a truncated request", body: body(good[:len(good)-9]), status: 400, reason: v1.BadCSR},
		{name: "EST035 trailing octets", body: body(append(bytes.Clone(good), 0)), status: 400, reason: v1.BadCSR},
		{name: "a certificate", body: body(s.victim.cert.Raw), status: 400, reason: v1.BadCSR},
		{name: "Threat07 a broken signature", body: body(broken), status: 400, reason: v1.BadSignature},
		{name: "Threat11 RSA of 1024 bits", body: csrBody(t, weak, x509.CertificateRequest{Subject: subject}), status: 400, reason: v1.WeakKey},
		{name: "Threat13 P-224", body: csrBody(t, p224, x509.CertificateRequest{Subject: subject}), status: 400, reason: v1.KeyTypeNotAllowed},
		{
			name: "Threat01 CA:TRUE", body: csrBody(t, key, x509.CertificateRequest{Subject: subject, ExtraExtensions: []pkix.Extension{ca}}),
			status: 400, reason: v1.CSRAsksCA,
		},
		{
			name: "Threat03 a DNS name", body: csrBody(t, key, x509.CertificateRequest{Subject: subject, DNSNames: []string{"*.example.com"}}),
			status: 403, reason: v1.NameNotAllowed,
		},
		{
			name: "Threat03 an address", body: csrBody(t, key, x509.CertificateRequest{Subject: subject, IPAddresses: []net.IP{{127, 0, 0, 1}}}),
			status: 403, reason: v1.NameNotAllowed,
		},
		{
			name: "Threat03 a mail address", body: csrBody(t, key, x509.CertificateRequest{Subject: subject, EmailAddresses: []string{"root@example.com"}}),
			status: 403, reason: v1.NameNotAllowed,
		},
		{
			name: "Threat03 a URI", body: csrBody(t, key, x509.CertificateRequest{Subject: subject, URIs: []*url.URL{{Scheme: "https", Host: "example.com"}}}),
			status: 403, reason: v1.NameNotAllowed,
		},
		{
			name: "Threat05 another role", body: csrBody(t, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: s.fresh, OrganizationalUnit: []string{"admin"}}}),
			status: 403, reason: v1.NameNotAllowed,
		},
		{name: "Threat04 another device's name", body: body(newCSR(t, key, s.victim.serial)), status: 403, reason: v1.ClaimedSerialMismatch},
		{name: "Threat42 a name with an escape", body: body(newCSR(t, key, "SN-\x1b[2J")), status: 400, reason: v1.BadCSR},
		{name: "Threat14 another device's key", body: body(newCSR(t, s.victim.key, s.fresh)), status: 403, reason: v1.KeyOfAnotherDevice},
		{name: "EST041 another media type", kind: "application/x-pem-file", status: 415, reason: v1.MediaType},
		{name: "EST041 no media type", kind: "-", status: 415, reason: v1.MediaType},
		{name: "a body over 64 KiB", body: strings.Repeat("A", 64<<10+1), status: 413, reason: v1.TooLarge},
	})
}

// TestHostileCredentials: who may not enrol, and is told no more than that.
func TestHostileCredentials(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	s.product(t, "meter", "")
	unbound := func(product string) v1.Token { return s.node.token(t, v1.TokenRequest{Product: product}) }
	brief := s.node.token(t, v1.TokenRequest{Product: sensor, TTL: "1s"})
	used := unbound(sensor).Token
	serial := "SN-00000010"
	if r := s.send(t, attack{token: used, body: body(newCSR(t, newKey(t), serial))}); r.status != http.StatusOK {
		t.Fatalf("use a token: %s", r)
	}
	voided := unbound(sensor)
	if _, err := s.api.VoidToken(t.Context(), voided.ID, false); err != nil {
		t.Fatal(err)
	}
	free, meter := unbound(sensor).Token, unbound("meter").Token
	operator, err := tls.LoadX509KeyPair(s.file("operators/admin/operator.crt"), s.file("operators/admin/operator.key"))
	if err != nil {
		t.Fatal(err)
	}
	own, forged := s.webAs(t, s.own), s.web(t, forge(t, s.victim.cert, s.issuer(t)))
	renewal := sensor + "/simplereenroll"
	other := body(newCSR(t, newKey(t), "SN-00000011"))
	eventually(t, "a token of 1s has expired", func() error {
		for token, err := range s.api.Tokens(t.Context()) {
			if err != nil || token.ID == brief.ID && token.State == v1.TokenExpired {
				return err
			}
		}
		return errors.New("still usable")
	})
	s.withstand(t, []attack{
		{name: "no credential", token: "-", status: 401, reason: v1.CredentialMissing},
		{name: "a bearer token", field: "Bearer " + s.secret, status: 401, reason: v1.CredentialMissing},
		{name: "a garbled field", field: "Basic !!!!", status: 401, reason: v1.CredentialMissing},
		{name: "a made-up token", token: "assay_" + strings.Repeat("A", 43), status: 401, reason: v1.CredentialRejected},
		{name: "a token with one octet more", token: s.secret + "A", status: 401, reason: v1.CredentialRejected},
		{name: "a used token", token: used, body: other, status: 401, reason: v1.CredentialRejected},
		{name: "an expired token", token: brief.Token, body: other, status: 401, reason: v1.CredentialRejected},
		{name: "a voided token", token: voided.Token, body: other, status: 401, reason: v1.CredentialRejected},
		{name: "a token of another product", token: meter, body: other, status: 401, reason: v1.CredentialRejected},
		{name: "an unbound token for a device that has a key", token: free, body: body(newCSR(t, newKey(t), s.victim.serial)), status: 409, reason: v1.SerialHasIdentity},
		{name: "a serial against the pattern", token: free, body: body(newCSR(t, newKey(t), "<script>")), status: 400, reason: v1.SerialMalformed},
		{name: "no serial", token: free, body: csrBody(t, newKey(t), x509.CertificateRequest{}), status: 400, reason: v1.SerialMissing},
		{name: "renewal by a token", path: renewal, token: free, status: 403, reason: v1.UseSimpleenroll},
		{name: "enrolment by a device's certificate", as: own, token: "-", status: 403, reason: v1.UseSimplereenroll},
		{name: "Threat04 renewal in another device's name", path: renewal, as: own, token: "-", body: body(renewalCSR(t, newKey(t), s.victim.cert)), status: 403, reason: v1.ClaimedSerialMismatch},
		{name: "renewal under another label", path: "meter/simplereenroll", as: own, token: "-", body: body(renewalCSR(t, newKey(t), s.own.cert)), status: 403, reason: v1.LabelNotYours},
		{name: "Threat18 a self-made certificate", path: renewal, as: forged, token: "-", body: body(renewalCSR(t, newKey(t), s.victim.cert)), status: 403, reason: v1.CertificateUnknown},
		{name: "an operator's certificate", path: renewal, as: s.web(t, operator), token: "-", status: 403, reason: v1.CertificateWrongUse},
		{name: "an operator's certificate, to enrol", as: s.web(t, operator), token: "-", status: 403, reason: v1.CertificateWrongUse},
	})
}

// forge copies every name and number of a certificate, and signs with a key of
// its own under the issuer's name.
func forge(t *testing.T, of, issuer *x509.Certificate) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: of.SerialNumber, RawSubject: of.RawSubject, NotBefore: of.NotBefore, NotAfter: of.NotAfter,
		ExtKeyUsage: of.ExtKeyUsage, KeyUsage: of.KeyUsage,
	}
	parent := &x509.Certificate{RawSubject: issuer.RawSubject, SubjectKeyId: issuer.SubjectKeyId, SerialNumber: big.NewInt(1), NotAfter: time.Now()}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der, issuer.Raw}, PrivateKey: key}
}
