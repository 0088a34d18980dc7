package bolt

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/assay-pki/assay/store"
)

// Station implements store.Reader.
func (s *Store) Station(ctx context.Context, name string) (st store.Station, err error) {
	err = s.view(ctx, func(t *tx) error {
		st, err = t.station(name)
		return err
	})
	return st, err
}

// Stations implements store.Reader.
func (s *Store) Stations(ctx context.Context, after string, limit int) (list []store.Station, err error) {
	if err := store.ValidatePage(limit); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(t *tx) error {
		return t.scan(stationBucket, []byte(after), func(k, v []byte) (bool, error) {
			st, err := store.DecodeStation(string(k), v)
			if err != nil {
				return false, err
			}
			list = append(list, st)
			return len(list) < limit, nil
		})
	})
	return list, err
}

// PutStation implements store.Writer.
func (s *Store) PutStation(ctx context.Context, p store.PutStation) (st store.Station, err error) {
	if err := p.Validate(); err != nil {
		return st, err
	}
	err = s.do(ctx, func(w *writeTx) error {
		st, err = w.changeStation(&p)
		return err
	})
	if err != nil {
		return store.Station{}, fmt.Errorf("put station %s: %w", p.Name, err)
	}
	return st, nil
}

func (w *writeTx) changeStation(p *store.PutStation) (store.Station, error) {
	st, err := w.station(p.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return st, err
	}
	if p.Expect != store.AnyRevision && p.Expect != st.Revision {
		return st, fmt.Errorf("revision is %d, expected %d: %w", st.Revision, p.Expect, store.ErrChanged)
	}
	switch {
	case st.Revision == 0:
		st = store.Station{Name: p.Name, CreatedAt: store.StoredTime(p.By.At), CreatedBy: p.By.Principal}
	case st.Revoked:
		return st, fmt.Errorf("station was revoked: %w", store.ErrConflict)
	case st.Site != p.Spec.Site:
		return st, fmt.Errorf("station is at site %s: %w", st.Site, store.ErrConflict)
	case st.StationSpec.Equal(&p.Spec):
		return st, nil
	}
	st.Revision++
	st.StationSpec = p.Spec
	st.Until = store.StoredTime(p.Spec.Until)
	st.Products, st.From = slices.Clone(p.Spec.Products), slices.Clone(p.Spec.From)
	leaves, err := sealAll(store.StationEvent(&st, p.By))
	if err != nil {
		return st, err
	}
	w.touch(p.By.At)
	w.ruled = true
	if err := w.putStation(&st); err != nil {
		return st, err
	}
	return st, w.log(leaves...)
}

// RevokeStation implements store.Writer.
func (s *Store) RevokeStation(ctx context.Context, name string, reason uint8, by store.Actor) (out store.StatusChange, err error) {
	if err := (store.Revoke{Reason: reason, By: by}).Validate(); err != nil {
		return out, err
	}
	err = s.do(ctx, func(w *writeTx) error { return w.revokeStation(name, reason, by, &out) })
	if err != nil {
		return store.StatusChange{}, fmt.Errorf("revoke station %s: %w", name, err)
	}
	return out, nil
}

func (w *writeTx) revokeStation(name string, reason uint8, by store.Actor, out *store.StatusChange) error {
	st, err := w.station(name)
	if err != nil || st.Revoked {
		return err
	}
	certificates, err := w.referenced(st.Certificates)
	if err != nil {
		return err
	}
	st.Revoked, st.Revision = true, st.Revision+1
	var blocked [][32]byte
	for _, c := range certificates {
		if store.BlocksKey(reason) {
			blocked = append(blocked, sha256.Sum256(c.SPKI))
		}
		if c.Unexpired(by.At) && c.MarkRevoked(reason, by.At, c.InvalidAt) {
			out.Changed = append(out.Changed, c)
		}
	}
	events := append([]store.Event{store.RevokedStationEvent(&st, reason, by)}, store.ChangeEvents(by, out, false, "", "")...)
	leaves, err := sealAll(events...)
	if err != nil {
		return err
	}
	w.ruled = true
	if err := w.applyChange(&change{StatusChange: *out, blocked: blocked}, by, leaves, out); err != nil {
		return err
	}
	return w.putStation(&st)
}
