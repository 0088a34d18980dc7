package crl

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/store"
)

// What a crash leaves half written is removed and never served; a torn list is
// made anew.
func TestPUB01Files(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.lease(p, devices)
	a.revoke(a.issue(devices, "SN-1", 90*day), store.ReasonKeyCompromise)
	a.catchUp(p)
	file := filepath.Join(a.dir, "crl", "devices-1", "0.crl")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(a.dir, "crl", "devices-1", ".0.crl123456")
	faults := map[string][]byte{
		"cut":           whole[:len(whole)-1],
		"empty":         {},
		"flipped":       flip(whole, len(whole)/2),
		"signature":     flip(whole, len(whole)-3),
		"another shard": get(p, "/crl/devices-1.crl").Body.Bytes(),
	}
	for name, bytes := range faults {
		t.Run(name, func(t *testing.T) {
			for path, b := range map[string][]byte{file: bytes, half: whole[:10]} {
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p := a.publisher()
			if w := get(p, shardPath(0)); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
				t.Errorf("before it is made anew: %d, want 503", w.Code)
			}
			a.catchUp(p)
			if n := len(a.fetch(p, devices, shardPath(0)).RevokedCertificateEntries); n != 1 {
				t.Errorf("%d entries, want 1", n)
			}
			if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("half a file is still there: %v", err)
			}
		})
	}
}

func flip(b []byte, at int) []byte {
	b = append([]byte(nil), b...)
	b[at] ^= 1
	return b
}

// A list from which an unexpired serial number disappeared is not published; a
// released hold may disappear.
func TestPUB02Succession(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.lease(p, devices)
	cert := a.issue(devices, "SN-1", 90*day)
	a.issue(devices, "SN-2", 90*day)
	a.revoke(cert, store.ReasonKeyCompromise)
	a.hold("SN-2")
	a.catchUp(p)
	before := a.fetch(p, devices, "/crl/devices-1.crl").Number
	a.release("SN-2")
	a.store.revocations = func([]store.Revocation) []store.Revocation { return nil }
	c.add(time.Minute)
	if err := p.CatchUp(t.Context()); !errors.Is(err, errCheck) || !strings.Contains(err.Error(), fmt.Sprintf("%x", cert.Serial)) {
		t.Fatalf("a vanished revocation: %v, want %v that names it", err, errCheck)
	}
	l := a.fetch(p, devices, "/crl/devices-1.crl")
	if l.Number.Cmp(before) != 0 || entry(l, cert) == nil {
		t.Error("the list before did not stay")
	}
	a.store.revocations = nil
	a.catchUp(p)
	l = a.fetch(p, devices, "/crl/devices-1.crl")
	if entry(l, cert) == nil || len(l.RevokedCertificateEntries) != 1 {
		t.Errorf("after the fault: %v, want the revoked one alone", l.RevokedCertificateEntries)
	}
}

// wrongKey signs with another issuer's key.
type wrongKey struct{ *authority }

func (w wrongKey) SignTBS(ctx context.Context, _ store.IssuerID, tbs []byte) ([]byte, error) {
	return w.authority.SignTBS(ctx, operations, tbs)
}

func TestPUB02WrongKey(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.publisher()
	p.cfg.Signer = wrongKey{a}
	if err := p.CatchUp(t.Context()); !errors.Is(err, errCheck) {
		t.Fatalf("signed by another key: %v, want %v", err, errCheck)
	}
	if w := get(p, "/crl/devices-1.crl"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", w.Code)
	}
}

func TestPUB03HTTP(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.lease(p, devices)
	a.revoke(a.issue(devices, "SN-1", 90*day), store.ReasonKeyCompromise)
	a.catchUp(p)
	c.add(time.Minute)
	server := httptest.NewServer(p)
	defer server.Close()
	for _, path := range []string{shardPath(0), "/crl/devices-1/0.pem", "/crl/devices-1.crl", "/crl/devices-1.pem", "/crl/root.crl", "/crl/bundle.pem"} {
		t.Run(path, func(t *testing.T) {
			full := get(p, path)
			body, h := full.Body.String(), full.Header()
			kind := map[bool]string{true: typePEM, false: typeDER}[strings.HasSuffix(path, ".pem")]
			if full.Code != 200 || h.Get("Content-Type") != kind || !strings.HasPrefix(h.Get("ETag"), `"`) || h.Get("Cache-Control") != "public, max-age=60" {
				t.Fatalf("%d %v", full.Code, h)
			}
			if at, err := http.ParseTime(h.Get("Expires")); err != nil || !at.Equal(c.now().Add(maxAge)) {
				t.Errorf("Expires %q, want a minute from now", h.Get("Expires"))
			}
			if at, err := http.ParseTime(h.Get("Last-Modified")); err != nil || at.After(c.now()) {
				t.Errorf("Last-Modified %q", h.Get("Last-Modified"))
			}
			if w := get(p, path, "If-None-Match", h.Get("ETag")); w.Code != 304 || w.Body.Len() != 0 {
				t.Errorf("If-None-Match: %d, want 304", w.Code)
			}
			if w := get(p, path, "If-Modified-Since", h.Get("Last-Modified")); w.Code != 304 {
				t.Errorf("If-Modified-Since: %d, want 304", w.Code)
			}
			if w := get(p, path, "Range", "bytes=10-19"); w.Code != 206 || w.Body.String() != body[10:20] {
				t.Errorf("Range: %d %q, want 206 %q", w.Code, w.Body, body[10:20])
			}
			resp, err := http.Head(server.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 200 || resp.ContentLength != int64(len(body)) {
				t.Errorf("HEAD: %d, length %d, want %d", resp.StatusCode, resp.ContentLength, len(body))
			}
		})
	}
	for _, path := range []string{
		"/crl/", "/crl/devices-1", "/crl/devices-1/1.crl", "/crl/devices-1/00.crl", "/crl/devices-2.crl", "/crl/bundle.crl",
		"/crl/devices-1/-1.crl", "/crl/../crl/root.crl", "/crl/.feed", "/crl/devices-1/0.pem.crl", "/crl/" + strings.Repeat("x", 9000) + ".crl", "/other",
	} {
		if w := get(p, path); w.Code != 404 {
			t.Errorf("GET %.40s: %d, want 404", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodPost, shardPath(0), nil))
	if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

// A changed list is never answered 304, whatever the second.
func TestPUB03ChangedInOneSecond(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	for range 5 {
		old := get(p, "/crl/devices-1.crl")
		if err := p.PublishNow(t.Context()); err != nil {
			t.Fatal(err)
		}
		since := old.Header().Get("Last-Modified")
		if since == "" {
			since = c.now().Format(http.TimeFormat)
		}
		for range 3 {
			if w := get(p, "/crl/devices-1.crl", "If-Modified-Since", since); w.Code == 304 {
				t.Errorf("304 for a list that changed at %s, now %s", since, c.now())
			}
			c.add(time.Second)
		}
	}
}

// Past nextUpdate there is no list, as DER, PEM or in the bundle; just before, no
// cache may keep it past it.
func TestPUB04Expired(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.lease(p, devices)
	a.failSigning(errSigner)
	c.add(completeLife - 10*time.Second)
	if err := p.CatchUp(t.Context()); !errors.Is(err, errSigner) {
		t.Fatalf("got %v, want %v", err, errSigner)
	}
	if w := get(p, "/crl/devices-1.crl"); w.Code != 200 || w.Header().Get("Cache-Control") != "public, max-age=10" {
		t.Errorf("ten seconds before: %d %q, want max-age=10", w.Code, w.Header().Get("Cache-Control"))
	}
	c.add(10 * time.Second)
	for _, path := range []string{"/crl/devices-1.crl", "/crl/devices-1.pem", "/crl/bundle.pem"} {
		if w := get(p, path); w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s past nextUpdate: %d %v, want 503", path, w.Code, w.Header())
		}
	}
	if w := get(p, shardPath(0)); w.Code != 200 {
		t.Errorf("the shard lives on: %d, want 200", w.Code)
	}
	a.failSigning(nil)
	a.catchUp(p)
	if w := get(p, "/crl/devices-1.crl"); w.Code != 200 {
		t.Errorf("with the key back: %d, want 200", w.Code)
	}
}

func TestPUB06Periods(t *testing.T) {
	for _, kind := range []string{store.KindBirths, store.KindDevices, store.KindOperations} {
		for _, k := range []key{completeKey(1), shardKey(1, 0)} {
			i := issuer{kind: kind}
			if period, life := i.timing(k); life < 3*period {
				t.Errorf("%s %s: lives %s, period %s", kind, k.scope(), life, period)
			}
		}
	}
}

// A revocation that was committed when the process ended is on the lists after
// the next start, also without the bookmark, and nothing else is signed.
func TestPUB07Crash(t *testing.T) {
	for _, bookmark := range []string{"kept", "lost", "garbage", "of a restored store"} {
		t.Run(bookmark, func(t *testing.T) {
			c := &clock{at: noon}
			a := newAuthority(t, c.now)
			p := a.caughtUp()
			a.lease(p, devices)
			cert := a.issue(devices, "SN-1", 90*day)
			a.catchUp(p)
			a.revoke(cert, store.ReasonKeyCompromise)
			switch file := p.bookmarkFile(); bookmark {
			case "lost":
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			case "garbage":
				if err := os.WriteFile(file, []byte("\x00\x01"), 0o600); err != nil {
					t.Fatal(err)
				}
			case "of a restored store":
				if err := os.WriteFile(file, fmt.Appendf(nil, bookmarkForm, 99), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			others := a.signatures(operations)
			p = a.caughtUp()
			for _, path := range []string{shardPath(0), "/crl/devices-1.crl"} {
				if entry(a.fetch(p, devices, path), cert) == nil {
					t.Errorf("%s lacks the revocation", path)
				}
			}
			if n := a.signatures(operations) - others; n > 0 && bookmark == "kept" {
				t.Errorf("%d lists of another issuer were signed, want none", n)
			}
			n := a.signatures(devices)
			if a.caughtUp(); a.signatures(devices) != n {
				t.Error("a second start signed again")
			}
		})
	}
}

// Threat 33: an old list that somebody puts back is replaced at the next start.
func TestThreat33Rollback(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.lease(p, devices)
	cert := a.issue(devices, "SN-1", 90*day)
	file := filepath.Join(a.dir, "crl", "devices-1", "0.crl")
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a.revoke(cert, store.ReasonKeyCompromise)
	a.catchUp(p)
	number := a.fetch(p, devices, shardPath(0)).Number
	if err := os.WriteFile(file, old, 0o600); err != nil {
		t.Fatal(err)
	}
	p = a.caughtUp()
	l := a.fetch(p, devices, shardPath(0))
	if entry(l, cert) == nil || l.Number.Cmp(number) <= 0 {
		t.Errorf("number %d after %d, entries %v", l.Number, number, l.RevokedCertificateEntries)
	}
}

// The empty list is durable before the lease, is not signed twice for one shard,
// and without it there is no lease.
func TestLease(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.failSigning(errSigner)
	if _, err := p.Lease(t.Context(), devices, store.ShortLived); !errors.Is(err, errSigner) {
		t.Fatalf("without a key: %v, want %v", err, errSigner)
	}
	a.failSigning(nil)
	if next, err := a.store.NextShard(t.Context(), devices); err != nil || next != 0 {
		t.Fatalf("next shard %d (%v), want 0", next, err)
	}
	a.store.leaseBlock = func(ctx context.Context, l store.Lease) (store.Block, error) {
		file := filepath.Join(a.dir, "crl", "devices-1", fmt.Sprintf("%d.crl", l.Shard))
		der, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("leased before its list: %v", err)
		}
		if _, err := p.verify(p.issuer(devices), shardKey(devices, l.Shard), der); err != nil {
			t.Errorf("leased before its list: %v", err)
		}
		return a.store.Store.LeaseBlock(ctx, l)
	}
	n := a.signatures(devices)
	block := a.lease(p, devices)
	if block.First != 0 || block.End != shardSize || a.signatures(devices) != n+1 {
		t.Errorf("block %+v after %d signatures, want the first after one", block, a.signatures(devices)-n)
	}
	// Another node takes shard 1 in between.
	taken := false
	a.store.leaseBlock = func(ctx context.Context, l store.Lease) (store.Block, error) {
		if !taken {
			taken = true
			if _, err := a.store.Store.LeaseBlock(ctx, store.Lease{Issuer: devices, Class: store.LongLived, Shard: 1, By: a.by()}); err != nil {
				t.Error(err)
			}
		}
		return a.store.Store.LeaseBlock(ctx, l)
	}
	if block := a.lease(p, devices); block.First != 2*shardSize {
		t.Errorf("after another node's lease: %+v, want shard 2", block)
	}
	if w := get(p, shardPath(2)); w.Code != 200 {
		t.Errorf("shard 2: %d, want 200", w.Code)
	}
	if _, err := p.Lease(t.Context(), 77, store.ShortLived); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown issuer: %v, want %v", err, store.ErrNotFound)
	}
}

func TestList(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.lease(p, devices)
	a.revoke(a.issue(devices, "SN-1", 90*day), store.ReasonKeyCompromise)
	a.catchUp(p)
	var got []string
	for _, l := range p.List() {
		got = append(got, fmt.Sprintf("%s %s %d %s", l.Issuer, l.Scope, l.Entries, l.URL))
		path := strings.TrimPrefix(l.URL, baseURL)
		if w := get(p, path); int64(w.Body.Len()) != l.Size || w.Code != 200 {
			t.Errorf("%s: %d, %d octets, want %d", path, w.Code, w.Body.Len(), l.Size)
		}
	}
	want := []string{
		"root complete 0 " + baseURL + "/crl/root.crl",
		"births-1 complete 0 " + baseURL + "/crl/births-1.crl",
		"devices-1 complete 1 " + baseURL + "/crl/devices-1.crl",
		"devices-1 0 1 " + baseURL + "/crl/devices-1/0.crl",
		"operations-1 complete 0 " + baseURL + "/crl/operations-1.crl",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Lists larger than what is kept in memory are served from the file.
func TestLargeFromFile(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.store.revocations = func(page []store.Revocation) []store.Revocation { return page }
	a.store.Store = manyRevoked{a.store.Store, 5000}
	if err := p.PublishNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if pub := p.publication(completeKey(devices)); pub.der != nil || pub.size < maxInMemory {
		t.Fatalf("%d octets are in memory", pub.size)
	}
	if n := len(a.fetch(p, devices, "/crl/devices-1.crl").RevokedCertificateEntries); n != 5000 {
		t.Errorf("%d entries, want 5000", n)
	}
	w := get(p, "/crl/devices-1.pem")
	block, rest := pem.Decode(w.Body.Bytes())
	if block == nil || len(rest) > 0 || string(block.Bytes) != get(p, "/crl/devices-1.crl").Body.String() {
		t.Error("the PEM form is another list")
	}
	if err := os.Remove(p.publication(completeKey(devices)).file); err != nil {
		t.Fatal(err)
	}
	if w := get(p, "/crl/devices-1.crl"); w.Code != 503 {
		t.Errorf("with the file gone: %d, want 503", w.Code)
	}
}

// manyRevoked is a store whose issuer devices has n revoked certificates.
type manyRevoked struct {
	store.Store
	n uint64
}

func (m manyRevoked) Revocations(ctx context.Context, id store.IssuerID, from, to uint64, limit int) ([]store.Revocation, error) {
	if id != devices {
		return m.Store.Revocations(ctx, id, from, to, limit)
	}
	page := make([]store.Revocation, 0, limit)
	for index := from; index < min(to, m.n) && len(page) < limit; index++ {
		r := store.Revocation{
			Ref: store.Ref{Issuer: id, Index: index}, Reason: 1, RevokedAt: noon, NotAfter: noon.Add(90 * day),
			Serial: [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
		}
		for i := range 5 {
			r.Serial[15-i] = byte(index >> (8 * i))
		}
		page = append(page, r)
	}
	return page, nil
}

func TestPEMReader(t *testing.T) {
	for n := range 200 {
		der := make([]byte, n)
		for i := range der {
			der[i] = byte(i * 7)
		}
		want := string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
		r := pemReader{der: strings.NewReader(string(der)), size: int64(n)}
		got, err := io.ReadAll(io.NewSectionReader(r, 0, r.length()))
		if err != nil || string(got) != want {
			t.Fatalf("%d octets: %v, got %q, want %q", n, err, got, want)
		}
		double := chain{io.NewSectionReader(r, 0, r.length()), io.NewSectionReader(r, 0, r.length())}
		for off := range want {
			b := make([]byte, 5)
			read, err := double.ReadAt(b, int64(off))
			if both := want + want; err != nil || string(b[:read]) != both[off:off+5] {
				t.Fatalf("%d octets at %d: %v, got %q, want %q", n, off, err, b[:read], both[off:off+5])
			}
		}
	}
}

func TestConfigValidate(t *testing.T) {
	_, err := New(t.Context(), Config{})
	if err == nil {
		t.Fatal("an empty config is accepted")
	}
	for _, field := range []string{"Store", "Signer", "BaseURL", "Dir", "Now", "Log"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
}
