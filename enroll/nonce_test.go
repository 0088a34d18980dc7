package enroll_test

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

func TestEST085NonceRequests(t *testing.T) {
	w := newWorld(t)
	st, d := w.station("l3-1"), w.enrolled("sensor", "SN-1")
	operator := w.holder(store.HolderOperator, "mira", store.ProfileOperator, &x509.Certificate{
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	peer := func(c *x509.Certificate) enroll.NonceRequest {
		return enroll.NonceRequest{Peer: []*x509.Certificate{c}}
	}
	for _, tt := range []struct {
		name string
		r    enroll.NonceRequest
		size int
		want v1.Reason
	}{
		{"nobody", enroll.NonceRequest{}, 32, ""},
		{"labelled", enroll.NonceRequest{Label: "sensor", Length: 64}, 64, ""},
		{"station", peer(st.cert), 32, ""},
		{"device", peer(d.cert), 32, ""},
		{"token", enroll.NonceRequest{HasBasic: true, Password: w.token("sensor", "", 1), Length: 48}, 48, ""},
		{"too short to be made", enroll.NonceRequest{Length: 31}, 0, v1.NonceLength},
		{"too short", enroll.NonceRequest{Length: 7}, 0, v1.BadNonceRequest},
		{"too long", enroll.NonceRequest{Length: 65}, 0, v1.BadNonceRequest},
		{"no such label", enroll.NonceRequest{Label: "nosuch"}, 0, v1.NotFound},
		{"no births", enroll.NonceRequest{Label: "sensor.birth"}, 0, v1.NotFound},
		{"bad token", enroll.NonceRequest{HasBasic: true, Password: "assay_x"}, 0, v1.CredentialRejected},
		{"operator", peer(operator), 0, v1.CertificateWrongUse},
		{"foreign", peer(w.root.cert), 0, v1.CertificateUnknown},
	} {
		tt.r.Source = home
		a, err := w.service.Nonce(w.ctx(), tt.r)
		if tt.want != "" {
			wantReason(t, err, tt.want)
			continue
		}
		if err != nil || len(a.Nonce) != tt.size || a.Expires != 600*time.Second {
			t.Errorf("%s: %d octets for %s, %v; want %d", tt.name, len(a.Nonce), a.Expires, err, tt.size)
		}
	}
	doubt := io.ErrUnexpectedEOF
	w.doubt.Store(&doubt)
	_, err := w.service.Nonce(w.ctx(), enroll.NonceRequest{})
	wantReason(t, err, v1.Clock)
}

func TestAnonymousNoncesAreLimited(t *testing.T) {
	w := newWorld(t)
	limited := 0
	for range 600 {
		if _, err := w.service.Nonce(w.ctx(), enroll.NonceRequest{Source: home}); err != nil {
			wantReason(t, err, v1.RateLimited)
			limited++
		}
	}
	if limited == 0 || limited > 100 {
		t.Errorf("%d of 600 limited", limited)
	}
	st := w.station("l3-1") // who is known is not
	w.nonce(st.enrols(nil))
	if _, err := w.service.Nonce(w.ctx(), enroll.NonceRequest{Source: home.Next()}); err != nil {
		t.Errorf("another source: %v", err)
	}
}

// noKeys is a store that cannot keep nonce keys.
type noKeys struct{ store.Store }

func (noKeys) AddNonceKey(context.Context, store.NonceKey) error { return store.ErrUnavailable }

func TestNoNonceWithoutADurableKey(t *testing.T) {
	w := newWorld(t)
	w.serve(noKeys{w.store})
	_, err := w.service.Nonce(w.ctx(), enroll.NonceRequest{})
	wantReason(t, err, v1.StoreUnavailable)
}

// fetchNonce asks over HTTP.
func (w *world) fetchNonce(c *http.Client, url string) []byte {
	w.Helper()
	r, err := c.Get(url)
	must(w, err)
	defer r.Body.Close()
	var answer struct {
		Nonce  string
		Expiry int
	}
	body, err := io.ReadAll(r.Body)
	must(w, err)
	must(w, json.Unmarshal(body, &answer))
	n, err := base64.RawURLEncoding.DecodeString(answer.Nonce)
	must(w, err)
	return n
}

// Eight workers share a pool of connections: a nonce is good over whichever of
// them the request goes.
func TestNoncesOverPooledConnections(t *testing.T) {
	w := attestedWorld(t)
	w.batch("b1", 1000, nil)
	st := w.station("l3-1")
	base := w.edge() + "/sensor"
	client := w.client(&device{key: st.key, cert: st.cert})
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = 8
	const workers, each = 8, 6
	keys := make([]crypto.Signer, workers*each)
	for i := range keys {
		keys[i] = newKey(t)
	}
	var mu sync.Mutex
	connections := map[string]int{}
	client.Transport = tracing(client.Transport, func(local string) {
		mu.Lock()
		defer mu.Unlock()
		connections[local]++
	})
	var given atomic.Int64
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for i := range each {
				serial := fmt.Sprintf("SN-%d-%d", worker, i)
				key := keys[worker*each+i]
				nonce := w.fetchNonce(client, base+"/nonce")
				request := evident(t, key, serial, w.self(serial, key, nonceOf(nonce)))
				cert, why := w.post(client, base+"/simpleenroll", "", request)
				if cert == nil {
					t.Errorf("%s: %s", serial, why)
					continue
				}
				given.Add(1)
			}
		})
	}
	all.Wait()
	if given.Load() != workers*each || len(connections) < 2 {
		t.Errorf("%d of %d certificates over %d connections", given.Load(), workers*each, len(connections))
	}
}

// A nonce outlives its connection and its TLS session.
func TestNonceOverAnotherConnection(t *testing.T) {
	w := attestedWorld(t)
	w.batch("b1", 1000, nil)
	st := w.station("l3-1")
	base := w.edge() + "/sensor"
	as := &device{key: st.key, cert: st.cert}
	one, other := w.client(as), w.client(as)
	other.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS12
	key := newKey(t)
	request := evident(t, key, "SN-1", w.self("SN-1", key, nonceOf(w.fetchNonce(one, base+"/nonce"))))
	if cert, why := w.post(other, base+"/simpleenroll", "", request); cert == nil {
		t.Error(why)
	}
}

func TestNonceOverHTTP(t *testing.T) {
	w := newWorld(t)
	base := w.edge()
	client := w.client(nil)
	post := func(contentType, body string) *http.Response {
		r, err := client.Post(base+"/nonce", contentType, strings.NewReader(body))
		must(t, err)
		must(t, r.Body.Close())
		return r
	}
	r := post(wire.TypeNonce, `{"len":40,"reqTypeInfo":{"1.2.3":"x"}}`)
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != wire.TypeNonce || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %s %v", r.Status, r.Header)
	}
	for body, want := range map[string]v1.Reason{
		`{"len":7}`: v1.BadNonceRequest, `{"len":16}`: v1.NonceLength, ``: v1.BadNonceRequest,
		`{"len":32}` + strings.Repeat(" ", wire.MaxNonceRequest): v1.TooLarge,
	} {
		r := post(wire.TypeNonce, body)
		if v1.Reason(r.Header.Get(wire.HeaderReason)) != want || r.StatusCode != want.About().Status {
			t.Errorf("%.20q: %s %q, want %s", body, r.Status, r.Header.Get(wire.HeaderReason), want)
		}
		if want == v1.NonceLength && r.Header.Get("Retry-After") != "" {
			t.Error("Retry-After with nonce-length")
		}
	}
	if r := post("text/plain", `{}`); r.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("text/plain: %s", r.Status)
	}
}
