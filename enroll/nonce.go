package enroll

import (
	"context"
	"crypto/x509"
	"errors"
	"net/netip"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/nonce"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

// NonceRequest asks for a nonce to put into evidence. Nothing of it is trusted.
type NonceRequest struct {
	// Label is that of the URL, and must be that of the enrolment.
	Label string
	// Peer, HasBasic, User and Password are as in Request; all may be missing.
	Peer           []*x509.Certificate
	HasBasic       bool
	User, Password string
	// Length in octets; 0 for the default.
	Length int
	// Source is the client's address.
	Source netip.Addr
}

// NonceAnswer is a nonce and how long it may be used.
type NonceAnswer struct {
	Nonce   []byte
	Expires time.Duration
}

// Nonce makes a nonce for whoever asks (draft-ietf-lamps-attestation-freshness).
// It is bound to the label and to the principal: a good credential's, else
// nobody in particular. The error is always a *v1.Refusal that may be shown to
// the client as it is.
func (s *Service) Nonce(ctx context.Context, r NonceRequest) (NonceAnswer, error) {
	a := &attempt{Service: s, at: s.now(), Request: Request{
		Operation: wire.OpNonce, Label: r.Label, Peer: r.Peer,
		HasBasic: r.HasBasic, User: r.User, Password: r.Password, Source: r.Source,
	}}
	n, err := a.makeNonce(ctx, r.Length)
	if err != nil {
		refusal, told := a.refuse(ctx, err)
		s.observer.Enrolled(wire.OpNonce, refusal.Reason)
		return NonceAnswer{}, told
	}
	return NonceAnswer{Nonce: n, Expires: nonce.Life}, nil
}

func (a *attempt) makeNonce(ctx context.Context, length int) ([]byte, error) {
	switch {
	case length == 0:
		length = nonce.Default
	case length < wire.MinNonce || length > wire.MaxNonce:
		return nil, v1.Refuse(v1.BadNonceRequest, "")
	}
	if err := a.clock(); err != nil {
		return nil, &v1.Refusal{Reason: v1.Clock, RetryAfter: retryClock, Err: err}
	}
	who, err := a.nonceFor(ctx)
	if err != nil {
		return nil, err
	}
	if a.Label != "" {
		if _, err := a.labelled(ctx, a.Label); err != nil {
			return nil, err
		}
	}
	n, err := a.mint.Make(ctx, length, a.Label, who, a.at)
	if errors.Is(err, nonce.ErrLength) {
		return nil, &v1.Refusal{Reason: v1.NonceLength, Err: err}
	}
	return n, err
}

// nonceFor is the principal of a nonce. Of a client certificate only the holder
// is asked here: whether it may renew, in grace for instance, is for the
// enrolment to say. Which of certificate and token will decide there is not
// known yet, so both together are nobody in particular.
func (a *attempt) nonceFor(ctx context.Context) (string, error) {
	switch {
	case len(a.Peer) > 0 && !a.HasBasic:
		id, err := a.recognise(ctx, a.Peer)
		if err != nil {
			return "", err
		}
		a.who = principal{id: principalOf(&id), actor: id.Kind + ":" + id.Name, cert: &id.Certificate}
		if id.Kind != store.HolderDevice && id.Kind != store.HolderStation {
			return "", v1.Refuse(v1.CertificateWrongUse, "")
		}
		a.who.device, _ = store.ParseDeviceID(id.Name)
		return a.who.id, nil
	case a.HasBasic && len(a.Peer) == 0:
		t, err := a.findToken(ctx)
		switch {
		case err != nil:
			return "", err
		case t == nil:
			return "", a.rejectToken()
		}
		a.who = principal{id: "token:" + t.ID(), actor: "token:" + t.ID(), token: t}
		return a.who.id, nil
	}
	if wait := a.anonymous.taken(a.Source, a.at); wait > 0 {
		return "", &v1.Refusal{Reason: v1.RateLimited, RetryAfter: wait}
	}
	return anonymous, nil
}
