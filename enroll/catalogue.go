package enroll

import (
	"context"
	"errors"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

// CACerts returns what a client of the label should trust and may be issued by,
// as DER: the root first, then the issuers of devices (RFC 7030 §4.1). Anybody
// may ask. The error is a *v1.Refusal.
func (s *Service) CACerts(ctx context.Context, label string) ([][]byte, error) {
	births := true
	if label != "" {
		m, err := s.labelled(ctx, label)
		if err != nil {
			return nil, err
		}
		births = m.birth != nil
	}
	all := s.anchors.Load().all
	certs := make([][]byte, 0, len(all))
	for _, kind := range []string{store.KindRoot, store.KindDevices, store.KindBirths} {
		if kind == store.KindBirths && !births {
			continue
		}
		for _, i := range all {
			if i.Kind == kind {
				certs = append(certs, i.Certificate.Raw)
			}
		}
	}
	return certs, nil
}

// CSRAttrs returns the DER of what a request for the label should look like
// (RFC 7030 §4.5, RFC 9908): the kinds of keys, preferred first, the hash to
// sign with, and the attestation attribute where evidence is wanted. Without a
// label there is none, and it returns nil. Anybody may ask. The error is a
// *v1.Refusal.
func (s *Service) CSRAttrs(ctx context.Context, label string) ([]byte, error) {
	if label == "" {
		return nil, nil
	}
	m, err := s.labelled(ctx, label)
	if err != nil {
		return nil, err
	}
	var keys, hashes []wire.CSRAttr
	for _, kind := range m.operational.Keys {
		if k, ok := wire.KeyAttr(string(kind)); ok {
			keys = append(keys, k)
		}
		if h, ok := wire.HashAttr(string(kind)); ok && !hasAttr(hashes, h) {
			hashes = append(hashes, h)
		}
	}
	attrs := append(keys, hashes...)
	if m.policy != nil {
		attrs = append(attrs, wire.CSRAttr{ID: wire.OIDAttestation})
	}
	der, err := wire.CSRAttrs(attrs...)
	if err != nil {
		return nil, s.explain(err)
	}
	return der, nil
}

func hasAttr(list []wire.CSRAttr, a wire.CSRAttr) bool {
	for _, other := range list {
		if other.ID.Equal(a.ID) {
			return true
		}
	}
	return false
}

// labelled is the product of a label. The error is a *v1.Refusal.
func (s *Service) labelled(ctx context.Context, label string) (*model, error) {
	snap, err := s.current(ctx)
	if err != nil {
		return nil, s.explain(err)
	}
	name, birth := strings.CutSuffix(label, birthSuffix)
	m, err := snap.model(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && birth && m.birth == nil:
		return nil, v1.Refuse(v1.NotFound, "")
	case err != nil:
		return nil, s.explain(err)
	}
	return m, nil
}
