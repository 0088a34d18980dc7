package ca

import (
	"context"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/assay-pki/assay/ca/lint"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// OperatorRequest asks for an operator's certificate.
type OperatorRequest struct {
	// Name is the CN: 1 to 64 characters.
	Name string
	// SPKI is the DER of the key, whose possession the caller has checked.
	SPKI []byte
	// ValidFor is at most a year; 0 for a year.
	ValidFor time.Duration
}

// Operator makes an operator's certificate: clientAuth, from the operations
// issuer. A local authority does not shorten it: an operator's status is looked
// up in the store, never at the URLs in it. Nothing is stored.
func (a *Authority) Operator(ctx context.Context, r OperatorRequest) (profile.Made, error) {
	if n := utf8.RuneCountInString(r.Name); n == 0 || n > 64 || !utf8.ValidString(r.Name) || strings.ContainsFunc(r.Name, unicode.IsControl) {
		return profile.Made{}, fmt.Errorf("operator %q: 1 to 64 characters, no control characters: %w", r.Name, ErrConfig)
	}
	return a.fromOperations(ctx, lint.Operator, own{
		build: build{spki: r.SPKI}, subjectName: pkix.Name{Organization: []string{a.record.Name}, CommonName: r.Name},
	}, bounded(r.ValidFor, operatorLife), false)
}

// ServerRequest asks for a TLS server's certificate.
type ServerRequest struct {
	// Hosts are DNS names and IP addresses, all of them subjectAltNames.
	Hosts []string
	SPKI  []byte
	// ValidFor is at most 90 days; 0 for 90 days.
	ValidFor time.Duration
}

// Server makes a TLS server's certificate: serverAuth, from the operations
// issuer. Nothing is stored.
func (a *Authority) Server(ctx context.Context, r ServerRequest) (profile.Made, error) {
	if _, err := parseHosts(r.Hosts); err != nil {
		return profile.Made{}, err
	}
	name := pkix.Name{Organization: []string{a.record.Name}, CommonName: r.Hosts[0]}
	if len(r.Hosts[0]) > 64 {
		name.CommonName = "server"
	}
	return a.fromOperations(ctx, lint.Server, own{build: build{spki: r.SPKI}, subjectName: name, server: r.Hosts},
		bounded(r.ValidFor, serverLife), a.record.Local)
}

func (a *Authority) fromOperations(ctx context.Context, kind lint.Kind, o own, life time.Duration, local bool) (profile.Made, error) {
	i, err := a.active(store.KindOperations)
	if err != nil {
		return profile.Made{}, err
	}
	o.kind, o.issuer = kind, i
	return a.make(ctx, o, life, local)
}

// ResponderRequest asks for an OCSP responder's certificate.
type ResponderRequest struct {
	// Issuer is the one that it will answer for, and that signs it.
	Issuer store.IssuerID
	SPKI   []byte
	// ValidFor is at most 14 days; 0 for 14 days.
	ValidFor time.Duration
}

// Responder makes the certificate of a delegated OCSP responder (RFC 6960
// §4.2.2.2): OCSPSigning and nocheck, from the very issuer, without CDP and
// AIA. The root has none. Nothing is stored.
func (a *Authority) Responder(ctx context.Context, r ResponderRequest) (profile.Made, error) {
	i, err := a.issuer(r.Issuer)
	if err != nil {
		return profile.Made{}, err
	}
	if i.Kind == store.KindRoot {
		return profile.Made{}, fmt.Errorf("OCSP responder of the root: %w: its certificates are on the ARL", ErrIssuer)
	}
	return a.make(ctx, own{
		kind: lint.Responder, issuer: i, build: build{spki: r.SPKI},
		subjectName: pkix.Name{
			Organization: []string{a.record.Name},
			CommonName:   fmt.Sprintf("%s %s %d OCSP", a.record.Name, i.Kind, i.Generation),
		},
		extra: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: asn1.NullBytes}},
	}, bounded(r.ValidFor, responderLife), a.record.Local)
}

// make numbers the certificate and has softcas sign it.
func (a *Authority) make(ctx context.Context, o own, life time.Duration, local bool) (profile.Made, error) {
	fail := func(err error) (profile.Made, error) {
		return profile.Made{}, fmt.Errorf("sign for %s: %w", o.issuer.Name, err)
	}
	bits, err := keyBits(o.spki)
	if err != nil {
		return fail(err)
	}
	o.keyID = keyID(bits)
	class, err := a.period(o.issuer, &o.build, life, o.until, local)
	if err != nil {
		return fail(err)
	}
	index, err := a.runs.take(ctx, o.issuer.ID, class)
	if err != nil {
		return fail(err)
	}
	if o.serial, err = profile.NewSerial(rand.Reader, index); err != nil {
		return fail(err)
	}
	o.shard = profile.Shard(index)
	der, err := a.certify(ctx, o)
	if err != nil {
		return fail(err)
	}
	return profile.Made{
		IssuerID: uint16(o.issuer.ID), Issuer: o.issuer.Name, Index: index, Serial: o.serial, DER: der,
		NotBefore: o.notBefore, NotAfter: o.notAfter,
	}, nil
}

func bounded(asked, most time.Duration) time.Duration {
	if asked <= 0 || asked > most {
		return most
	}
	return asked
}
