package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"github.com/assay-pki/assay/ca/lint"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/smallstep/certificates/cas/apiv1"
	"github.com/smallstep/certificates/cas/softcas"
	kms "go.step.sm/crypto/kms/apiv1"
)

// own is a certificate of the authority's own that softcas is to make.
type own struct {
	kind   lint.Kind
	issuer *issuer
	build
	subjectName pkix.Name
	extra       []pkix.Extension
	clientAuth  bool      // of a station
	until       time.Time // cuts its life; zero: does not
	server      []string  // hosts of a TLS server
}

// certify makes an end entity's certificate through softcas and lints it.
// crypto/x509 verifies the signature before softcas returns.
func (a *Authority) certify(ctx context.Context, o own) ([]byte, error) {
	public, err := x509.ParsePKIXPublicKey(o.spki)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if _, ok := profile.KeyTypeOf(public); !ok {
		return nil, fmt.Errorf("%w: %T of that size or curve", ErrKey, public)
	}
	template, err := a.template(&o)
	if err != nil {
		return nil, err
	}
	template.PublicKey = public
	cas, err := softcas.New(ctx, apiv1.Options{CertificateSigner: func() ([]*x509.Certificate, crypto.Signer, error) {
		return []*x509.Certificate{o.issuer.Certificate}, o.issuer.signer.Key, nil
	}})
	if err != nil {
		return nil, err
	}
	made, err := cas.CreateCertificate(&apiv1.CreateCertificateRequest{Template: template, Lifetime: o.notAfter.Sub(o.notBefore)})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	status := o.kind != lint.Responder
	err = lint.Check(made.Certificate, &lint.Want{
		Kind: o.kind, Issuer: o.issuer.Certificate, BaseURL: a.record.BaseURL, IssuerName: o.issuer.Name,
		CRL: status, OCSP: status, SPKI: o.spki, SAN: o.san, ClientAuth: o.clientAuth,
	})
	return made.Certificate.Raw, err
}

func (a *Authority) template(o *own) (*x509.Certificate, error) {
	t := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(o.serial[:]),
		Subject:      o.subjectName,
		NotBefore:    o.notBefore, NotAfter: o.notAfter,
		KeyUsage:        x509.KeyUsageDigitalSignature,
		SubjectKeyId:    o.keyID[:],
		ExtraExtensions: o.extra,
	}
	if o.kind == lint.Responder {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		return t, nil
	}
	t.CRLDistributionPoints = []string{profile.ShardURL(a.record.BaseURL, o.issuer.Name, o.shard)}
	t.OCSPServer = []string{profile.OCSPURL(a.record.BaseURL)}
	t.IssuingCertificateURL = []string{profile.IssuerURL(a.record.BaseURL, o.issuer.Name)}
	switch o.kind {
	case lint.Station:
		t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{lint.PurposeCMCRA()}
		if o.clientAuth {
			t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}
	case lint.Server:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		names, err := parseHosts(o.server)
		if err != nil {
			return nil, err
		}
		t.DNSNames, t.IPAddresses, o.san = names.dns, names.addresses, names.der()
	default:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	return t, nil
}

// certifyCA makes a CA certificate through softcas. parent is nil for a
// self-signed one.
func certifyCA(ctx context.Context, template *x509.Certificate, key crypto.Signer, parent *apiv1.CreateCertificateAuthorityResponse) (*apiv1.CreateCertificateAuthorityResponse, error) {
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	bits, err := keyBits(spki)
	if err != nil {
		return nil, err
	}
	id := keyID(bits)
	template.SubjectKeyId = id[:]
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	template.BasicConstraintsValid, template.IsCA = true, true
	request := &apiv1.CreateCertificateAuthorityRequest{
		Type: apiv1.IntermediateCA, Template: template, Parent: parent,
		Lifetime: issuerLife, // unused: the template has both dates
	}
	if parent == nil {
		request.Type = apiv1.RootCA
		template.AuthorityKeyId = id[:]
	}
	cas, err := softcas.New(ctx, apiv1.Options{IsCreator: true, KeyManager: oneKey{key}})
	if err != nil {
		return nil, err
	}
	made, err := cas.CreateCertificateAuthority(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	return made, nil
}

// oneKey gives softcas a key of the ring where it asks for a new one.
type oneKey struct {
	key crypto.Signer
}

func (k oneKey) CreateKey(*kms.CreateKeyRequest) (*kms.CreateKeyResponse, error) {
	return &kms.CreateKeyResponse{PublicKey: k.key.Public(), CreateSignerRequest: kms.CreateSignerRequest{Signer: k.key}}, nil
}

func (k oneKey) CreateSigner(*kms.CreateSignerRequest) (crypto.Signer, error) { return k.key, nil }

func (k oneKey) GetPublicKey(*kms.GetPublicKeyRequest) (crypto.PublicKey, error) {
	return k.key.Public(), nil
}

func (k oneKey) Close() error { return nil }

// newSerial is a serial number for an index, as crypto/x509 wants it.
func newSerial(index uint64) (*big.Int, error) {
	s, err := profile.NewSerial(rand.Reader, index)
	if err != nil {
		return nil, err
	}
	return new(big.Int).SetBytes(s[:]), nil
}
