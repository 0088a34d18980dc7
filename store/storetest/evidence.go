package storetest

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/assay-pki/assay/store"
)

func noncePromises() []promise {
	return []promise{
		{"is redeemed for one request", func(w *world) {
			c := w.issue(order{serial: "A1", csr: "x", nonce: "n1"})
			hash, err := w.Redeemed(w.Context(), []byte("n1"))
			w.must(err)
			w.equal(hash, c.CSRHash, "request that it was redeemed for")
			w.refuse(store.ErrNonceReused, order{serial: "A2", csr: "y", nonce: "n1"})
			w.issue(order{serial: "A1", csr: "x", nonce: "n1", spki: c.SPKI}) // the same request
			_, err = w.Redeemed(w.Context(), []byte("n2"))
			w.is(err, store.ErrNotFound)
		}},
		{"a refused issuance redeems none", func(w *world) {
			c := w.issue(order{serial: "A1"})
			w.refuse(store.ErrKeyOfAnother, order{serial: "A2", csr: "x", nonce: "n1", spki: c.SPKI})
			w.issue(order{serial: "A2", csr: "y", nonce: "n1"})
		}},
		{"nor does a repeat", func(w *world) {
			o := order{serial: "A1", csr: "x", nonce: "n1", repeat: time.Hour}
			w.issue(o)
			o.nonce = "n2"
			out, err := w.Issue(w.Context(), w.issuance(o))
			w.must(err)
			w.equal(out.Repeated, true, "repeated")
			_, err = w.Redeemed(w.Context(), []byte("n2"))
			w.is(err, store.ErrNotFound)
		}},
		{"limits", func(w *world) {
			w.refuse(store.ErrLimit, order{serial: "A1", nonce: string(make([]byte, store.MaxNonce+1))})
		}},
		{"those that are refused for their age are forgotten in time", func(w *world) {
			for i := range 20 {
				w.issue(order{serial: fmt.Sprint(i), csr: fmt.Sprint(i), nonce: fmt.Sprintf("old-%02d", i)})
			}
			w.pass(nonceLife + time.Second)
			for i := range 6 {
				w.issue(order{serial: fmt.Sprintf("n%d", i), csr: fmt.Sprint(i), nonce: fmt.Sprintf("young-%d", i)})
			}
			left := 0
			for i := range 20 {
				if _, err := w.Redeemed(w.Context(), fmt.Appendf(nil, "old-%02d", i)); err == nil {
					left++
				}
			}
			w.equal(left, 0, "old nonces left")
			hash, err := w.Redeemed(w.Context(), []byte("young-0"))
			w.must(err)
			w.equal(hash, sha256.Sum256([]byte("0")), "request of a young one")
		}},
		{"two keys are kept", func(w *world) {
			keys, err := w.NonceKeys(w.Context())
			w.must(err)
			w.equal(len(keys), 0, "keys")
			var made []store.NonceKey
			for i := range 3 {
				w.pass(time.Hour)
				k := store.NonceKey{Key: [32]byte{byte(i + 1)}, MadeAt: w.now}
				w.unchanged(func() { w.must(w.AddNonceKey(w.Context(), k)) })
				made = append(made, k)
			}
			keys, err = w.NonceKeys(w.Context())
			w.must(err)
			w.equal(keys, []store.NonceKey{made[2], made[1]}, "keys")
			w.is(w.AddNonceKey(w.Context(), store.NonceKey{MadeAt: w.now}), store.ErrConflict)
		}},
	}
}

// appraised is what a self statement of one component gives.
func appraised(version string, svn uint64) *store.Appraised {
	return &store.Appraised{
		Format: "self", Tier: "T1", Fresh: "yes",
		Components: []store.Measured{{Component: "firmware", Version: version, SVN: svn}},
	}
}

func evidencePromises() []promise {
	return []promise{
		{"is kept, and stands in the event", func(w *world) {
			i := w.issuance(order{serial: "A1", evidence: appraised("1.4", 7)})
			i.Facts = map[string]string{"debug": "0", "profile": "mine"}
			before := uint64(w.logHead().Size)
			_, err := w.Issue(w.Context(), i)
			w.must(err)
			want := *appraised("1.4", 7)
			want.Components[0].Mark = 7
			w.equal(w.device("A1").Evidence, want, "evidence")
			events, err := w.Events(w.Context(), before, 1)
			w.must(err)
			w.equal(events[0].Detail, map[string]string{
				"profile": "operational", "operation": "simpleenroll", "format": "self", "tier": "T1", "fresh": "yes",
				"release": "firmware=1.4", "debug": "0",
			}, "detail of certificate.issued")
		}},
		{"a lower version than ever before is refused", func(w *world) {
			w.issue(order{serial: "A1", evidence: appraised("1.4", 7)})
			w.issue(order{serial: "A1", recovery: store.Renew, evidence: appraised("1.5", 9)})
			w.refuse(store.ErrRollback, order{serial: "A1", recovery: store.Renew, evidence: appraised("1.4", 8)})
			w.issue(order{serial: "A1", recovery: store.Renew, evidence: appraised("1.5", 9)})
			w.equal(w.device("A1").Evidence.Components[0].Mark, uint64(9), "mark")
		}},
		{"marks outlive what is not wanted for a time", func(w *world) {
			w.issue(order{serial: "A1", evidence: appraised("1.4", 7)})
			w.issue(order{serial: "A1", recovery: store.Renew})
			w.equal(w.device("A1").Evidence.Format, "self", "format")
			other := &store.Appraised{Format: "self", Tier: "T1", Fresh: "no", Components: []store.Measured{{Component: "modem", Version: "2", SVN: 1}}}
			w.issue(order{serial: "A1", recovery: store.Renew, evidence: other})
			w.equal(w.device("A1").Evidence.Components, []store.Measured{
				{Component: "modem", Version: "2", SVN: 1, Mark: 1}, {Component: "firmware", Mark: 7},
			}, "components")
			w.refuse(store.ErrRollback, order{serial: "A1", recovery: store.Renew, evidence: appraised("1.3", 6)})
		}},
		{"limits", func(w *world) {
			many := &store.Appraised{Components: make([]store.Measured, store.MaxMeasured+1)}
			w.refuse(store.ErrLimit, order{serial: "A1", evidence: many})
			twice := appraised("1.4", 7)
			twice.Components = append(twice.Components, twice.Components[0])
			w.refuse(store.ErrConflict, order{serial: "A1", evidence: twice})
		}},
	}
}
