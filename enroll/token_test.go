package enroll_test

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/store"
)

func TestNewToken(t *testing.T) {
	text, hash, err := enroll.NewToken(rand.Reader)
	must(t, err)
	if !strings.HasPrefix(text, "assay_") || len(text) != 49 || hash != sha256.Sum256([]byte(text)) {
		t.Errorf("token %q, hash %x", text, hash)
	}
	if _, _, err := enroll.NewToken(io.LimitReader(rand.Reader, 31)); err == nil {
		t.Error("a short random source makes a token")
	}
}

// Whatever is wrong with a token, nobody is told.
func TestThreat22BadTokensAreNotToldApart(t *testing.T) {
	w := newWorld(t)
	w.product("other", `{}`)
	used := w.token("sensor", "", 1)
	w.gives(withToken(used, csr(t, newKey(t), subject("SN-1"))))
	voided := w.token("sensor", "", 1)
	_, err := w.store.VoidToken(w.ctx(), sha256.Sum256([]byte(voided)), w.by("operator:mira"))
	must(t, err)
	unknown, _, err := enroll.NewToken(rand.Reader)
	must(t, err)
	expired := w.token("sensor", "", 1)
	w.clock.advance(time.Hour)
	ofOther := withToken(w.token("other", "", 1), nil)
	ofOther.Label = "sensor"
	answers := map[string]bool{}
	for i, r := range []enroll.Request{
		withToken(used, nil), withToken(voided, nil), withToken(expired, nil), withToken(unknown, nil),
		withToken("", nil), withToken("assay_", nil), withToken(strings.Repeat("assay_", 30), nil), ofOther,
	} {
		r.CSR = csr(t, newKey(t), subject("SN-2"))
		r.Source = netip.AddrFrom4([4]byte{198, 51, byte(i), 1})
		answers[fmt.Sprintf("%+v", *w.refuses(r, v1.CredentialRejected))] = true
	}
	if len(answers) != 1 {
		t.Errorf("bad tokens are told apart: %v", answers)
	}
}

func TestThreat22ManyBadTokens(t *testing.T) {
	w := newWorld(t)
	bad := withToken("assay_x", nil)
	var limited *v1.Refusal
	for range 30 {
		_, err := w.service.Enroll(w.ctx(), bad)
		if r, ok := errors.AsType[*v1.Refusal](err); ok && r.Reason == v1.RateLimited {
			limited = r
			continue
		}
		wantReason(t, err, v1.CredentialRejected)
	}
	if limited == nil || limited.RetryAfter == 0 {
		t.Fatalf("30 bad tokens from one source: %v, want rate-limited with an advice", limited)
	}
	// The rightful token passes from the same source, and others' bad ones are
	// not limited.
	w.gives(withToken(w.token("sensor", "", 1), csr(t, newKey(t), subject("SN-1"))))
	bad.Source = netip.MustParseAddr("2001:db8::1")
	w.refuses(bad, v1.CredentialRejected)
	w.clock.advance(10 * time.Second)
	bad.Source = home
	w.refuses(bad, v1.CredentialRejected)
}

func TestThreat16ParallelRedemptions(t *testing.T) {
	w := newWorld(t)
	token := w.token("sensor", "", 1)
	const n = 32
	requests := make([]enroll.Request, n)
	for i, serial := range serials(n, "SN-%d") {
		requests[i] = withToken(token, csr(t, newKey(t), subject(serial)))
	}
	var given, rejected atomic.Int64
	var all sync.WaitGroup
	for _, r := range requests {
		all.Go(func() {
			_, err := w.service.Enroll(w.ctx(), r)
			refusal, _ := errors.AsType[*v1.Refusal](err)
			switch {
			case err == nil:
				given.Add(1)
			case refusal.Reason == v1.CredentialRejected || refusal.Reason == v1.RateLimited:
				rejected.Add(1)
			default:
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	if given.Load() != 1 || rejected.Load() != n-1 {
		t.Errorf("%d certificates and %d rejections, want 1 and %d", given.Load(), rejected.Load(), n-1)
	}
	if got := len(w.events(store.CertificateIssued)); got != 1 {
		t.Errorf("%d certificates stored, want 1", got)
	}
}

// The same request many times at once is one certificate for everybody.
func TestEST048ParallelRepeats(t *testing.T) {
	w := newWorld(t)
	r := withToken(w.token("sensor", "", 1), csr(t, newKey(t), subject("SN-1")))
	var certs sync.Map
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			a, err := w.service.Enroll(w.ctx(), r)
			if err != nil {
				t.Errorf("got %v", err)
				return
			}
			certs.Store(string(a.Certificate), true)
		})
	}
	all.Wait()
	n := 0
	certs.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d different certificates, want 1", n)
	}
}
