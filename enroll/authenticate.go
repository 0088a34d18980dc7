package enroll

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// Identity is who a client certificate speaks for.
type Identity struct {
	// Kind is one of store.Holder…; Name is PRODUCT/SERIAL for a device.
	Kind, Name string
	// Certificate is the record of the certificate.
	Certificate store.Certificate
}

// Authenticate tells whom a client certificate speaks for, and refuses one that
// is not good now: its signature by an issuer of ours (no certificate but the
// leaf is looked at), the role by issuer and record, the extended key usage by
// role, the time, and the status in the store (RFC 5280 §6.1, with our issuers
// as trust anchors). TLS must have checked that the client holds the leaf's key.
// The error is always a *v1.Refusal; a held, revoked or closed certificate is
// told apart, for its holder speaks.
func (s *Service) Authenticate(ctx context.Context, peer []*x509.Certificate) (Identity, error) {
	id, err := s.recognise(ctx, peer)
	if err != nil {
		return Identity{}, s.explain(err)
	}
	if err := judge(&id.Certificate, s.now()); err != nil {
		return Identity{}, err
	}
	return id, nil
}

// judge refuses a certificate that is not good at a time.
func judge(c *store.Certificate, at time.Time) error {
	switch {
	case at.Before(c.NotBefore):
		return v1.Refuse(v1.CertificateNotYetValid, "")
	case at.After(c.NotAfter):
		return v1.Refuse(v1.CertificateExpired, "")
	case c.Status == store.Held:
		return &v1.Refusal{Reason: v1.CertificateHeld, RetryAfter: retryHeld}
	case c.Status != store.Good:
		return v1.Refuse(v1.CertificateRevoked, "")
	case c.Closed:
		return v1.Refuse(v1.CertificateSuperseded, "")
	}
	return nil
}

// recognise finds the record of a client certificate that is ours, whatever its
// state. A signature is verified once and remembered by the hash of the whole
// certificate; everything else is looked at each time.
func (s *Service) recognise(ctx context.Context, peer []*x509.Certificate) (Identity, error) {
	if len(peer) == 0 {
		return Identity{}, v1.Refuse(v1.CredentialMissing, "")
	}
	leaf, hash := peer[0], sha256.Sum256(peer[0].Raw)
	ours := s.anchors.Load()
	issuer, known := s.verified.get(hash)
	kind := ""
	if known {
		kind = ours.kind(issuer)
	}
	if kind == "" {
		i, ok := ours.issuerOf(leaf)
		if !ok {
			return Identity{}, v1.Refuse(v1.CertificateUnknown, "")
		}
		issuer, kind, known = i.ID, i.Kind, false
	}
	record, err := s.recordOf(ctx, issuer, leaf)
	if err != nil {
		return Identity{}, err
	}
	if !known {
		s.verified.put(hash, issuer)
	}
	id := Identity{Kind: record.Holder.Kind, Name: record.Holder.Name, Certificate: record}
	if !rightUse(kind, id.Kind, leaf) {
		return Identity{}, v1.Refuse(v1.CertificateWrongUse, "")
	}
	return id, nil
}

// recordOf reads the record by the index in the serial number; it must be of
// these very octets.
func (s *Service) recordOf(ctx context.Context, issuer store.IssuerID, leaf *x509.Certificate) (store.Certificate, error) {
	unknown := v1.Refuse(v1.CertificateUnknown, "")
	var serial [16]byte
	if leaf.SerialNumber.Sign() <= 0 || leaf.SerialNumber.BitLen() > 8*len(serial) {
		return store.Certificate{}, unknown
	}
	leaf.SerialNumber.FillBytes(serial[:])
	index, ok := profile.IndexOf(serial[:])
	if !ok {
		return store.Certificate{}, unknown
	}
	c, err := s.store.Certificate(ctx, store.Ref{Issuer: issuer, Index: index})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Certificate{}, unknown
	case err != nil:
		return store.Certificate{}, fmt.Errorf("read the client certificate's record: %w", err)
	}
	if subtle.ConstantTimeCompare(c.Serial[:], serial[:])&subtle.ConstantTimeCompare(c.DER, leaf.Raw) != 1 {
		return store.Certificate{}, unknown
	}
	return c, nil
}

// rightUse tells whether issuer, role and extended key usage belong together
// (design §1). A certificate whose usage is not that of its role is good for
// nothing here, however it came to be.
func rightUse(issuerKind, role string, leaf *x509.Certificate) bool {
	if leaf.IsCA {
		return false
	}
	switch role {
	case store.HolderDevice:
		return (issuerKind == store.KindDevices || issuerKind == store.KindBirths) &&
			slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	case store.HolderOperator:
		return issuerKind == store.KindOperations && slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	case store.HolderServer:
		return issuerKind == store.KindOperations && slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	case store.HolderStation:
		return issuerKind == store.KindOperations && slices.ContainsFunc(leaf.UnknownExtKeyUsage, oidCMCRA.Equal)
	}
	return false
}

// principal is who speaks, as far as it was found out. The zero value is
// nobody.
type principal struct {
	// id is what the repeat rule compares and nonces are bound to; actor stands
	// in the audit log.
	id, actor string

	token *store.Token
	// spent: a token that can no longer pay, or a certificate in grace that has
	// renewed. It may repeat its last request and nothing else.
	spent bool

	// station speaks for devices.
	station *station

	// cert is a client certificate's record, and device whose it is: zero for a
	// station.
	cert   *store.Certificate
	device store.DeviceID
}

// principalOf is the id of a certificate's holder: a device is told apart by
// its certificate, a station is the same with each of its own.
func principalOf(id *Identity) string {
	actor := id.Kind + ":" + id.Name
	if id.Kind != store.HolderDevice {
		return actor
	}
	print := sha256.Sum256(id.Certificate.DER)
	return actor + "#" + hex.EncodeToString(print[:8])
}

// authenticate finds out who speaks. A certificate decides when it suffices for
// the operation (EST-018), else the token that came with it; a certificate that
// does not suffice, alone, is refused with its own reason.
func (a *attempt) authenticate(ctx context.Context) error {
	if len(a.Peer) > 0 {
		err := a.byCertificate(ctx)
		if err == nil || !a.HasBasic || a.renewal() || !aboutCredential(err) {
			return err
		}
	}
	if a.HasBasic {
		return a.byToken(ctx)
	}
	return v1.Refuse(v1.CredentialMissing, "")
}

// aboutCredential tells a refusal from trouble of ours.
func aboutCredential(err error) bool {
	r, ok := errors.AsType[*v1.Refusal](err)
	return ok && r.Reason.About().Status == 403
}

// byCertificate judges the client certificate for the operation.
func (a *attempt) byCertificate(ctx context.Context) error {
	id, err := a.recognise(ctx, a.Peer)
	if err != nil {
		return err
	}
	switch id.Kind {
	case store.HolderStation:
		return a.byStation(ctx, &id)
	case store.HolderDevice:
		return a.byDevice(ctx, &id)
	}
	return v1.Refuse(v1.CertificateWrongUse, "")
}

// byDevice judges the certificate of a device. Its birth certificate enrols,
// the operational one renews.
func (a *attempt) byDevice(ctx context.Context, id *Identity) error {
	device, ok := store.ParseDeviceID(id.Name)
	if !ok {
		return v1.Refuse(v1.CertificateWrongUse, "")
	}
	a.who = principal{
		id: principalOf(id), actor: id.Kind + ":" + id.Name, cert: &id.Certificate, device: device,
	}
	if err := a.judgePresented(ctx); err != nil {
		return err
	}
	birth := id.Certificate.Profile == store.ProfileBirth
	switch {
	case a.renewal() && birth:
		return v1.Refuse(v1.UseSimpleenroll, "")
	case a.renewal():
		return nil
	case !birth:
		return v1.Refuse(v1.UseSimplereenroll, "")
	case strings.HasSuffix(a.Label, birthSuffix):
		return v1.Refuse(v1.AdmissionNotAllowed, "birth certificates are not admitted")
	}
	return nil
}
