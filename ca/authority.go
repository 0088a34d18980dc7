package ca

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/store"
)

// Store is what the authority reads, once, when it is made.
type Store interface {
	Authority(ctx context.Context) (store.Authority, error)
	Issuers(ctx context.Context) ([]store.Issuer, error)
	Blocks(ctx context.Context) ([]store.Block, error)
}

// Blocks leases blocks of issuance indices. Lease must not return before the
// empty CRL of the block's shard is published and durable and the lease is
// committed: from then on certificates name that CRL. It is called by one
// goroutine at a time for each (issuer, class). store.ErrIndexExhausted after
// the last block.
type Blocks interface {
	Lease(ctx context.Context, issuer store.IssuerID, class store.Class) (store.Block, error)
}

// Config is what an Authority is made of.
type Config struct {
	Store Store
	Keys  *keys.Ring
	// Blocks may be nil when LeaseFrom is called before the first Sign.
	Blocks Blocks
	Now    func() time.Time
	Log    *slog.Logger
}

// Authority signs with the issuers' keys. It is safe for concurrent use. Keys
// are decrypted when they first sign.
type Authority struct {
	record  store.Authority
	issuers []*issuer // by id
	runs    runs
	now     func() time.Time
	log     *slog.Logger
}

// New reads the authority and its issuers. It opens no key.
func New(ctx context.Context, c Config) (*Authority, error) {
	if c.Store == nil || c.Keys == nil || c.Now == nil || c.Log == nil {
		return nil, fmt.Errorf("make the authority: Store, Keys, Now and Log are required: %w", ErrConfig)
	}
	record, err := c.Store.Authority(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	records, err := c.Store.Issuers(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the issuers: %w", err)
	}
	blocks, err := c.Store.Blocks(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the blocks of indices: %w", err)
	}
	a := &Authority{record: record, now: c.Now, log: c.Log}
	for _, r := range records {
		i, err := newIssuer(r, c.Keys, record.BaseURL)
		if err != nil {
			return nil, err
		}
		a.issuers = append(a.issuers, i)
	}
	slices.SortFunc(a.issuers, func(x, y *issuer) int { return cmp.Compare(x.ID, y.ID) })
	a.runs.restore(blocks)
	a.runs.blocks = c.Blocks
	return a, nil
}

// LeaseFrom says where blocks come from, before the first Sign: the publisher
// of CRLs leases them and signs through the authority, so one of the two is
// made first.
func (a *Authority) LeaseFrom(b Blocks) {
	a.runs.mu.Lock()
	defer a.runs.mu.Unlock()
	a.runs.blocks = b
}

// About returns the authority's record.
func (a *Authority) About() store.Authority { return a.record }
