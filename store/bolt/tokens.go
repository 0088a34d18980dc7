package bolt

import (
	"context"
	"fmt"

	"github.com/assay-pki/assay/store"
)

// Token implements store.Reader.
func (s *Store) Token(ctx context.Context, hash [32]byte) (found store.Token, err error) {
	err = s.view(ctx, func(t *tx) error {
		found, err = t.token(hash)
		return err
	})
	return found, err
}

// Tokens implements store.Reader.
func (s *Store) Tokens(ctx context.Context, after [32]byte, limit int) (list []store.Token, err error) {
	if err := store.ValidatePage(limit); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(t *tx) error {
		return t.scan(tokenBucket, after[:], func(k, v []byte) (bool, error) {
			if len(k) != len(after) {
				return false, badKey(tokenBucket, k)
			}
			token, err := store.DecodeToken([32]byte(k), v)
			if err != nil {
				return false, err
			}
			list = append(list, token)
			return len(list) < limit, nil
		})
	})
	return list, err
}

// CreateToken implements store.Writer.
func (s *Store) CreateToken(ctx context.Context, t store.Token, by store.Actor) error {
	if err := t.Validate(); err != nil {
		return err
	}
	if err := by.Validate(); err != nil {
		return err
	}
	leaves, err := sealAll(store.TokenEvent(&t, by))
	if err != nil {
		return err
	}
	err = s.do(ctx, func(w *writeTx) error {
		if w.get(tokenBucket, t.Hash[:]) != nil {
			return store.ErrExists
		}
		return w.putToken(&t, by, leaves)
	})
	if err != nil {
		return fmt.Errorf("create token %s: %w", t.ID(), err)
	}
	return nil
}

// VoidToken implements store.Writer.
func (s *Store) VoidToken(ctx context.Context, hash [32]byte, by store.Actor) (t store.Token, err error) {
	if err := by.Validate(); err != nil {
		return t, err
	}
	err = s.do(ctx, func(w *writeTx) error {
		if t, err = w.token(hash); err != nil || t.Voided {
			return err
		}
		t.Voided = true
		leaves, err := sealAll(store.TokenEvent(&t, by))
		if err != nil {
			return err
		}
		return w.putToken(&t, by, leaves)
	})
	if err != nil {
		return store.Token{}, fmt.Errorf("void token: %w", err)
	}
	return t, nil
}

func (w *writeTx) putToken(t *store.Token, by store.Actor, leaves []leaf) error {
	w.touch(by.At)
	if err := w.put(tokenBucket, t.Hash[:], t.Encode()); err != nil {
		return err
	}
	return w.log(leaves...)
}
