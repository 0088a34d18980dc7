package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/assay-pki/assay/store"
)

// NonceKeys implements store.Reader.
func (s *Store) NonceKeys(ctx context.Context) (keys []store.NonceKey, err error) {
	err = s.view(ctx, func(t *tx) error {
		return t.scan(nonceKeyBucket, nil, func(_, v []byte) (bool, error) {
			key, err := store.DecodeNonceKey(v)
			keys = append(keys, key)
			return true, err
		})
	})
	return keys, err
}

// AddNonceKey implements store.Writer.
func (s *Store) AddNonceKey(ctx context.Context, key store.NonceKey) error {
	if err := key.Validate(); err != nil {
		return err
	}
	newest, before := []byte{0}, []byte{1}
	err := s.do(ctx, func(w *writeTx) error {
		present := w.getCopy(nonceKeyBucket, newest)
		w.touch(key.MadeAt)
		if present != nil {
			if err := w.put(nonceKeyBucket, before, present); err != nil {
				return err
			}
		}
		return w.put(nonceKeyBucket, newest, key.Encode())
	})
	if err != nil {
		return fmt.Errorf("add a nonce key: %w", err)
	}
	return nil
}

// Redeemed implements store.Reader.
func (s *Store) Redeemed(ctx context.Context, nonce []byte) (csrHash [32]byte, err error) {
	err = s.view(ctx, func(t *tx) error {
		csrHash, err = t.redeemed(nonce)
		return err
	})
	return csrHash, err
}

func (t *tx) redeemed(nonce []byte) ([32]byte, error) {
	v := t.get(nonceBucket, nonce)
	if v == nil {
		return [32]byte{}, notFound("redeemed nonce", "")
	}
	_, csrHash, err := store.DecodeRedemption(nonce, v)
	return csrHash, err
}

func (n *issue) checkNonce(w *writeTx) error {
	if n.Nonce == nil {
		return nil
	}
	csrHash, err := w.redeemed(n.Nonce.Nonce)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && csrHash != n.Certificate.CSRHash {
		err = store.ErrNonceReused
	}
	return err
}

func (n *issue) redeem(w *writeTx) error {
	if n.Nonce == nil {
		return nil
	}
	for _, nonce := range n.swept {
		if err := w.delete(nonceBucket, nonce); err != nil {
			return err
		}
	}
	return w.put(nonceBucket, n.Nonce.Nonce, n.Nonce.EncodeFor(n.Certificate.CSRHash))
}

// findSwept looks at a few rows after those that the redemption before looked
// at, for nonces that are refused for their age: more rows than one redemption
// adds, so that the bucket stays as small as what it must hold. It goes round,
// since the rows of a batch nonce stay for long.
func (n *issue) findSwept(w *writeTx) error {
	if n.Nonce == nil {
		return nil
	}
	var last []byte
	looked := 0
	err := w.scan(nonceBucket, w.state.swept, func(k, v []byte) (bool, error) {
		row, _, err := store.DecodeRedemption(k, v)
		if err != nil {
			return false, err
		}
		last = bytes.Clone(k)
		if expired(&row, n.By.At) && !bytes.Equal(k, n.Nonce.Nonce) {
			n.swept = append(n.swept, last)
		}
		looked++
		return looked < sweepRows, nil
	})
	if looked < sweepRows {
		last = nil
	}
	w.state.swept = last
	return err
}

// expired: a row without an end stays.
func expired(r *store.Redemption, now time.Time) bool {
	return !r.Expires.IsZero() && now.After(r.Expires)
}
