package api

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/revocation"
	"github.com/assay-pki/assay/revocation/crl"
	"github.com/assay-pki/assay/store"
)

// Authenticator tells whom a client certificate speaks for: *enroll.Service. Its
// error is a *v1.Refusal. It is called for every request, concurrently.
type Authenticator interface {
	Authenticate(ctx context.Context, peer []*x509.Certificate) (enroll.Identity, error)
}

// CA is what the API needs of the authority: *ca.Authority. It is called
// concurrently.
type CA interface {
	// Check lints a profile with throwaway keys. What a document can mend is a
	// *profile.FaultsError, a *lint.Error, profile.ErrName or ca.ErrKey.
	Check(ctx context.Context, p *profile.Profile) error
	// Operator signs an operator's client certificate. It stores nothing.
	Operator(ctx context.Context, r ca.OperatorRequest) (profile.Made, error)
	// Station signs a factory station's certificate. It stores nothing.
	Station(ctx context.Context, r ca.StationRequest) (profile.Made, error)
	// Anchor is the self-signed certificate of an issuer's own key and name.
	Anchor(issuer store.IssuerID) ([]byte, error)
}

// CRLs publishes: *crl.Publisher.
type CRLs interface {
	// List tells what is being served.
	List() []crl.Published
	// PublishNow signs every list and returns when all are durable.
	PublishNow(ctx context.Context) error
}

// Doctor looks at the node and says what it found, the good included.
type Doctor func(ctx context.Context) []v1.Finding

// Config is what an API works with. All of it is required but Doctor, Healthz
// and Readyz.
type Config struct {
	Store         store.Store
	Authenticator Authenticator
	CA            CA
	Revocation    *revocation.Service
	CRL           CRLs
	// SignNote signs a text, whose last octet is a line end, with the audit
	// log's key: a C2SP signed-note. It is called concurrently.
	SignNote func(text string) ([]byte, error)
	// ESTURL is where stations find the EST listener: https://HOST:PORT.
	ESTURL func() string
	// Doctor may be nil: then only this package's own findings are told.
	Doctor Doctor
	// Now is the node's clock.
	Now func() time.Time
	// Log gets what is not said outside, and a line for each request.
	Log *slog.Logger
	// Version is what runs.
	Version v1.Version
	// Healthz and Readyz are answered without a credential, if given.
	Healthz, Readyz http.Handler
}

// Validate names every required field that is missing.
func (c Config) Validate() error {
	var faults []error
	need := func(name string, there bool) {
		if !there {
			faults = append(faults, errors.New(name+" is missing"))
		}
	}
	need("Store", c.Store != nil)
	need("Authenticator", c.Authenticator != nil)
	need("CA", c.CA != nil)
	need("Revocation", c.Revocation != nil)
	need("CRL", c.CRL != nil)
	need("SignNote", c.SignNote != nil)
	need("ESTURL", c.ESTURL != nil)
	need("Now", c.Now != nil)
	need("Log", c.Log != nil)
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("admin API: %w", err)
	}
	return nil
}

// API is the admin API of a node. It is safe for concurrent use.
type API struct {
	store   store.Store
	auth    Authenticator
	ca      CA
	revoker *revocation.Service
	crls    CRLs
	signer  func(text string) ([]byte, error)
	estURL  func() string
	doctor  Doctor
	now     func() time.Time
	log     *slog.Logger
	version v1.Version

	kept     *kept
	denied   *denied
	inFlight chan struct{}
	large    chan struct{}
	openapi  []byte
	handler  http.Handler
}

// New makes an API.
func New(c Config) (*API, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	a := &API{
		store: c.Store, auth: c.Authenticator, ca: c.CA, revoker: c.Revocation, crls: c.CRL,
		signer: c.SignNote, estURL: c.ESTURL, doctor: c.Doctor, now: c.Now, log: c.Log, version: c.Version,
		kept: newKept(c.Now), denied: newDenied(),
		inFlight: make(chan struct{}, maxInFlight), large: make(chan struct{}, maxLarge),
	}
	handler, err := a.router(c.Healthz, c.Readyz)
	if err != nil {
		return nil, err
	}
	a.handler = handler
	return a, nil
}

// Handler answers /v1, /healthz and /readyz, and 404 for anything else. It wants
// the client's certificate in http.Request.TLS.
func (a *API) Handler() http.Handler { return a.handler }
