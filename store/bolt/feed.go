package bolt

import (
	"context"
	"sync"

	"github.com/assay-pki/assay/store"
)

// feed tells waiters of new entries.
type feed struct {
	mu   sync.Mutex
	head uint64
	// changed is closed, and replaced, when head moves.
	changed chan struct{}
}

// announce must be called after the commit is durable.
func (f *feed) announce(head uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if head == f.head {
		return
	}
	f.head = head
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *feed) now() (head uint64, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.head, f.changed
}

// WaitFeed implements store.Reader.
func (s *Store) WaitFeed(ctx context.Context, after uint64) error {
	for {
		head, changed := s.feed.now()
		if head > after {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return errClosed()
		}
	}
}

// FeedHead implements store.Reader.
func (s *Store) FeedHead(ctx context.Context) (head uint64, err error) {
	err = s.view(ctx, func(t *tx) error {
		head, err = t.lastSeq(feedBucket)
		return err
	})
	return head, err
}

// RevokedSince implements store.Reader.
func (s *Store) RevokedSince(ctx context.Context, after uint64, limit int) (list []store.FeedEntry, err error) {
	if err := store.ValidatePage(limit); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(t *tx) error {
		return t.scan(feedBucket, seqKey(after), func(k, v []byte) (bool, error) {
			seq, ok := parseSeqKey(k)
			if !ok {
				return false, badKey(feedBucket, k)
			}
			e, err := store.DecodeFeedEntry(seq, v)
			if err != nil {
				return false, err
			}
			list = append(list, e)
			return len(list) < limit, nil
		})
	})
	return list, err
}

// Revocations implements store.Reader.
func (s *Store) Revocations(ctx context.Context, issuer store.IssuerID, from, to uint64, limit int) (list []store.Revocation, err error) {
	if err := store.ValidatePage(limit); err != nil || from > store.MaxIndex {
		return nil, err
	}
	err = s.view(ctx, func(t *tx) error {
		c := t.bucket(revocationBucket).Cursor()
		for k, v := c.Seek(refKey(store.Ref{Issuer: issuer, Index: from})); k != nil && len(list) < limit; k, v = c.Next() {
			ref, ok := parseRefKey(k)
			if !ok {
				return badKey(revocationBucket, k)
			}
			if ref.Issuer != issuer || ref.Index >= to {
				return nil
			}
			r, err := store.DecodeRevocation(ref, v)
			if err != nil {
				return err
			}
			list = append(list, r)
		}
		return nil
	})
	return list, err
}
