package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/assay-pki/assay/store"
)

func racePromises() []promise {
	return []promise{
		{"one use, many devices", func(w *world) { w.testTokenRace() }},
		{"one index, many certificates", func(w *world) {
			var orders []store.Issuance
			for i := range issuers {
				w.next[devices] = 6
				orders = append(orders, w.issuance(order{serial: fmt.Sprint(i)}))
			}
			w.equal(w.race(orders, store.ErrExists), 1, "certificates with one index")
		}},
		{"one key, many devices", func(w *world) {
			spki := MakeSPKI()
			var orders []store.Issuance
			for i := range issuers {
				orders = append(orders, w.issuance(order{serial: fmt.Sprint(i), spki: spki}))
			}
			w.equal(w.race(orders, store.ErrKeyOfAnother), 1, "devices with one key")
		}},
		{"one device, many keys", func(w *world) {
			var orders []store.Issuance
			for range issuers {
				orders = append(orders, w.issuance(order{serial: "A1"}))
			}
			w.equal(w.race(orders, store.ErrHasIdentity), 1, "certificates of one device")
			w.equal(len(w.device("A1").Lineage), 1, "lineage")
		}},
		{"one request, many times", func(w *world) {
			var orders []store.Issuance
			spki := MakeSPKI()
			for range issuers {
				orders = append(orders, w.issuance(order{serial: "A1", spki: spki, csr: "x", repeat: time.Hour}))
			}
			w.equal(w.race(orders, nil), issuers, "answers")
			w.equal(len(w.device("A1").Lineage), 1, "lineage")
		}},
		{"refused acts leave their neighbours alone", func(w *world) { w.testMixedRace() }},
		{"revoke against renew", func(w *world) { w.testRevokeRace() }},
		{"one shard, many leases", func(w *world) {
			var wins, losses int
			w.together(issuers, func(int) error {
				_, err := w.lease(store.ShortLived, 0)
				return err
			}, func(err error) {
				if errors.Is(err, store.ErrChanged) {
					losses++
				} else if err == nil {
					wins++
				}
			})
			w.equal([]int{wins, losses}, []int{1, issuers - 1}, "wins and losses")
		}},
		{"crl numbers are never given twice", func(w *world) {
			var mu sync.Mutex
			seen := map[uint64]bool{}
			w.together(issuers, func(int) error {
				c, err := w.NextCRL(w.Context(), store.CRL{Issuer: devices, Scope: "complete", SignedAt: w.now})
				mu.Lock()
				defer mu.Unlock()
				seen[c.Number] = true
				return err
			}, w.must)
			w.equal(len(seen), issuers, "numbers")
		}},
	}
}

// together runs fn n times at once, then hands each result to judge.
func (w *world) together(n int, fn func(i int) error, judge func(error)) {
	w.Helper()
	results := make([]error, n)
	var wait sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wait.Go(func() {
			<-start
			results[i] = fn(i)
		})
	}
	close(start)
	wait.Wait()
	for _, err := range results {
		judge(err)
	}
}

// race issues all at once and counts those that succeed; the others must fail
// with want.
func (w *world) race(orders []store.Issuance, want error) (won int) {
	w.Helper()
	w.together(len(orders), func(i int) error {
		_, err := w.Issue(w.Context(), orders[i])
		return err
	}, func(err error) {
		if err == nil {
			won++
		} else if want == nil || !errors.Is(err, want) {
			w.Errorf("issue: %v, want %v", err, want)
		}
	})
	return won
}

func (w *world) testTokenRace() {
	hash := w.token("t", "", 1)
	var orders []store.Issuance
	for i := range issuers {
		orders = append(orders, w.issuance(order{serial: fmt.Sprint(i), token: hash}))
	}
	w.equal(w.race(orders, store.ErrCredential), 1, "devices for one use")
	t, err := w.Token(w.Context(), hash)
	w.must(err)
	w.equal(t.Used, uint32(1), "uses taken")
}

// testMixedRace sends good and bad acts at once: whatever group they share, the
// good ones are stored and the bad ones leave nothing.
func (w *world) testMixedRace() {
	taken := w.issue(order{serial: "taken"})
	var orders []store.Issuance
	for i := range issuers {
		o := order{serial: fmt.Sprint(i)}
		if i%2 == 1 {
			o.spki = taken.SPKI
		}
		orders = append(orders, w.issuance(o))
	}
	w.equal(w.race(orders, store.ErrKeyOfAnother), issuers/2, "certificates")
	for i := range issuers {
		_, err := w.Device(w.Context(), device(fmt.Sprint(i)))
		if i%2 == 0 {
			w.must(err)
		} else {
			w.is(err, store.ErrNotFound)
		}
	}
}

// testRevokeRace: whichever comes first, no good certificate is left.
func (w *world) testRevokeRace() {
	for n := range races {
		serial := fmt.Sprint(n)
		first := w.issue(order{serial: serial})
		renewal := w.issuance(order{serial: serial, presented: first.Ref, recovery: store.Renew})
		revocation := store.Revoke{Device: device(serial), Reason: store.ReasonKeyCompromise, By: w.actor()}
		w.together(2, func(i int) error {
			if i == 0 {
				_, err := w.Issue(w.Context(), renewal)
				return err
			}
			_, err := w.Revoke(w.Context(), revocation)
			return err
		}, func(err error) {
			if err != nil && !errors.Is(err, store.ErrDecommissioned) {
				w.Errorf("race %d: %v", n, err)
			}
		})
		for _, ref := range w.device(serial).Lineage {
			w.equal(w.certificate(ref).Status, store.Revoked, "status after the race")
		}
	}
}
