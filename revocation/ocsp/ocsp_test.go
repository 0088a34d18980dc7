package ocsp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	xocsp "golang.org/x/crypto/ocsp"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// Wire structures of the test's own, to ask what the oracle can't.
type (
	wireCertID struct {
		Hash     pkix.AlgorithmIdentifier
		NameHash []byte
		KeyHash  []byte
		Serial   *big.Int
	}
	wireSingleRequest struct {
		CertID     wireCertID
		Extensions []pkix.Extension `asn1:"explicit,tag:0,optional"`
	}
	wireTBS struct {
		Version    int `asn1:"explicit,tag:0,default:0,optional"`
		List       []wireSingleRequest
		Extensions []pkix.Extension `asn1:"explicit,tag:2,optional"`
	}
	wireRequest struct {
		TBS wireTBS
	}
	wireResponse struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type asn1.ObjectIdentifier
			DER  []byte
		} `asn1:"explicit,tag:0,optional"`
	}
	wireBasic struct {
		Data      wireData
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
		Certs     []asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	wireData struct {
		Raw        asn1.RawContent
		Responder  asn1.RawValue
		ProducedAt time.Time `asn1:"generalized"`
		Responses  []wireSingle
		Extensions []pkix.Extension `asn1:"explicit,tag:1,optional"`
	}
	wireSingle struct {
		CertID     wireCertID
		Status     asn1.RawValue
		ThisUpdate time.Time `asn1:"generalized"`
		NextUpdate time.Time `asn1:"generalized,explicit,tag:0,optional"`
	}
)

var (
	oidNonceExt = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	oidOther    = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}
)

func (a *authority) wireRequest(id store.IssuerID, certs ...*x509.Certificate) wireRequest {
	a.t.Helper()
	var q wireRequest
	for _, cert := range certs {
		var one wireRequest
		if _, err := asn1.Unmarshal(a.question(id, cert, crypto.SHA256), &one); err != nil {
			a.t.Fatal(err)
		}
		q.TBS.List = append(q.TBS.List, one.TBS.List...)
	}
	return q
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// nonceOf makes the extension; inner is its value as it stands.
func nonceOf(inner []byte) pkix.Extension { return pkix.Extension{Id: oidNonceExt, Value: inner} }

// basicOf reads an answer of status successful.
func basicOf(t *testing.T, w *httptest.ResponseRecorder) wireBasic {
	t.Helper()
	var outer wireResponse
	var b wireBasic
	if rest, err := asn1.Unmarshal(w.Body.Bytes(), &outer); err != nil || len(rest) > 0 || outer.Status != 0 {
		t.Fatalf("%v, status %d, %d octets left", err, outer.Status, len(rest))
	}
	if rest, err := asn1.Unmarshal(outer.Bytes.DER, &b); err != nil || len(rest) > 0 {
		t.Fatalf("%v, %d octets left", err, len(rest))
	}
	return b
}

// statusIs checks an answer without bytes.
func statusIs(t *testing.T, w *httptest.ResponseRecorder, want responseStatus) {
	t.Helper()
	if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), want.der()) ||
		w.Header().Get("Content-Type") != typeResponse || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %x %v, want 200 %x, no-store", w.Code, w.Body.Bytes(), w.Header(), want.der())
	}
}

func TestOCSP01EveryWayIn(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r := a.responder()
	server := httptest.NewServer(r)
	defer server.Close()
	seen := map[string]bool{}
	for n := 0; n < 400 && len(seen) < 3; n++ {
		// Questions about random serials, until each awkward character was there;
		// the highest indices have octets 0xff, which are "/".
		cert := a.neverIssued(devices, profile.MaxIndex-uint64(n))
		if n == 0 {
			cert = a.issue(devices, "SN-1", day)
		}
		// By length, one of the two hashes wants padding.
		hash := []crypto.Hash{crypto.SHA256, crypto.SHA1}[n%2]
		text := base64.StdEncoding.EncodeToString(a.question(devices, cert, hash))
		awkward := ""
		for _, s := range []string{"//", "+", "="} {
			if strings.Contains(text, s) && !seen[s] {
				seen[s], awkward = true, s
			}
		}
		if awkward == "" && n > 0 {
			continue
		}
		escape := strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D")
		for name, target := range map[string]string{
			"raw":            "/ocsp/" + text,
			"escaped":        "/ocsp/" + escape.Replace(text),
			"lower case":     "/ocsp/" + strings.NewReplacer("+", "%2b", "/", "%2f", "=", "%3d").Replace(text),
			"PathEscape":     "/ocsp/" + url.PathEscape(text),
			"slash in front": "/ocsp//" + text,
			"no padding":     "/ocsp/" + strings.TrimRight(text, "="),
			"plus lost":      "/ocsp/" + strings.ReplaceAll(text, "+", "%20"),
		} {
			req, err := http.NewRequest(http.MethodGet, server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.URL.Opaque = target
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			var body bytes.Buffer
			_, err = body.ReadFrom(resp.Body)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			got, err := xocsp.ParseResponseForCert(body.Bytes(), cert, a.issuers[devices].cert)
			want := xocsp.Unknown
			if n == 0 {
				want = xocsp.Good
			}
			if err != nil || got.Status != want {
				t.Errorf("%q, %s: %v, %+v", awkward, name, err, got)
			}
		}
	}
	if len(seen) < 3 {
		t.Errorf("only %v were tried", seen)
	}
	// GET and POST give the same octets.
	cert := a.issue(devices, "SN-2", day)
	der := a.question(devices, cert, crypto.SHA1)
	if g, p := get(r, der), post(r, der); !bytes.Equal(g.Body.Bytes(), p.Body.Bytes()) {
		t.Error("GET and POST differ")
	}
}

func TestOCSP02HTTP(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r := a.responder()
	der := a.question(devices, a.issue(devices, "SN-1", day), crypto.SHA256)
	rows := []struct {
		name, method, path, contentType, body string
		want                                  int
	}{
		{"wrong method", "PUT", "/ocsp", typeRequest, string(der), 405},
		{"wrong media type", "POST", "/ocsp", "text/plain", string(der), 415},
		{"no media type", "POST", "/ocsp", "", string(der), 415},
		{"media type with a parameter", "POST", "/ocsp", "Application/OCSP-Request; x=y", string(der), 200},
		{"final slash", "POST", "/ocsp/", typeRequest, string(der), 200},
		{"post elsewhere", "POST", "/ocsp/x", typeRequest, string(der), 404},
		{"elsewhere", "GET", "/ocspx", "", "", 404},
		{"just too long", "GET", "/ocsp/" + strings.Repeat("A", maxGET+1), "", "", 413},
		{"long", "GET", "/ocsp/" + strings.Repeat("A", maxGET), "", "", 200},
		{"too large", "POST", "/ocsp", typeRequest, strings.Repeat("A", maxPOST+1), 413},
		{"large", "POST", "/ocsp", typeRequest, strings.Repeat("A", maxPOST), 200},
		{"head", "HEAD", "/ocsp/" + base64.StdEncoding.EncodeToString(der), "", "", 200},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			q := httptest.NewRequest(row.method, row.path, strings.NewReader(row.body))
			if row.contentType != "" {
				q.Header.Set("Content-Type", row.contentType)
			}
			w := httptest.NewRecorder()
			r.ServeHTTP(w, q)
			if w.Code != row.want {
				t.Errorf("got %d, want %d", w.Code, row.want)
			}
			if row.want == 405 && w.Header().Get("Allow") != allow {
				t.Errorf("Allow %q", w.Header().Get("Allow"))
			}
			if row.method == "HEAD" && (w.Body.Len() != 0 || w.Header().Get("ETag") == "") {
				t.Errorf("HEAD has %d octets, %v", w.Body.Len(), w.Header())
			}
		})
	}
	// A body of unknown length that is too large.
	q := httptest.NewRequest("POST", "/ocsp", strings.NewReader(strings.Repeat("A", maxPOST+1)))
	q.ContentLength = -1
	q.Header.Set("Content-Type", typeRequest)
	w := httptest.NewRecorder()
	if r.ServeHTTP(w, q); w.Code != 413 {
		t.Errorf("chunked: %d, want 413", w.Code)
	}
}

// OCSP-03, threat 31: what is malformed is told so, with HTTP 200.
func TestOCSP03Malformed(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r := a.responder()
	good := a.question(devices, a.issue(devices, "SN-1", day), crypto.SHA256)
	version := a.wireRequest(devices, a.neverIssued(devices, 5))
	version.TBS.Version = 2
	rows := map[string][]byte{
		"nothing": {}, "one octet": {0x30}, "trailing": append(slices.Clone(good), 0), "cut": good[:len(good)-1],
		"empty": {0x30, 0x00}, "no requests": {0x30, 0x04, 0x30, 0x02, 0x30, 0x00},
		"version": marshal(t, version), "deep": bytes.Repeat([]byte{0x30, 0x80}, 1000),
		"huge length": {0x30, 0x84, 0xff, 0xff, 0xff, 0xff},
	}
	for name, der := range rows {
		t.Run(name, func(t *testing.T) {
			statusIs(t, post(r, der), malformedRequest)
			statusIs(t, get(r, der), malformedRequest)
		})
	}
	q := httptest.NewRequest("GET", "/ocsp/%21%21%21", nil)
	w := httptest.NewRecorder()
	r.ServeHTTP(w, q)
	statusIs(t, w, malformedRequest)
}

func TestOCSP04Hashes(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r := a.responder()
	cert := a.issue(devices, "SN-1", day)
	for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		q := a.question(devices, cert, hash)
		var asked wireRequest
		if _, err := asn1.Unmarshal(q, &asked); err != nil {
			t.Fatal(err)
		}
		w := post(r, q)
		if got := a.read(devices, cert, w); got.Status != xocsp.Good || got.IssuerHash != hash {
			t.Errorf("%v: status %d, answered with %v", hash, got.Status, got.IssuerHash)
		}
		answered := basicOf(t, w).Data.Responses[0].CertID
		if !bytes.Equal(marshal(t, answered), marshal(t, asked.TBS.List[0].CertID)) {
			t.Errorf("%v: the answer's CertID is not the question's", hash)
		}
	}
}

// OCSP-05, threat 30: nothing is signed for an issuer that is not ours, or when
// one of the hashes is wrong, nor for the root.
func TestOCSP05NotOurs(t *testing.T) {
	c := &clock{at: noon}
	a, other := newAuthority(t, c.now), newAuthority(t, c.now)
	r := a.responder()
	cert := a.issue(devices, "SN-1", day)
	second := a.issue(operations, "SN-2", day)
	wrong := func(change func(*wireCertID)) []byte {
		q := a.wireRequest(devices, cert)
		change(&q.TBS.List[0].CertID)
		return marshal(t, q)
	}
	mixed := a.wireRequest(devices, cert)
	mixed.TBS.List = append(mixed.TBS.List, a.wireRequest(operations, second).TBS.List...)
	rows := map[string][]byte{
		"another authority": other.question(devices, other.issue(devices, "SN-1", day), crypto.SHA256),
		"name hash":         wrong(func(id *wireCertID) { id.NameHash[0] ^= 1 }),
		"key hash":          wrong(func(id *wireCertID) { id.KeyHash[0] ^= 1 }),
		"short hash":        wrong(func(id *wireCertID) { id.KeyHash = id.KeyHash[:31] }),
		"shifted hashes":    wrong(func(id *wireCertID) { id.NameHash, id.KeyHash = append(id.NameHash, id.KeyHash[0]), id.KeyHash[1:] }),
		"long hashes":       wrong(func(id *wireCertID) { id.NameHash = make([]byte, 200) }),
		"no hashes":         wrong(func(id *wireCertID) { id.NameHash, id.KeyHash = nil, nil }),
		"unknown algorithm": wrong(func(id *wireCertID) { id.Hash.Algorithm = oidOther }),
		"the root's":        a.question(root, a.issuers[devices].cert, crypto.SHA256),
		"two issuers":       marshal(t, mixed),
	}
	for name, der := range rows {
		t.Run(name, func(t *testing.T) { statusIs(t, post(r, der), unauthorized) })
	}
	if got := a.ask(r, operations, second); got.Status != xocsp.Good {
		t.Errorf("the second issuer: %d, want good", got.Status)
	}
}

// OCSP-06, threat 29: never issued is unknown, also when another certificate has
// the index.
func TestOCSP06Unknown(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r := a.responder()
	a.issue(devices, "SN-1", day)
	of := func(serial []byte) *x509.Certificate {
		q := a.neverIssued(devices, 9)
		q.SerialNumber = new(big.Int).SetBytes(serial)
		return q
	}
	rows := map[string]*x509.Certificate{
		"no such index":       a.neverIssued(devices, 4711),
		"index of another":    a.neverIssued(devices, 0),
		"short serial":        of([]byte{1, 2, 3}),
		"long serial":         of(bytes.Repeat([]byte{1}, 21)),
		"zero":                of(nil),
		"seventeen octets":    of(append([]byte{0x80}, bytes.Repeat([]byte{1}, 15)...)),
		"of another issuer's": a.issue(operations, "SN-2", day),
	}
	for name, cert := range rows {
		t.Run(name, func(t *testing.T) {
			w := post(r, a.question(devices, cert, crypto.SHA256))
			b := basicOf(t, w)
			s := b.Data.Responses[0]
			if s.Status.Tag != 2 {
				t.Errorf("status [%d], want unknown [2]", s.Status.Tag)
			}
			if life := s.NextUpdate.Sub(s.ThisUpdate); life != unknownLife {
				t.Errorf("lives for %s, want %s", life, unknownLife)
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control %q", w.Header().Get("Cache-Control"))
			}
		})
	}
	// One that is issued after it was asked for is good at once.
	a.index = 4712
	if got := a.ask(r, devices, a.issue(devices, "SN-3", day)); got.Status != xocsp.Good {
		t.Errorf("issued since: %d, want good", got.Status)
	}
}

func TestOCSP07SeveralRequests(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r := a.responder()
	certs := []*x509.Certificate{a.issue(devices, "SN-1", day), a.issue(devices, "SN-2", day), a.neverIssued(devices, 99)}
	a.revoke("SN-2", store.ReasonKeyCompromise)
	w := post(r, marshal(t, a.wireRequest(devices, certs...)))
	b := basicOf(t, w)
	if len(b.Data.Responses) != 3 || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d answers, %v", len(b.Data.Responses), w.Header())
	}
	for n, tag := range []int{0, 1, 2} {
		s := b.Data.Responses[n]
		if s.Status.Tag != tag || s.CertID.Serial.Cmp(certs[n].SerialNumber) != 0 {
			t.Errorf("answer %d: status [%d] of %x", n, s.Status.Tag, s.CertID.Serial)
		}
	}
	responder, err := x509.ParseCertificate(b.Certs[0].FullBytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := responder.CheckSignature(x509.ECDSAWithSHA256, b.Data.Raw, b.Signature.Bytes); err != nil {
		t.Error(err)
	}
	many := a.wireRequest(devices, slices.Repeat(certs[:1], maxRequests)...)
	if n := len(basicOf(t, post(r, marshal(t, many))).Data.Responses); n != maxRequests {
		t.Errorf("%d answers, want %d", n, maxRequests)
	}
	many.TBS.List = append(many.TBS.List, many.TBS.List[0])
	statusIs(t, post(r, marshal(t, many)), malformedRequest)
}

func TestOCSP08Nonce(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r := a.responder()
	cert := a.issue(devices, "SN-1", day)
	for _, n := range []int{1, 16, 32, 128} {
		inner := marshal(t, bytes.Repeat([]byte{0xa5}, n))
		q := a.wireRequest(devices, cert)
		q.TBS.Extensions = []pkix.Extension{nonceOf(inner)}
		w := post(r, marshal(t, q))
		b := basicOf(t, w)
		if len(b.Data.Extensions) != 1 || !b.Data.Extensions[0].Id.Equal(oidNonceExt) || !bytes.Equal(b.Data.Extensions[0].Value, inner) {
			t.Errorf("%d octets: %v", n, b.Data.Extensions)
		}
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("ETag") != "" {
			t.Errorf("%d octets: %v", n, w.Header())
		}
		if got := a.read(devices, cert, w); got.Status != xocsp.Good {
			t.Errorf("%d octets: status %d", n, got.Status)
		}
	}
	twice := nonceOf(marshal(t, []byte{1}))
	rows := map[string][]pkix.Extension{
		"empty":    {nonceOf(marshal(t, []byte{}))},
		"too long": {nonceOf(marshal(t, make([]byte, 129)))},
		"bare":     {nonceOf(bytes.Repeat([]byte{0xa5}, 16))},
		"no value": {nonceOf(nil)},
		"trailing": {nonceOf(append(marshal(t, []byte{1}), 0))},
		"twice":    {twice, twice},
		"a string": {nonceOf(marshal(t, "abc"))},
	}
	for name, extensions := range rows {
		t.Run(name, func(t *testing.T) {
			q := a.wireRequest(devices, cert)
			q.TBS.Extensions = extensions
			statusIs(t, post(r, marshal(t, q)), malformedRequest)
		})
	}
}

func TestOCSP09Extensions(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r := a.responder()
	cert := a.issue(devices, "SN-1", day)
	for _, critical := range []bool{false, true} {
		unknown := []pkix.Extension{{Id: oidOther, Critical: critical, Value: []byte{5, 0}}}
		request, single := a.wireRequest(devices, cert), a.wireRequest(devices, cert)
		request.TBS.Extensions, single.TBS.List[0].Extensions = unknown, unknown
		for _, q := range []wireRequest{request, single} {
			w := post(r, marshal(t, q))
			if critical {
				statusIs(t, w, malformedRequest)
				continue
			}
			if got := a.read(devices, cert, w); got.Status != xocsp.Good {
				t.Errorf("status %d", got.Status)
			}
		}
	}
}

func TestOCSP10NotAfterOfResponder(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	a.rotate(devices, 2*time.Hour)
	r := a.responder()
	cert := a.issue(devices, "SN-1", day)
	if got := a.ask(r, devices, cert); !got.NextUpdate.Equal(noon.Add(2 * time.Hour)) {
		t.Errorf("nextUpdate %s, want the responder's notAfter", got.NextUpdate)
	}
	c.add(2 * time.Hour)
	statusIs(t, post(r, a.question(devices, cert, crypto.SHA256)), tryLater)
	a.rotate(devices, 14*day)
	if got := a.ask(r, devices, cert); got.Status != xocsp.Good || !bytes.Equal(got.Certificate.Raw, a.issuers[devices].responder) {
		t.Errorf("after rotation: status %d", got.Status)
	}
}

func TestOCSP11ByKey(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r := a.responder()
	got := a.ask(r, devices, a.issue(devices, "SN-1", day))
	bits, err := keyBits(got.Certificate.RawSubjectPublicKeyInfo)
	if err != nil {
		t.Fatal(err)
	}
	if want := sha1.Sum(bits); !bytes.Equal(got.ResponderKeyHash, want[:]) || got.RawResponderName != nil {
		t.Errorf("key hash %x, want %x", got.ResponderKeyHash, want)
	}
}

func TestOCSP12Times(t *testing.T) {
	c := &clock{at: noon.Add(300 * time.Millisecond)}
	a := newAuthority(t, c.now)
	r := a.responder()
	cert := a.issue(devices, "SN-1", 90*day)
	w := post(r, a.question(devices, cert, crypto.SHA256))
	b := basicOf(t, w)
	s := b.Data.Responses[0]
	if !b.Data.ProducedAt.Equal(noon) || s.ThisUpdate.After(b.Data.ProducedAt) || !s.NextUpdate.Equal(noon.Add(lifetime)) {
		t.Errorf("producedAt %s, thisUpdate %s, nextUpdate %s", b.Data.ProducedAt, s.ThisUpdate, s.NextUpdate)
	}
	first := w.Body.Bytes()
	c.add(refreshAfter - time.Second)
	if w := post(r, a.question(devices, cert, crypto.SHA256)); !bytes.Equal(w.Body.Bytes(), first) {
		t.Error("signed anew within the hour")
	}
	c.add(time.Second)
	if got := a.ask(r, devices, cert); !got.ProducedAt.Equal(noon.Add(refreshAfter)) {
		t.Errorf("producedAt %s, want after an hour a new one", got.ProducedAt)
	}
}

func TestOCSP13CacheFields(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	a.rotate(devices, 2*time.Hour)
	r := a.responder()
	der := a.question(devices, a.issue(devices, "SN-1", day), crypto.SHA256)
	h := get(r, der).Header()
	if h.Get("Cache-Control") != "max-age=60, public, no-transform, must-revalidate" || !strings.HasPrefix(h.Get("ETag"), `"`) ||
		h.Get("Expires") != "Mon, 04 May 2026 12:01:00 GMT" || h.Get("Last-Modified") != "Mon, 04 May 2026 12:00:00 GMT" {
		t.Errorf("%v", h)
	}
	for _, field := range []string{"If-None-Match", "If-Modified-Since"} {
		value := map[string]string{"If-None-Match": `"x", W/` + h.Get("ETag"), "If-Modified-Since": h.Get("Last-Modified")}[field]
		if w := get(r, der, field, value); w.Code != 304 || w.Body.Len() != 0 || w.Header().Get("ETag") != h.Get("ETag") {
			t.Errorf("%s: %d %v, want 304", field, w.Code, w.Header())
		}
	}
	if w := get(r, der, "If-None-Match", `"x"`, "If-Modified-Since", h.Get("Last-Modified")); w.Code != 200 {
		t.Errorf("another tag: %d, want 200", w.Code)
	}
	// max-age stays below what is left.
	for _, left := range []int{45, 1} {
		c.add(noon.Add(2*time.Hour - time.Duration(left)*time.Second).Sub(c.now()))
		want := "max-age=" + strconv.Itoa(left-1) + ","
		if got := get(r, der).Header().Get("Cache-Control"); !strings.HasPrefix(got, want) {
			t.Errorf("%d s before the end: %q, want %q", left, got, want)
		}
	}
}

// OCSP-14, threat 32: the next answer after a revoke says so, with the CRL's date
// and reason; after release it is good; no reader gets 304 for the older one.
func TestOCSP14AtOnce(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r := a.responder()
	cert := a.issue(devices, "SN-1", 90*day)
	der := a.question(devices, cert, crypto.SHA256)
	steps := []struct {
		name           string
		do             func()
		status, reason int
		at             time.Time
	}{
		{"new", func() {}, xocsp.Good, 0, time.Time{}},
		{"held", func() { a.hold("SN-1", false) }, xocsp.Revoked, 6, noon},
		{"released", func() { a.hold("SN-1", true) }, xocsp.Good, 0, time.Time{}},
		{"held again", func() { c.add(time.Minute); a.hold("SN-1", false) }, xocsp.Revoked, 6, noon.Add(time.Minute)},
		{"revoked", func() { c.add(time.Minute); a.revoke("SN-1", 1) }, xocsp.Revoked, 1, noon.Add(time.Minute)},
	}
	since := noon.Add(-time.Second).Format(http.TimeFormat)
	for _, step := range steps {
		step.do()
		w := get(r, der, "If-Modified-Since", since)
		if w.Code == 304 {
			t.Fatalf("%s: 304", step.name)
		}
		got := a.read(devices, cert, w)
		if got.Status != step.status || got.RevocationReason != step.reason || !got.RevokedAt.Equal(step.at) {
			t.Errorf("%s: status %d, reason %d at %s; want %d, %d at %s", step.name,
				got.Status, got.RevocationReason, got.RevokedAt, step.status, step.reason, step.at)
		}
		since = c.now().Format(http.TimeFormat)
	}
	revocations, err := a.store.Revocations(t.Context(), devices, 0, 10, 10)
	if err != nil || len(revocations) != 1 {
		t.Fatal(revocations, err)
	}
	if got := a.ask(r, devices, cert); got.RevokedAt.Unix() != revocations[0].RevokedAt.Unix() {
		t.Errorf("revocationTime %s, the CRL has %s", got.RevokedAt, revocations[0].RevokedAt)
	}
}

func TestOCSP15Expired(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r := a.responder()
	cert := a.issue(devices, "SN-1", time.Hour)
	c.add(2 * day)
	if got := a.ask(r, devices, cert); got.Status != xocsp.Good {
		t.Errorf("status %d, want good", got.Status)
	}
}

// OCSP-17: without the key the last answer stands while it is true and fresh.
func TestOCSP17NoKey(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r := a.responder()
	first, second := a.issue(devices, "SN-1", 90*day), a.issue(devices, "SN-2", 90*day)
	a.ask(r, devices, first)
	a.ask(r, devices, second)
	good := a.issuers[devices].signer
	a.useKey(devices, brokenKey{good.Key})
	c.add(lifetime - time.Second)
	if got := a.ask(r, devices, first); got.Status != xocsp.Good || !got.ProducedAt.Equal(noon) {
		t.Errorf("the last good answer: status %d of %s", got.Status, got.ProducedAt)
	}
	a.revoke("SN-2", store.ReasonKeyCompromise)
	w := post(r, a.question(devices, second, crypto.SHA256))
	statusIs(t, w, tryLater)
	if w.Header().Get("Retry-After") == "" {
		t.Error("tryLater without Retry-After")
	}
	c.add(time.Second)
	statusIs(t, post(r, a.question(devices, first, crypto.SHA256)), tryLater)
	a.issuers[devices].signer = good
	if got := a.ask(r, devices, second); got.Status != xocsp.Revoked {
		t.Errorf("with the key back: %d, want revoked", got.Status)
	}
	a.issuers[devices].off = true
	statusIs(t, post(r, a.question(devices, a.issue(devices, "SN-3", day), crypto.SHA256)), tryLater)
}

// A store that is away is tryLater, never good or unknown from memory.
func TestOCSP17NoStore(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r := a.responder()
	cert := a.issue(devices, "SN-1", 90*day)
	a.ask(r, devices, cert)
	a.store.err = store.ErrUnavailable
	statusIs(t, post(r, a.question(devices, cert, crypto.SHA256)), tryLater)
}

// The queue for the key is bounded.
func TestOCSP17Queue(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r := a.responder()
	for range cap(r.slots) {
		r.slots <- struct{}{}
	}
	r.waiting.Store(maxWaiting)
	if err := r.enter(t.Context()); !errors.Is(err, errBusy) {
		t.Errorf("got %v, want %v", err, errBusy)
	}
	r.waiting.Store(0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if n := r.waiting.Load(); n != 0 {
		t.Errorf("%d are said to wait", n)
	}
}

// The cache does not grow past its bound.
func TestCacheBound(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r, err := New(t.Context(), Config{Store: a.store, Responders: a, Now: c.now, Log: a.responder().cfg.Log, CacheBytes: 32 << 10})
	if err != nil {
		t.Fatal(err)
	}
	q := a.wireRequest(devices, a.neverIssued(devices, 0))
	for n := range 100 {
		q.TBS.List[0].CertID.Serial = a.issue(devices, "SN-"+strconv.Itoa(n), day).SerialNumber
		post(r, marshal(t, q))
	}
	r.cache.CleanUp()
	if got := r.cache.WeightedSize(); got > 32<<10 {
		t.Errorf("%d octets are cached", got)
	}
}

type counter map[Outcome]int

func (c counter) Answered(o Outcome) { c[o]++ }

func TestObserver(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	r, count := a.responder(), counter{}
	r.cfg.Observer = count
	cert := a.issue(devices, "SN-1", day)
	a.ask(r, devices, cert)
	a.revoke("SN-1", 1)
	a.ask(r, devices, cert)
	a.ask(r, devices, a.neverIssued(devices, 99))
	post(r, nil)
	post(r, a.question(root, a.issuers[devices].cert, crypto.SHA256))
	for _, o := range []Outcome{Good, Revoked, Unknown, Malformed, Unauthorized} {
		if count[o] != 1 {
			t.Errorf("%s was counted %d times, want 1", o, count[o])
		}
	}
}

func TestConfigValidate(t *testing.T) {
	_, err := New(t.Context(), Config{})
	for _, field := range []string{"Store", "Responders", "Now", "Log"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
}
