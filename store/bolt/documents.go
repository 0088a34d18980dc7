package bolt

import (
	"bytes"
	"context"
	"fmt"

	"github.com/assay-pki/assay/store"
)

// newestRevision is 0 when there is none.
func (t *tx) newestRevision(kind store.DocumentKind, name string) (uint32, error) {
	n, err := t.number(newestBucket, nameKey(kind, name))
	if err == nil && n > 1<<32-1 {
		err = badKey(newestBucket, nameKey(kind, name))
	}
	return uint32(n), err
}

func (t *tx) document(kind store.DocumentKind, name string, revision uint32) (store.Document, error) {
	v := t.getCopy(documentBucket, revisionKey(kind, name, revision))
	if v == nil {
		return store.Document{}, notFound(string(kind), name)
	}
	return store.DecodeDocument(kind, name, revision, v)
}

// Document implements store.Reader.
func (s *Store) Document(ctx context.Context, kind store.DocumentKind, name string) (d store.Document, err error) {
	err = s.view(ctx, func(t *tx) error {
		revision, err := t.newestRevision(kind, name)
		if err != nil {
			return err
		}
		d, err = t.document(kind, name, revision)
		return err
	})
	return d, err
}

// DocumentRevision implements store.Reader.
func (s *Store) DocumentRevision(ctx context.Context, kind store.DocumentKind, name string, revision uint32) (d store.Document, err error) {
	err = s.view(ctx, func(t *tx) error {
		d, err = t.document(kind, name, revision)
		return err
	})
	return d, err
}

// Documents implements store.Reader.
func (s *Store) Documents(ctx context.Context, kind store.DocumentKind, after string, limit int) (list []store.Document, err error) {
	if err := store.ValidatePage(limit); err != nil {
		return nil, err
	}
	prefix := nameKey(kind, "")
	err = s.view(ctx, func(t *tx) error {
		return t.scan(newestBucket, nameKey(kind, after), func(k, _ []byte) (bool, error) {
			name, ok := bytes.CutPrefix(k, prefix)
			if !ok {
				return false, nil
			}
			revision, err := t.newestRevision(kind, string(name))
			if err != nil {
				return false, err
			}
			d, err := t.document(kind, string(name), revision)
			if err != nil {
				return false, err
			}
			list = append(list, d)
			return len(list) < limit, nil
		})
	})
	return list, err
}

// PutDocument implements store.Writer.
func (s *Store) PutDocument(ctx context.Context, p store.PutDocument) (d store.Document, err error) {
	if err := p.Validate(); err != nil {
		return d, err
	}
	err = s.do(ctx, func(w *writeTx) error {
		d, err = w.putDocument(p)
		return err
	})
	if err != nil {
		return store.Document{}, fmt.Errorf("put %s %s: %w", p.Kind, p.Name, err)
	}
	return d, nil
}

func (w *writeTx) putDocument(p store.PutDocument) (store.Document, error) {
	newest, err := w.newestRevision(p.Kind, p.Name)
	if err != nil {
		return store.Document{}, err
	}
	if p.Expect != store.AnyRevision && p.Expect != newest {
		return store.Document{}, fmt.Errorf("revision is %d, expected %d: %w", newest, p.Expect, store.ErrChanged)
	}
	if newest > 0 {
		present, err := w.document(p.Kind, p.Name, newest)
		if err != nil || bytes.Equal(present.Body, p.Body) {
			return present, err
		}
	}
	d := store.Document{
		Kind: p.Kind, Name: p.Name, Revision: newest + 1,
		Body: bytes.Clone(p.Body), At: store.StoredTime(p.By.At), By: p.By.Principal,
	}
	leaves, err := sealAll(store.DocumentEvent(&d, &p))
	if err != nil {
		return d, err
	}
	w.touch(p.By.At)
	w.ruled = true
	return d, all(
		func() error { return w.put(documentBucket, revisionKey(d.Kind, d.Name, d.Revision), d.Encode()) },
		func() error { return w.put(newestBucket, nameKey(d.Kind, d.Name), numberValue(uint64(d.Revision))) },
		func() error { return w.log(leaves...) },
	)
}
