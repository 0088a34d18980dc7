package crl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

const shardSize = profile.ShardSize

// Log attributes.
const (
	logIssuer  = "issuer"
	logScope   = "scope"
	logNumber  = "number"
	logEntries = "entries"
	logTook    = "took"
	logError   = "error"
)

// publish makes a list from the store as it is now, and puts it in the place of
// the one before. readAt is when the feed's head was last read: the list has every
// change up to then. On return the list is durable and being served, or the one
// before still is. The caller holds p.signing.
func (p *Publisher) publish(ctx context.Context, i *issuer, k key, readAt time.Time) error {
	start := time.Now()
	before := p.publication(k)
	h, err := p.number(ctx, i, k, before, readAt)
	if err != nil {
		return err
	}
	der, err := p.build(ctx, i, k, h, before)
	if err != nil {
		return err
	}
	pub, err := p.verify(i, k, der)
	if err != nil {
		return fmt.Errorf("%w: %w", errCheck, err)
	}
	if before != nil {
		if err := p.checkSuccession(ctx, before, pub, der); err != nil {
			return err
		}
	}
	err = p.write(pub.file, der, func() {
		p.published[k] = pub
		p.paths[pub.path] = k
	})
	if err != nil {
		return err
	}
	p.cfg.Log.Debug("list published", logIssuer, i.name, logScope, k.scope(), logNumber, pub.number,
		logEntries, pub.entries, logTook, time.Since(start))
	return nil
}

// number reserves the next number and settles the times. A crash after this line
// leaves a number unused, which nobody minds.
func (p *Publisher) number(ctx context.Context, i *issuer, k key, before *publication, readAt time.Time) (*header, error) {
	algorithm := p.cfg.Signer.SignatureAlgorithm(i.id)
	if algorithm == nil {
		return nil, fmt.Errorf("sign a list of %s: the signer does not know this issuer", i.name)
	}
	_, life := i.timing(k)
	readAt = readAt.UTC().Truncate(time.Second)
	thisUpdate := readAt.Add(-backdate)
	if thisUpdate.Before(i.cert.NotBefore) {
		thisUpdate = i.cert.NotBefore
	}
	if before != nil && thisUpdate.Before(before.thisUpdate) {
		thisUpdate = before.thisUpdate
	}
	c := store.CRL{Issuer: i.id, Scope: k.scope(), ThisUpdate: thisUpdate, SignedAt: p.cfg.Now()}
	numbered, err := p.cfg.Store.NextCRL(ctx, c)
	if err == nil && before != nil && numbered.Number <= before.number {
		// A store that was restored numbers behind what is published (CRL-05).
		c.SignedAt = time.Unix(int64(before.number)+1, 0)
		numbered, err = p.cfg.Store.NextCRL(ctx, c)
	}
	if err != nil {
		return nil, fmt.Errorf("number a list of %s: %w", i.name, err)
	}
	return &header{
		algorithm:  algorithm,
		issuer:     i.subject,
		thisUpdate: numbered.ThisUpdate.UTC(),
		nextUpdate: readAt.Add(life),
		keyID:      i.cert.SubjectKeyId,
		number:     numbered.Number,
		idp:        p.idp(i, k),
	}, nil
}

// build streams the store's pages into a list and signs it.
func (p *Publisher) build(ctx context.Context, i *issuer, k key, h *header, before *publication) ([]byte, error) {
	size := maxHeader
	if before != nil {
		size += int(before.size) + pageSize*entrySize
	}
	e := newEncoder(size, h)
	from, to := uint64(0), uint64(profile.MaxIndex)+1
	if !k.complete {
		from = k.shard * shardSize
		to = from + shardSize
	}
	for from < to {
		page, err := p.cfg.Store.Revocations(ctx, i.id, from, to, pageSize)
		if err != nil {
			return nil, fmt.Errorf("read revocations of %s: %w", i.name, err)
		}
		for n := range page {
			if before != nil && expiredOn(page[n].NotAfter, before.thisUpdate) {
				continue
			}
			e.add(&page[n])
		}
		if len(page) < pageSize {
			break
		}
		from = page[len(page)-1].Index + 1
	}
	tbs, err := e.finish(h)
	if err != nil {
		return nil, fmt.Errorf("encode a list of %s: %w", i.name, err)
	}
	der, err := p.cfg.Signer.SignTBS(ctx, i.id, tbs)
	if err != nil {
		return nil, fmt.Errorf("sign a list of %s: %w", i.name, err)
	}
	return der, nil
}

// Lease publishes the empty list of the issuer's next shard durably, then leases
// the shard (ca.Blocks): no certificate is ever signed with a CDP that is 404.
// Errors are the store's, the signer's and the disk's.
func (p *Publisher) Lease(ctx context.Context, id store.IssuerID, class store.Class) (store.Block, error) {
	p.signing.Lock()
	defer p.signing.Unlock()
	i := p.issuer(id)
	if i == nil {
		if err := p.refreshIssuers(ctx); err != nil {
			return store.Block{}, err
		}
		if i = p.issuer(id); i == nil {
			return store.Block{}, fmt.Errorf("lease a block of issuer %d: %w", id, store.ErrNotFound)
		}
	}
	var err error
	for range leaseTries {
		var block store.Block
		block, err = p.lease(ctx, i, class)
		if !errors.Is(err, store.ErrChanged) {
			return block, err
		}
	}
	return store.Block{}, err
}

func (p *Publisher) lease(ctx context.Context, i *issuer, class store.Class) (store.Block, error) {
	shard, err := p.cfg.Store.NextShard(ctx, i.id)
	if err != nil {
		return store.Block{}, fmt.Errorf("find the next shard of %s: %w", i.name, err)
	}
	now := p.cfg.Now()
	k := shardKey(i.id, shard)
	// A crash below, or another class that took the shard before, leaves a list
	// that is good for the next lease.
	if i.kind != store.KindRoot && p.due(i, k, now) {
		if err := p.publish(ctx, i, k, now); err != nil {
			return store.Block{}, fmt.Errorf("publish the list of shard %d before its lease: %w", shard, err)
		}
	}
	block, err := p.cfg.Store.LeaseBlock(ctx, store.Lease{
		Issuer: i.id, Class: class, Shard: shard,
		By: store.Actor{Principal: "node", At: now},
	})
	if err != nil {
		return store.Block{}, fmt.Errorf("lease shard %d of %s: %w", shard, i.name, err)
	}
	return block, nil
}
