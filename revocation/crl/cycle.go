package crl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/assay-pki/assay/store"
)

// CatchUp publishes what is missing, stale or behind the feed: call it before
// the node says that it is ready.
func (p *Publisher) CatchUp(ctx context.Context) error { return p.cycle(ctx, changed) }

// PublishNow publishes what is missing, stale or changed, and every issuer's
// complete list anew. The root's ARL is signed anew only when it changed or is
// half through its life.
func (p *Publisher) PublishNow(ctx context.Context) error { return p.cycle(ctx, everything) }

// extent says what a cycle signs beside what is missing or stale.
type extent uint8

const (
	sparing    extent = iota // what changed; a costly complete list only when it is time
	changed                  // what changed
	everything               // what changed, and each complete list
)

// Run follows the feed until ctx ends, and then returns nil. Changes are
// published at once, at most each second; every list again after its period.
// What fails is logged and tried again.
func (p *Publisher) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		start := time.Now()
		err := p.cycle(ctx, sparing)
		wait := p.untilDue()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			p.cfg.Log.Error("lists are not up to date, trying again", logError, err)
			wait = retry
		}
		p.waitChange(ctx, start, wait)
	}
	return nil
}

// waitChange returns when the feed has moved, but not before a second after
// start, when a list is due, or when ctx ends.
func (p *Publisher) waitChange(ctx context.Context, start time.Time, wait time.Duration) {
	due, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := p.cfg.Store.WaitFeed(due, p.position())
	switch {
	case err == nil:
		sleep(ctx, coalesce-time.Since(start))
	case due.Err() == nil:
		// The store failed: the cycle will say so.
		sleep(ctx, retry)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (p *Publisher) position() uint64 {
	p.cycling.Lock()
	defer p.cycling.Unlock()
	return p.seen
}

// cycle brings every list up to date. One that fails does not stop the others.
func (p *Publisher) cycle(ctx context.Context, what extent) error {
	p.cycling.Lock()
	defer p.cycling.Unlock()
	// Read before the head, which is read before the records: a list dated readAt
	// can't lack what was committed earlier.
	readAt := p.cfg.Now()
	if err := p.refreshIssuers(ctx); err != nil {
		return err
	}
	if err := p.follow(ctx); err != nil {
		return err
	}
	keys, err := p.expected(ctx)
	if err != nil {
		return err
	}
	var faults []error
	for _, k := range keys {
		if err := p.refresh(ctx, k, readAt, what); err != nil {
			faults = append(faults, err)
			if ctx.Err() != nil {
				break
			}
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	p.caughtUp.Store(true)
	// Crash before this line: the next start publishes the same lists once more.
	if len(p.dirty) == 0 && (!p.bookmarked || p.saved != p.seen) {
		if err := p.saveBookmark(p.seen); err != nil {
			return err
		}
		p.saved, p.bookmarked = p.seen, true
	}
	return nil
}

// follow marks what the feed says has changed.
func (p *Publisher) follow(ctx context.Context) error {
	for {
		entries, err := p.cfg.Store.RevokedSince(ctx, p.seen, pageSize)
		if err != nil {
			return fmt.Errorf("read the feed of revocations: %w", err)
		}
		for _, e := range entries {
			p.dirty[completeKey(e.Issuer)] = struct{}{}
			if i := p.issuer(e.Issuer); i != nil && i.kind != store.KindRoot {
				p.dirty[shardKey(e.Issuer, e.Index/shardSize)] = struct{}{}
			}
			p.seen = e.Seq
		}
		if len(entries) < pageSize {
			return nil
		}
	}
}

// expected lists what must be published: an issuer's shards before its complete
// list, so that the latter is never the newer one without the former's entries.
func (p *Publisher) expected(ctx context.Context) ([]key, error) {
	var keys []key
	leased := map[store.IssuerID]uint64{}
	issuers := p.allIssuers()
	for _, i := range issuers {
		if i.kind == store.KindRoot {
			continue
		}
		next, err := p.cfg.Store.NextShard(ctx, i.id)
		if err != nil && !errors.Is(err, store.ErrIndexExhausted) {
			return nil, fmt.Errorf("find the next shard of %s: %w", i.name, err)
		}
		leased[i.id] = next
		for shard := range next {
			keys = append(keys, shardKey(i.id, shard))
		}
	}
	keys = append(keys, p.unleased(leased)...)
	for _, i := range issuers {
		keys = append(keys, completeKey(i.id))
	}
	return keys, nil
}

// unleased lists the shards that are published, or changed, past the leased ones:
// those whose lease failed.
func (p *Publisher) unleased(leased map[store.IssuerID]uint64) []key {
	found := map[key]struct{}{}
	past := func(k key) bool { return !k.complete && k.shard >= leased[k.issuer] }
	for k := range p.dirty {
		if past(k) {
			found[k] = struct{}{}
		}
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	for k := range p.published {
		if past(k) {
			found[k] = struct{}{}
		}
	}
	return slices.Collect(maps.Keys(found))
}

func (p *Publisher) allIssuers() []*issuer {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.SortedFunc(maps.Values(p.issuers), func(a, b *issuer) int { return cmp.Compare(a.id, b.id) })
}

// refresh publishes one list if it is time.
func (p *Publisher) refresh(ctx context.Context, k key, readAt time.Time, what extent) error {
	i := p.issuer(k.issuer)
	if i == nil {
		return fmt.Errorf("publish lists of issuer %d: %w", k.issuer, store.ErrNotFound)
	}
	_, dirty := p.dirty[k]
	p.signing.Lock()
	defer p.signing.Unlock()
	switch {
	case p.due(i, k, readAt):
	case what == everything && k.complete && i.kind != store.KindRoot:
	case !dirty, what == sparing && k.complete && readAt.Before(p.completeAfter[k.issuer]):
		return nil
	}
	start := time.Now()
	if err := p.publish(ctx, i, k, readAt); err != nil {
		return err
	}
	delete(p.dirty, k)
	if k.complete {
		p.completeAfter[k.issuer] = readAt.Add(maxShare * time.Since(start))
	}
	return nil
}

// due tells whether a list is missing or older than its period.
func (p *Publisher) due(i *issuer, k key, now time.Time) bool {
	pub := p.publication(k)
	return pub == nil || !now.Before(pub.signedAt.Add(pub.period))
}

// untilDue is the time to the next list that has to be signed without a change.
func (p *Publisher) untilDue() time.Duration {
	p.cycling.Lock()
	defer p.cycling.Unlock()
	now := p.cfg.Now()
	wait := longestWait
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, pub := range p.published {
		wait = min(wait, pub.signedAt.Add(pub.period).Sub(now))
	}
	for k := range p.dirty {
		wait = min(wait, p.completeAfter[k.issuer].Sub(now))
	}
	return max(wait, coalesce)
}

func sortedPublications(published map[key]*publication) []*publication {
	return slices.SortedFunc(maps.Values(published), func(a, b *publication) int {
		if c := cmp.Compare(a.key.issuer, b.key.issuer); c != 0 {
			return c
		}
		if a.key.complete != b.key.complete {
			if a.key.complete {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.key.shard, b.key.shard)
	})
}
