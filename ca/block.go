package ca

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// runs hands out issuance indices, each once.
type runs struct {
	mu     sync.Mutex
	blocks Blocks
	byKey  map[runKey]*run
}

type runKey struct {
	issuer store.IssuerID
	class  store.Class
}

// run is the block at hand of one issuer and class.
type run struct {
	mu        sync.Mutex
	next, end uint64
	// leasing is closed when the lease under way has ended; nil without one.
	leasing chan struct{}
}

// restore goes on where the store has got to: indices that were signed and
// never committed are given again, with another serial number.
func (r *runs) restore(blocks []store.Block) {
	r.byKey = map[runKey]*run{}
	for _, b := range blocks {
		r.byKey[runKey{b.Issuer, b.Class}] = &run{next: max(b.First, b.Next), end: b.End}
	}
}

func (r *runs) run(key runKey) (*run, Blocks) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byKey[key] == nil {
		r.byKey[key] = &run{}
	}
	return r.byKey[key], r.blocks
}

// take allocates an index, leasing the next block when one is used up. One
// caller leases, the others wait for it; if it fails, each tries for itself.
func (r *runs) take(ctx context.Context, issuer store.IssuerID, class store.Class) (uint64, error) {
	key := runKey{issuer, class}
	run, blocks := r.run(key)
	for {
		run.mu.Lock()
		if run.next < run.end {
			index := run.next
			run.next++
			run.mu.Unlock()
			return index, nil
		}
		wait := run.leasing
		if wait == nil {
			run.leasing = make(chan struct{})
		}
		run.mu.Unlock()
		if wait == nil {
			if err := run.lease(ctx, blocks, key); err != nil {
				return 0, err
			}
			continue
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func (r *run) lease(ctx context.Context, blocks Blocks, key runKey) error {
	block, err := leaseBlock(ctx, blocks, key)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.next, r.end = max(block.First, block.Next), block.End
	}
	close(r.leasing)
	r.leasing = nil
	return err
}

func leaseBlock(ctx context.Context, blocks Blocks, key runKey) (store.Block, error) {
	if blocks == nil {
		return store.Block{}, fmt.Errorf("%w: nobody leases blocks", ErrBlocks)
	}
	block, err := blocks.Lease(ctx, key.issuer, key.class)
	switch {
	case errors.Is(err, store.ErrIndexExhausted):
		return block, fmt.Errorf("issuer %d: %w: rotate it, assay ca rotate", key.issuer, err)
	case err != nil:
		return block, fmt.Errorf("%w: %w", ErrBlocks, err)
	case block.Issuer != key.issuer || block.Class != key.class ||
		block.First%profile.ShardSize != 0 || block.End != block.First+profile.ShardSize || block.End > profile.MaxIndex+1:
		return block, fmt.Errorf("%w: block %+v is not a shard of issuer %d, class %d", ErrBlocks, block, key.issuer, key.class)
	}
	return block, nil
}
