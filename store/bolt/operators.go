package bolt

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/assay-pki/assay/store"
)

// Operator implements store.Reader.
func (s *Store) Operator(ctx context.Context, name string) (o store.Operator, err error) {
	err = s.view(ctx, func(t *tx) error {
		o, err = t.operator(name)
		return err
	})
	return o, err
}

// Operators implements store.Reader.
func (s *Store) Operators(ctx context.Context, after string, limit int) (list []store.Operator, err error) {
	if err := store.ValidatePage(limit); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(t *tx) error {
		return t.scan(operatorBucket, []byte(after), func(k, v []byte) (bool, error) {
			o, err := store.DecodeOperator(string(k), v)
			if err != nil {
				return false, err
			}
			list = append(list, o)
			return len(list) < limit, nil
		})
	})
	return list, err
}

// PutOperator implements store.Writer.
func (s *Store) PutOperator(ctx context.Context, p store.PutOperator) (o store.Operator, err error) {
	if err := p.Validate(); err != nil {
		return o, err
	}
	err = s.do(ctx, func(w *writeTx) error {
		o, err = w.putOperator(p)
		return err
	})
	if err != nil {
		return store.Operator{}, fmt.Errorf("put operator %s: %w", p.Name, err)
	}
	return o, nil
}

func (w *writeTx) putOperator(p store.PutOperator) (store.Operator, error) {
	o, err := w.operator(p.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return o, err
	}
	if p.Expect != store.AnyRevision && p.Expect != o.Revision {
		return o, fmt.Errorf("revision is %d, expected %d: %w", o.Revision, p.Expect, store.ErrChanged)
	}
	if o.Revision > 0 && !o.Removed && o.Role == p.Role && slices.Equal(o.Products, p.Products) && slices.Equal(o.Sites, p.Sites) {
		return o, nil
	}
	if p.Role != store.RoleAdmin {
		if err := w.checkLastAdmin(&o); err != nil {
			return o, err
		}
	}
	o = store.Operator{
		Name: p.Name, Revision: o.Revision + 1, Role: p.Role,
		Products: slices.Clone(p.Products), Sites: slices.Clone(p.Sites),
		At: store.StoredTime(p.By.At), By: p.By.Principal, Certificates: o.Certificates,
	}
	leaves, err := sealAll(store.OperatorEvent(&o, p.By))
	if err != nil {
		return o, err
	}
	w.touch(p.By.At)
	if err := w.put(operatorBucket, []byte(o.Name), o.Encode()); err != nil {
		return o, err
	}
	return o, w.log(leaves...)
}

// checkLastAdmin refuses to take role admin from the only one that has it.
func (w *writeTx) checkLastAdmin(o *store.Operator) error {
	if o.Removed || o.Role != store.RoleAdmin {
		return nil
	}
	others := 0
	err := w.scan(operatorBucket, nil, func(k, v []byte) (bool, error) {
		other, err := store.DecodeOperator(string(k), v)
		if err == nil && other.Name != o.Name && !other.Removed && other.Role == store.RoleAdmin {
			others++
		}
		return others == 0, err
	})
	if err == nil && others == 0 {
		err = store.ErrLastAdmin
	}
	return err
}

// RemoveOperator implements store.Writer.
func (s *Store) RemoveOperator(ctx context.Context, name string, expect uint32, by store.Actor) (out store.StatusChange, err error) {
	if err := by.Validate(); err != nil {
		return out, err
	}
	err = s.do(ctx, func(w *writeTx) error { return w.removeOperator(name, expect, by, &out) })
	if err != nil {
		return store.StatusChange{}, fmt.Errorf("remove operator %s: %w", name, err)
	}
	return out, nil
}

func (w *writeTx) removeOperator(name string, expect uint32, by store.Actor, out *store.StatusChange) error {
	o, err := w.operator(name)
	if err != nil {
		return err
	}
	if expect != store.AnyRevision && expect != o.Revision {
		return fmt.Errorf("revision is %d, expected %d: %w", o.Revision, expect, store.ErrChanged)
	}
	if o.Removed {
		return nil
	}
	if err := w.checkLastAdmin(&o); err != nil {
		return err
	}
	certificates, err := w.referenced(o.Certificates)
	if err != nil {
		return err
	}
	o.Removed, o.Revision, o.At, o.By = true, o.Revision+1, store.StoredTime(by.At), by.Principal
	for _, c := range certificates {
		if c.Unexpired(by.At) && c.MarkRevoked(store.ReasonPrivilegeWithdrawn, by.At, c.InvalidAt) {
			out.Changed = append(out.Changed, c)
		}
	}
	events := append([]store.Event{store.OperatorEvent(&o, by)}, store.ChangeEvents(by, out, false, "", "")...)
	leaves, err := sealAll(events...)
	if err != nil {
		return err
	}
	w.touch(by.At)
	if err := w.put(operatorBucket, []byte(name), o.Encode()); err != nil {
		return err
	}
	if err := w.putStatuses(out); err != nil {
		return err
	}
	return w.log(leaves...)
}
