package bolt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/assay-pki/assay/store"
)

// newestOfKey finds by the truncated hash; the caller compares the whole key.
func (t *tx) newestOfKey(spkiHash [32]byte) (store.Certificate, error) {
	v := t.get(keyBucket, spkiHash[:16])
	if v == nil {
		return store.Certificate{}, notFound("certificate of key", fmt.Sprintf("%x", spkiHash[:8]))
	}
	ref, ok := parseRefKey(v[1:])
	if !ok || v[0] != format {
		return store.Certificate{}, badKey(keyBucket, v)
	}
	list, err := t.referenced([]store.Ref{ref})
	if err != nil {
		return store.Certificate{}, err
	}
	return list[0], nil
}

// Certificate implements store.Reader.
func (s *Store) Certificate(ctx context.Context, ref store.Ref) (c store.Certificate, err error) {
	err = s.view(ctx, func(t *tx) error {
		c, err = t.certificate(ref)
		return err
	})
	return c, err
}

// CertificateBySPKI implements store.Reader.
func (s *Store) CertificateBySPKI(ctx context.Context, spki []byte) (c store.Certificate, err error) {
	err = s.view(ctx, func(t *tx) error {
		found, err := t.newestOfKey(sha256.Sum256(spki))
		if err != nil {
			return err
		}
		if !bytes.Equal(found.SPKI, spki) {
			return notFound("certificate", "of this key")
		}
		c = found
		return nil
	})
	return c, err
}

// Certificates implements store.Reader.
func (s *Store) Certificates(ctx context.Context, after store.Ref, limit int) (list []store.Certificate, err error) {
	if err := store.ValidatePage(limit); err != nil {
		return nil, err
	}
	after.Index = min(after.Index, store.MaxIndex)
	err = s.view(ctx, func(t *tx) error {
		return t.scan(certificateBucket, refKey(after), func(k, v []byte) (bool, error) {
			ref, ok := parseRefKey(k)
			if !ok {
				return false, badKey(certificateBucket, k)
			}
			c, err := store.DecodeCertificate(ref, clone(v))
			if err != nil {
				return false, err
			}
			list = append(list, c)
			return len(list) < limit, nil
		})
	})
	return list, err
}

// ExpiringBefore implements store.Reader.
func (s *Store) ExpiringBefore(ctx context.Context, after store.Expiry, before store.Day, limit int) (list []store.Expiry, err error) {
	if err := store.ValidatePage(limit); err != nil {
		return nil, err
	}
	after.Index = min(after.Index, store.MaxIndex)
	err = s.view(ctx, func(t *tx) error {
		return t.scan(expiryBucket, expiryKey(after), func(k, _ []byte) (bool, error) {
			e, ok := parseExpiryKey(k)
			if !ok {
				return false, badKey(expiryBucket, k)
			}
			if e.Day >= before {
				return false, nil
			}
			list = append(list, e)
			return len(list) < limit, nil
		})
	})
	return list, err
}

// KeyBlocked implements store.Reader.
func (s *Store) KeyBlocked(ctx context.Context, spki []byte) (blocked bool, err error) {
	hash := sha256.Sum256(spki)
	err = s.view(ctx, func(t *tx) error {
		blocked = t.get(blockedBucket, hash[:]) != nil
		return nil
	})
	return blocked, err
}

// Present implements store.Writer. It is called for every request with a client
// certificate, so it looks first whether there is anything to do.
func (s *Store) Present(ctx context.Context, p store.Presentation) error {
	if err := p.By.Validate(); err != nil {
		return err
	}
	c, err := s.Certificate(ctx, p.Ref)
	if err != nil {
		return fmt.Errorf("present: %w", err)
	}
	if c.Presented && c.Status == store.Good && !c.Closed {
		return nil
	}
	if err := s.do(ctx, func(w *writeTx) error { return w.present(p) }); err != nil {
		return fmt.Errorf("present certificate of %s: %w", c.Holder.Name, err)
	}
	return nil
}

func (w *writeTx) present(p store.Presentation) error {
	c, err := w.certificate(p.Ref)
	if err != nil {
		return err
	}
	if c.Closed || c.Status != store.Good {
		return fmt.Errorf("certificate is closed, revoked or held: %w", store.ErrConflict)
	}
	if c.Presented {
		return nil
	}
	d, err := w.owner(&c)
	if err != nil {
		return err
	}
	older, err := w.olderGood(&c, &d, p.RevokeOld)
	if err != nil {
		return err
	}
	c.Presented = true
	events := []store.Event{store.PresentedEvent(p.By, &c)}
	var closed []store.Certificate
	var out store.StatusChange
	for _, old := range older {
		if !old.Closed {
			old.Closed = true
			events = append(events, store.ClosedEvent(p.By, &old))
			closed = append(closed, old)
		}
		if p.RevokeOld && old.Unexpired(p.By.At) && old.MarkRevoked(store.ReasonSuperseded, p.By.At, time.Time{}) {
			out.Changed = append(out.Changed, old)
		}
	}
	for i := range out.Changed {
		events = append(events, store.StatusEvent(p.By, &out.Changed[i]))
	}
	leaves, err := sealAll(events...)
	if err != nil {
		return err
	}
	w.touch(p.By.At)
	return w.putPresented(append(closed, c), &out, &d, p.By, leaves)
}

func (w *writeTx) putPresented(changed []store.Certificate, out *store.StatusChange, d *store.Device, by store.Actor, leaves []leaf) error {
	for i := range changed {
		if err := w.putCertificate(&changed[i]); err != nil {
			return err
		}
	}
	if err := w.putStatuses(out); err != nil {
		return err
	}
	if d.State == 0 {
		return w.log(leaves...)
	}
	d.SeenAt = store.StoredTime(by.At)
	if err := w.logOf(d, leaves...); err != nil {
		return err
	}
	return w.putDevice(d)
}

// olderGood are the good certificates before c in the lineage of d, of its
// profile, oldest first: all of them, or those that can be open, which are none
// before one that was presented. Only devices have a lineage.
func (w *writeTx) olderGood(c *store.Certificate, d *store.Device, all bool) ([]store.Certificate, error) {
	var good []store.Certificate
	for _, ref := range slices.Backward(d.Lineage[:max(0, slices.Index(d.Lineage, c.Ref))]) {
		old, err := w.named(ref)
		if err != nil {
			return nil, err
		}
		if old.Profile != c.Profile {
			continue
		}
		if old.Status == store.Good {
			good = append(good, old)
		}
		if old.Presented && !all {
			break
		}
	}
	slices.Reverse(good)
	return good, nil
}
