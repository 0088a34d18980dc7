package storetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-pki/assay/store"
)

func (w *world) lease(class store.Class, shard uint64) (store.Block, error) {
	return w.LeaseBlock(w.Context(), store.Lease{Issuer: devices, Class: class, Shard: shard, By: w.actor()})
}

func leasePromises() []promise {
	return []promise{
		{"blocks are whole shards, in turn", func(w *world) {
			for shard, class := range []store.Class{store.ShortLived, store.LongLived, store.ShortLived} {
				next, err := w.NextShard(w.Context(), devices)
				w.must(err)
				w.equal(next, uint64(shard), "next shard")
				b, err := w.lease(class, next)
				w.must(err)
				first := next * store.ShardSize
				w.equal(b, store.Block{Issuer: devices, Class: class, First: first, End: first + store.ShardSize, Next: first}, "block")
			}
		}},
		{"only the next one", func(w *world) {
			_, err := w.lease(store.ShortLived, 1)
			w.is(err, store.ErrChanged)
			_, err = w.lease(store.ShortLived, 0)
			w.must(err)
			_, err = w.lease(store.ShortLived, 0)
			w.is(err, store.ErrChanged)
		}},
		{"issuers are apart", func(w *world) {
			_, err := w.lease(store.ShortLived, 0)
			w.must(err)
			next, err := w.NextShard(w.Context(), operations)
			w.must(err)
			w.equal(next, uint64(0), "next shard of another issuer")
		}},
		{"unknown issuer or class", func(w *world) {
			_, err := w.NextShard(w.Context(), 9)
			w.is(err, store.ErrNotFound)
			_, err = w.LeaseBlock(w.Context(), store.Lease{Issuer: 9, Class: store.ShortLived, By: w.actor()})
			w.is(err, store.ErrNotFound)
			_, err = w.lease(3, 0)
			w.is(err, store.ErrConflict)
		}},
		{"newest blocks tell where to go on", func(w *world) { w.testBlocks() }},
	}
}

func (w *world) testBlocks() {
	for shard, class := range []store.Class{store.ShortLived, store.LongLived, store.ShortLived} {
		_, err := w.lease(class, uint64(shard))
		w.must(err)
	}
	w.next[devices] = 2*store.ShardSize + 4 // the next one is index 5 of shard 2
	w.issue(order{serial: "A1"})
	blocks, err := w.Blocks(w.Context())
	w.must(err)
	w.equal(blocks, []store.Block{
		{Issuer: devices, Class: store.ShortLived, First: 2 * store.ShardSize, End: 3 * store.ShardSize, Next: 2*store.ShardSize + 6},
		{Issuer: devices, Class: store.LongLived, First: store.ShardSize, End: 2 * store.ShardSize, Next: store.ShardSize},
	}, "blocks")
}

func crlPromises() []promise {
	return []promise{
		{"numbers rise and follow the clock", func(w *world) {
			first := w.nextCRL("complete", w.now, w.now)
			w.equal(first.Number, uint64(w.now.Unix()), "number")
			same := w.nextCRL("complete", w.now, w.now)
			w.equal(same.Number, first.Number+1, "number in the same second")
			back := w.nextCRL("complete", w.now, w.now.Add(-time.Hour))
			w.equal(back.Number, same.Number+1, "number after the clock went back")
			later := w.nextCRL("complete", w.now, w.now.Add(time.Hour))
			w.equal(later.Number, uint64(w.now.Add(time.Hour).Unix()), "number later")
		}},
		{"thisUpdate never falls", func(w *world) {
			w.nextCRL("0", w.now, w.now)
			c := w.nextCRL("0", w.now.Add(-time.Hour), w.now)
			w.equal(c.ThisUpdate, w.now, "thisUpdate")
		}},
		{"scopes and issuers are apart", func(w *world) {
			a := w.nextCRL("0", w.now, w.now)
			b := w.nextCRL("1", w.now, w.now)
			w.equal(a.Number, b.Number, "numbers")
			list, err := w.CRLs(w.Context())
			w.must(err)
			w.equal(list, []store.CRL{a, b}, "crls")
		}},
		{"unknown issuer", func(w *world) {
			_, err := w.NextCRL(w.Context(), store.CRL{Issuer: 9, Scope: "complete", SignedAt: w.now})
			w.is(err, store.ErrNotFound)
		}},
	}
}

func (w *world) nextCRL(scope string, thisUpdate, signedAt time.Time) store.CRL {
	w.Helper()
	c, err := w.NextCRL(w.Context(), store.CRL{Issuer: devices, Scope: scope, ThisUpdate: thisUpdate, SignedAt: signedAt})
	w.must(err)
	return c
}

func feedPromises() []promise {
	return []promise{
		{"tells every change in order", func(w *world) {
			c := w.issue(order{serial: "A1"})
			w.hold("A1")
			w.release("A1")
			w.revoke("A1", store.ReasonSuperseded)
			list, err := w.RevokedSince(w.Context(), 1, 10)
			w.must(err)
			w.equal(list, []store.FeedEntry{{Seq: 2, Ref: c.Ref, Status: store.Good}, {Seq: 3, Ref: c.Ref, Status: store.Revoked}}, "feed after 1")
		}},
		{"wait ends at once when there is something", func(w *world) {
			w.issue(order{serial: "A1"})
			w.hold("A1")
			w.must(w.WaitFeed(w.Context(), 0))
		}},
		{"wait ends with a change", func(w *world) {
			w.issue(order{serial: "A1"})
			done := make(chan error, 1)
			go func() { done <- w.WaitFeed(w.Context(), 0) }()
			w.hold("A1")
			w.must(<-done)
			w.equal(w.feedHead(), uint64(1), "feed")
		}},
		{"wait ends with its context", func(w *world) {
			ctx, cancel := context.WithCancel(w.Context())
			cancel()
			w.is(w.WaitFeed(ctx, 0), context.Canceled)
		}},
	}
}

func logPromises() []promise {
	return []promise{
		{"events are read back", func(w *world) {
			e := store.Event{
				Name: store.EnrolmentRefused, Time: w.now, Salt: [16]byte{1, 2, 3}, Actor: "node", Source: "192.0.2.1",
				Object: "sensor/A1", Serial: make([]byte, 16), Issuer: 2, Reason: "weak-key", Count: 7, Detail: map[string]string{"a": "b"},
			}
			w.must(w.Record(w.Context(), e, store.Event{Name: store.NodeStarted, Time: w.now}))
			events, err := w.Events(w.Context(), 4, 10)
			w.must(err)
			e.Seq, e.Bytes = 5, events[0].Bytes
			w.equal(events[0], e, "event")
			if events[1].Salt == [16]byte{} {
				w.Error("an event without salt got none")
			}
		}},
		{"what an event may not be", func(w *world) {
			w.unchanged(func() {
				w.is(w.Record(w.Context(), store.Event{Name: "no.such-thing", Time: w.now}), store.ErrConflict)
				w.is(w.Record(w.Context(), store.Event{Name: store.NodeStarted}), store.ErrConflict)
				w.is(w.Record(w.Context(), store.Event{
					Name: store.NodeStarted, Time: w.now, Detail: map[string]string{"a": string(make([]byte, store.MaxText+1))},
				}), store.ErrLimit)
				w.must(w.Record(w.Context()))
			})
		}},
		{"root and proofs at every size", func(w *world) { w.testProofs() }},
		{"checkpoint", func(w *world) {
			_, err := w.Checkpoint(w.Context())
			w.is(err, store.ErrNotFound)
			for _, text := range []string{"first", "second"} {
				w.unchanged(func() { w.must(w.PutCheckpoint(w.Context(), []byte(text))) })
				got, err := w.Checkpoint(w.Context())
				w.must(err)
				w.equal(string(got), text, "checkpoint")
			}
			w.is(w.PutCheckpoint(w.Context(), nil), store.ErrLimit)
		}},
		{"hashes beyond the log", func(w *world) {
			count := tlog.StoredHashCount(w.logHead().Size)
			_, err := w.LogHashes(w.Context(), []int64{count})
			w.is(err, store.ErrNotFound)
			_, err = w.LogHashes(w.Context(), []int64{-1})
			w.is(err, store.ErrNotFound)
			_, err = w.LogHashes(w.Context(), make([]int64, store.MaxPage+1))
			w.is(err, store.ErrLimit)
		}},
	}
}

// testProofs grows the log and proves that each tree holds the one before.
func (w *world) testProofs() {
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes, err := w.LogHashes(w.Context(), indexes)
		out := make([]tlog.Hash, len(hashes))
		for i := range hashes {
			out[i] = hashes[i]
		}
		return out, err
	})
	for range 20 {
		before := w.logHead()
		w.must(w.Record(w.Context(), slices.Repeat([]store.Event{{Name: store.NodeStarted, Time: w.now}}, 1+int(before.Size%3))...))
		after := w.logHead()
		proof, err := tlog.ProveTree(after.Size, before.Size, reader)
		w.must(err)
		w.must(tlog.CheckTree(proof, after.Size, after.Root, before.Size, before.Root))
	}
}

func clockPromises() []promise {
	return []promise{
		{"the mark follows the acts", func(w *world) {
			w.mark(w.now)
			w.pass(time.Hour)
			w.issue(order{serial: "A1"})
			w.mark(w.now)
			latest := w.now
			w.pass(-time.Hour)
			w.hold("A1")
			w.mark(latest)
		}},
		{"a refused act does not move it", func(w *world) {
			before := w.now
			w.pass(time.Hour)
			w.refuse(store.ErrCredential, order{serial: "A1", token: [32]byte{1}})
			w.mark(before)
		}},
		{"lowering is an event", func(w *world) {
			lower := w.now.Add(-time.Hour)
			w.tells(func() { w.must(w.LowerClockMark(w.Context(), lower, w.actor())) }, store.ClockReset)
			w.mark(lower)
			w.is(w.LowerClockMark(w.Context(), w.now, w.actor()), store.ErrConflict)
		}},
	}
}

func (w *world) mark(want time.Time) {
	w.Helper()
	got, err := w.ClockMark(w.Context())
	w.must(err)
	w.equal(got, want, "clock mark")
}

func closePromises() []promise {
	return []promise{
		{"later calls are unavailable", func(w *world) {
			waiting := make(chan error, 1)
			go func() { waiting <- w.WaitFeed(context.Background(), 99) }()
			w.must(w.Close())
			w.is(<-waiting, store.ErrUnavailable)
			_, err := w.Authority(w.Context())
			w.is(err, store.ErrUnavailable)
			_, err = w.Issue(w.Context(), w.issuance(order{serial: "A1"}))
			w.is(err, store.ErrUnavailable)
		}},
		{"acts under way are done first", func(w *world) {
			results := make(chan error, issuers)
			for i := range issuers {
				issuance := w.issuance(order{serial: string(rune('a' + i))})
				go func() {
					_, err := w.Issue(context.Background(), issuance)
					results <- err
				}()
			}
			w.must(w.Close())
			for range issuers {
				if err := <-results; err != nil && !errors.Is(err, store.ErrUnavailable) {
					w.Errorf("issue while closing: %v", err)
				}
			}
		}},
	}
}
