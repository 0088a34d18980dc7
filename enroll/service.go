package enroll

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/enroll/nonce"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
	"golang.org/x/time/rate"
)

// Issuer makes certificates. Sign returns one that is signed and linted, and
// whose index no other call is given; it stores nothing. It is safe for
// concurrent use. A *v1.Refusal goes to the client as it is,
// store.ErrIndexExhausted and store.ErrUnavailable become their reasons, and any
// other error means that the signing key cannot be used.
type Issuer interface {
	Sign(ctx context.Context, o profile.Order) (profile.Made, error)
}

// Observer counts outcomes. It is called once for each request, from its
// goroutine, and must not block. The reason is empty when a certificate was
// given out.
type Observer interface {
	Enrolled(operation string, reason v1.Reason)
}

// Config is what a Service works with.
type Config struct {
	// Store is the authority's records. Required.
	Store store.Store
	// Issuer signs. Required.
	Issuer Issuer
	// Issuers are the authority's own CA certificates: what client certificates
	// are verified against, and what /cacerts answers. SetIssuers changes them.
	Issuers []IssuerCert
	// Now is the clock. Required.
	Now func() time.Time
	// Clock says whether the clock is in doubt; then nothing is issued. nil
	// means never.
	Clock func() error
	// Log gets what cannot be told to a client. Required.
	Log *slog.Logger
	// Observer may be nil.
	Observer Observer
	// Rand makes nonces; nil means crypto/rand.Reader.
	Rand io.Reader
}

// IssuerCert is a CA certificate of the authority.
type IssuerCert struct {
	ID   store.IssuerID
	Kind string // one of store.Kind…
	// Certificate must not be changed.
	Certificate *x509.Certificate
}

// Service decides. It is safe for concurrent use.
type Service struct {
	store    store.Store
	issuer   Issuer
	now      func() time.Time
	clock    func() error
	log      *slog.Logger
	observer Observer

	anchors  atomic.Pointer[anchors]
	verified *recent[[32]byte, store.IssuerID]
	// badTokens and anonymous bound sources.
	badTokens, anonymous *sourceLimits
	rates                stationRates
	snap                 atomic.Pointer[snapshot]
	mint                 *nonce.Mint
	refusals             *Refusals
	// complaints keeps a dead store from filling the log.
	complaints rate.Sometimes
}

// New makes a Service. The error names every field that is missing.
func New(c Config) (*Service, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	s := &Service{
		store: c.Store, issuer: c.Issuer, now: c.Now, clock: c.Clock, log: c.Log, observer: c.Observer,
		verified:   newRecent[[32]byte, store.IssuerID](maxVerified),
		badTokens:  newSourceLimits(failedEvery, failedBurst),
		anonymous:  newSourceLimits(anonymousEvery, anonymousBurst),
		refusals:   NewRefusals(c.Store, c.Now, c.Log),
		complaints: rate.Sometimes{First: 10, Interval: time.Second},
	}
	if s.clock == nil {
		s.clock = func() error { return nil }
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	s.mint = nonce.New(c.Store, c.Rand)
	if s.observer == nil {
		s.observer = nobody{}
	}
	s.SetIssuers(c.Issuers)
	return s, nil
}

func (c *Config) validate() error {
	var faults []error
	need := func(ok bool, field string) {
		if !ok {
			faults = append(faults, fmt.Errorf("enroll: Config.%s is missing", field))
		}
	}
	need(c.Store != nil, "Store")
	need(c.Issuer != nil, "Issuer")
	need(len(c.Issuers) > 0, "Issuers")
	need(c.Now != nil, "Now")
	need(c.Log != nil, "Log")
	return errors.Join(faults...)
}

type nobody struct{}

func (nobody) Enrolled(string, v1.Reason) {}

// Run writes counted refusals to the audit log once a minute, and what is left
// when ctx ends. It returns nil.
func (s *Service) Run(ctx context.Context) error { return s.refusals.Run(ctx) }

// Request is a request for a certificate, as an edge received it. Nothing of it
// is trusted.
type Request struct {
	// Operation is wire.OpSimpleEnroll or wire.OpSimpleReenroll.
	Operation string
	// Label is that of the URL: empty, PRODUCT or PRODUCT.birth.
	Label string
	// Peer is the client's chain as TLS received it, the leaf first. TLS has
	// made sure that the client holds the leaf's key, and nothing else.
	Peer []*x509.Certificate
	// HasBasic, User, Password: HTTP Basic.
	HasBasic       bool
	User, Password string
	// StationEvidence is a station's statement about the CSR that came beside it
	// (docs/EVIDENCE.md); nil for none.
	StationEvidence []byte
	// CSR is DER. Fault is set instead when the body could not be decoded: it is
	// answered after the credential was judged.
	CSR   []byte
	Fault *v1.Refusal
	// Binding returns the channel binding of the connection that a
	// challengePassword must equal (RFC 7030 §3.5, RFC 9266), nil when there is
	// none. May be nil.
	Binding func() []byte
	// Source is the client's address.
	Source netip.Addr
}

// Answer is a certificate that was issued and is durable.
type Answer struct {
	// Certificate is DER.
	Certificate []byte
	// RenewFrom and RenewUntil are when to renew: the client draws a time
	// between them. Zero for what is never renewed.
	RenewFrom, RenewUntil time.Time
	// Batch of the device and how many more it may have; for stations only.
	Batch string
	Left  uint64
	// Repeated: it had been issued before.
	Repeated bool
}

// Enroll decides about a request. The error is always a *v1.Refusal that may be
// shown to the client as it is.
func (s *Service) Enroll(ctx context.Context, r Request) (Answer, error) {
	a := &attempt{Service: s, Request: r, at: s.now()}
	answer, err := a.decide(ctx)
	if err != nil {
		refusal, told := a.refuse(ctx, err)
		s.observer.Enrolled(r.Operation, refusal.Reason)
		return Answer{}, told
	}
	s.observer.Enrolled(r.Operation, "")
	return answer, nil
}

// attempt is one request on its way through the steps.
type attempt struct {
	*Service
	Request
	at time.Time

	snap    *snapshot
	who     principal
	model   *model
	product *profile.Profile // of the model
	csr     *wire.CSR
	key     crypto.PublicKey   // of the CSR
	hash    [32]byte           // of the CSR
	owner   *store.Certificate // the newest of the key; nil: the key is new
	device  store.DeviceID
	record  *store.Device // nil: not there yet
	lineage lineage
	order   *order // the batch, if one matters

	appraisal appraisal
}

// decide goes through the steps in the order of reasons.md: the first one that
// refuses answers.
func (a *attempt) decide(ctx context.Context) (Answer, error) {
	if err := a.open(ctx); err != nil {
		return Answer{}, err
	}
	if err := a.authenticate(ctx); err != nil {
		return Answer{}, err
	}
	if err := a.findProduct(ctx); err != nil {
		return Answer{}, err
	}
	if a.who.spent && a.who.token != nil {
		return a.answerSpent(ctx)
	}
	for _, step := range []func(context.Context) error{a.present, a.admit, a.readCSR, a.findDevice} {
		if err := step(ctx); err != nil {
			return Answer{}, err
		}
	}
	if c, ok, err := a.repeated(ctx); ok || err != nil {
		return a.answerRepeat(ctx, c, err)
	}
	if a.who.spent {
		return Answer{}, v1.Refuse(v1.CertificateExpired, "")
	}
	plan, err := a.authorise(ctx)
	if err != nil {
		return Answer{}, err
	}
	for _, step := range []func(context.Context) error{a.checkNames, a.appraise} {
		if err := step(ctx); err != nil {
			return Answer{}, err
		}
	}
	if plan.existing != nil {
		return a.answerRepeat(ctx, *plan.existing, nil)
	}
	return a.issue(ctx, plan)
}

// open refuses what is not served at all, and takes the snapshot.
func (a *attempt) open(ctx context.Context) (err error) {
	if a.Operation != wire.OpSimpleEnroll && a.Operation != wire.OpSimpleReenroll {
		return v1.Refuse(v1.NotFound, "")
	}
	if err := a.clock(); err != nil {
		return &v1.Refusal{Reason: v1.Clock, RetryAfter: retryClock, Err: err}
	}
	a.snap, err = a.current(ctx)
	return err
}

func (a *attempt) renewal() bool { return a.Operation == wire.OpSimpleReenroll }

// source is the client's address for events.
func (a *attempt) source() string {
	if !a.Source.IsValid() {
		return ""
	}
	return a.Source.Unmap().WithZone("").String()
}

// actor says who did it, for the store.
func (a *attempt) actor() store.Actor {
	return store.Actor{Principal: a.who.actor, At: a.at, Source: a.source()}
}
