package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/assay-pki/assay/store"
)

// Found implements store.Writer.
func (s *Store) Found(ctx context.Context, f store.Founding) error {
	if err := f.Validate(); err != nil {
		return err
	}
	leaves, err := sealAll(store.FoundingEvents(f)...)
	if err != nil {
		return err
	}
	err = s.do(ctx, func(w *writeTx) error {
		if w.get(metaBucket, []byte(authorityKey)) != nil {
			return store.ErrExists
		}
		w.touch(f.By.At)
		if err := w.put(metaBucket, []byte(authorityKey), f.Authority.Encode()); err != nil {
			return err
		}
		for _, i := range f.Issuers {
			if err := w.put(issuerBucket, issuerKey(i.ID), i.Encode()); err != nil {
				return err
			}
		}
		return w.log(leaves...)
	})
	if err != nil {
		return fmt.Errorf("found authority %s: %w", f.Authority.Name, err)
	}
	return nil
}

// Authority implements store.Reader.
func (s *Store) Authority(ctx context.Context) (a store.Authority, err error) {
	err = s.view(ctx, func(t *tx) error {
		a, err = t.authority()
		return err
	})
	return a, err
}

// Issuers implements store.Reader.
func (s *Store) Issuers(ctx context.Context) (list []store.Issuer, err error) {
	err = s.view(ctx, func(t *tx) error {
		return t.scan(issuerBucket, nil, func(k, v []byte) (bool, error) {
			if len(k) != 2 {
				return false, badKey(issuerBucket, k)
			}
			i, err := store.DecodeIssuer(store.IssuerID(binary.BigEndian.Uint16(k)), clone(v))
			list = append(list, i)
			return true, err
		})
	})
	return list, err
}

// NextShard implements store.Writer.
func (s *Store) NextShard(ctx context.Context, issuer store.IssuerID) (next uint64, err error) {
	err = s.view(ctx, func(t *tx) error {
		next, err = t.nextShard(issuer)
		return err
	})
	return next, err
}

func (t *tx) nextShard(issuer store.IssuerID) (uint64, error) {
	if !t.hasIssuer(issuer) {
		return 0, notFound("issuer", issuer)
	}
	return t.number(shardBucket, issuerKey(issuer))
}

// LeaseBlock implements store.Writer.
func (s *Store) LeaseBlock(ctx context.Context, l store.Lease) (b store.Block, err error) {
	if err := l.Validate(); err != nil {
		return b, err
	}
	err = s.do(ctx, func(w *writeTx) error {
		next, err := w.nextShard(l.Issuer)
		if err != nil {
			return err
		}
		if next > store.MaxShard {
			return store.ErrIndexExhausted
		}
		if l.Shard != next {
			return fmt.Errorf("next shard is %d: %w", next, store.ErrChanged)
		}
		first := next * store.ShardSize
		b = store.Block{Issuer: l.Issuer, Class: l.Class, First: first, End: first + store.ShardSize, Next: first}
		w.touch(l.By.At)
		if err := w.put(shardBucket, issuerKey(l.Issuer), numberValue(next+1)); err != nil {
			return err
		}
		return w.put(blockBucket, blockKey(l.Issuer, l.Class), b.Encode())
	})
	if err != nil {
		return store.Block{}, fmt.Errorf("lease shard %d of issuer %d: %w", l.Shard, l.Issuer, err)
	}
	return b, nil
}

// Blocks implements store.Reader.
func (s *Store) Blocks(ctx context.Context) (list []store.Block, err error) {
	err = s.view(ctx, func(t *tx) error {
		return t.scan(blockBucket, nil, func(k, v []byte) (bool, error) {
			if len(k) != 3 {
				return false, badKey(blockBucket, k)
			}
			b, err := store.DecodeBlock(store.IssuerID(binary.BigEndian.Uint16(k)), store.Class(k[2]), v)
			if err != nil {
				return false, err
			}
			if highest, ok := t.highestIndex(b); ok {
				b.Next = highest + 1
			}
			list = append(list, b)
			return true, nil
		})
	})
	return list, err
}

// highestIndex is the highest stored one within a block.
func (t *tx) highestIndex(b store.Block) (uint64, bool) {
	c := t.bucket(certificateBucket).Cursor()
	// End-1 fits the key; End of the last block would not.
	last := refKey(store.Ref{Issuer: b.Issuer, Index: b.End - 1})
	k, _ := c.Seek(last)
	if !bytes.Equal(k, last) {
		if k == nil {
			k, _ = c.Last()
		} else {
			k, _ = c.Prev()
		}
	}
	ref, ok := parseRefKey(k)
	return ref.Index, ok && ref.Issuer == b.Issuer && ref.Index >= b.First
}

// NextCRL implements store.Writer.
func (s *Store) NextCRL(ctx context.Context, c store.CRL) (store.CRL, error) {
	if err := c.Validate(); err != nil {
		return c, err
	}
	key := crlKey(c.Issuer, c.Scope)
	err := s.do(ctx, func(w *writeTx) error {
		if !w.hasIssuer(c.Issuer) {
			return notFound("issuer", c.Issuer)
		}
		var last store.CRL
		if v := w.get(crlBucket, key); v != nil {
			var err error
			if last, err = store.DecodeCRL(c.Issuer, c.Scope, v); err != nil {
				return err
			}
		}
		c.Follow(last)
		w.touch(c.SignedAt)
		return w.put(crlBucket, key, c.Encode())
	})
	if err != nil {
		return store.CRL{}, fmt.Errorf("number a crl of issuer %d, scope %s: %w", c.Issuer, c.Scope, err)
	}
	return c, nil
}

// CRLs implements store.Reader.
func (s *Store) CRLs(ctx context.Context) (list []store.CRL, err error) {
	err = s.view(ctx, func(t *tx) error {
		return t.scan(crlBucket, nil, func(k, v []byte) (bool, error) {
			if len(k) < 3 {
				return false, badKey(crlBucket, k)
			}
			c, err := store.DecodeCRL(store.IssuerID(binary.BigEndian.Uint16(k)), string(k[2:]), v)
			list = append(list, c)
			return true, err
		})
	})
	return list, err
}
