package crl

import (
	"context"
	"crypto/x509"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assay-pki/assay/store"
)

// running opens an authority whose publisher runs, in a bubble.
func running(t *testing.T, test func(t *testing.T, a *authority, p *Publisher)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t, time.Now)
		p := a.caughtUp()
		a.lease(p, devices)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.Run(ctx) }()
		synctest.Wait()
		test(t, a, p)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
}

// Promise P2: a revocation is on its shard's list within two seconds, many are
// coalesced, and shards without changes are left alone.
func TestP2RunPublishes(t *testing.T) {
	running(t, func(t *testing.T, a *authority, p *Publisher) {
		other := a.signatures(operations)
		var last store.Certificate
		time.Sleep(10 * time.Second)
		before := a.signatures(devices)
		start := time.Now()
		for i := range 30 {
			last = a.issue(devices, string(rune('A'+i)), 90*day)
			a.revoke(last, store.ReasonKeyCompromise)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2*time.Second - 100*time.Millisecond)
		for _, path := range []string{shardPath(0), "/crl/devices-1.crl"} {
			if entry(a.fetch(p, devices, path), last) == nil {
				t.Errorf("%s lacks a revocation after two seconds", path)
			}
		}
		rounds := int(time.Since(start)/coalesce) + 1
		if n := a.signatures(devices) - before; n > 2*rounds {
			t.Errorf("%d signatures in %d seconds for two lists", n, rounds)
		}
		if n := a.signatures(operations) - other; n != 0 {
			t.Errorf("%d lists of another issuer were signed", n)
		}
	})
}

// Every list is signed again after its period, long before nextUpdate.
func TestPUB06RunRenews(t *testing.T) {
	running(t, func(t *testing.T, a *authority, p *Publisher) {
		fetch := func(path string, id store.IssuerID) *x509.RevocationList { return a.fetch(p, id, path) }
		start := a.signatures(devices)
		for range 9 {
			time.Sleep(day)
			for path, id := range map[string]store.IssuerID{
				shardPath(0): devices, "/crl/devices-1.crl": devices, "/crl/births-1.crl": births, "/crl/root.crl": root,
			} {
				l := fetch(path, id)
				life := l.NextUpdate.Sub(l.ThisUpdate)
				if left := time.Until(l.NextUpdate); left < life/2 {
					t.Errorf("%s has %s of %s left", path, left, life)
				}
			}
		}
		// 24 complete lists and one shard a day.
		if n := a.signatures(devices) - start; n < 9*24 || n > 9*27 {
			t.Errorf("%d signatures in nine days", n)
		}
		if n := a.signatures(root); n != 1 {
			t.Errorf("the root's key signed %d times, want 1", n)
		}
	})
}

// What fails is tried again: the revocation appears when the key is back.
func TestRunRetries(t *testing.T) {
	running(t, func(t *testing.T, a *authority, p *Publisher) {
		cert := a.issue(devices, "SN-1", 90*day)
		a.failSigning(errors.New("unplugged"))
		a.revoke(cert, store.ReasonKeyCompromise)
		time.Sleep(time.Minute)
		if entry(a.fetch(p, devices, shardPath(0)), cert) != nil {
			t.Fatal("published without a key")
		}
		a.failSigning(nil)
		time.Sleep(retry + time.Second)
		if entry(a.fetch(p, devices, shardPath(0)), cert) == nil {
			t.Error("not published though the key is back")
		}
	})
}
