package crl

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// Signer signs lists with issuers' keys. It is safe for concurrent use; an error
// means that nothing was signed. *ca.Authority is one.
type Signer interface {
	// SignTBS returns the complete DER: SEQUENCE { tbs, algorithm, signature }.
	SignTBS(ctx context.Context, issuer store.IssuerID, tbs []byte) ([]byte, error)
	// SignatureAlgorithm is the DER AlgorithmIdentifier that SignTBS will put in,
	// nil for an issuer that it does not know.
	SignatureAlgorithm(issuer store.IssuerID) []byte
}

// Config is what a Publisher is made of. All fields are needed.
type Config struct {
	Store  store.Store
	Signer Signer
	// BaseURL is the plain-http root of the URLs in certificates, without a
	// final slash: store.Authority.BaseURL.
	BaseURL string
	// Dir is the authority's directory; lists stand in Dir/crl. It is made, mode
	// 0700, if it is not there.
	Dir string
	// Now is the status clock, max(wall, the store's mark): it must not go back.
	Now func() time.Time
	Log *slog.Logger
}

// validate reports all faults at once.
func (c *Config) validate() error {
	var faults []error
	need := func(ok bool, field string) {
		if !ok {
			faults = append(faults, fmt.Errorf("crl: config has no %s", field))
		}
	}
	need(c.Store != nil, "Store")
	need(c.Signer != nil, "Signer")
	need(c.BaseURL != "", "BaseURL")
	need(c.Dir != "", "Dir")
	need(c.Now != nil, "Now")
	need(c.Log != nil, "Log")
	return errors.Join(faults...)
}

// Publisher signs, keeps and serves the lists of one authority. It is safe for
// concurrent use, but only one may work on a directory.
type Publisher struct {
	cfg Config

	// cycling is held by a whole cycle; it guards seen, saved, dirty and
	// completeAfter.
	cycling sync.Mutex
	// seen is the feed's sequence up to which dirty is complete; saved is the one
	// in the bookmark file, up to which everything is published.
	seen, saved uint64
	bookmarked  bool
	dirty       map[key]struct{}
	// completeAfter is when an issuer's complete list may be signed again because
	// of changes.
	completeAfter map[store.IssuerID]time.Time

	// signing is held while one list is numbered, signed and written.
	signing sync.Mutex

	// mu guards the maps below. A publication never changes once it is in one.
	mu        sync.RWMutex
	issuers   map[store.IssuerID]*issuer
	published map[key]*publication
	paths     map[string]key

	// caughtUp: a first cycle has found nothing missing. Until then an unknown
	// path is answered 503, not 404.
	caughtUp atomic.Bool
}

// New reads and verifies the lists in the directory and the feed's bookmark. It
// signs nothing: CatchUp does.
func New(ctx context.Context, cfg Config) (*Publisher, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	p := &Publisher{
		cfg:           cfg,
		dirty:         map[key]struct{}{},
		completeAfter: map[store.IssuerID]time.Time{},
		issuers:       map[store.IssuerID]*issuer{},
		published:     map[key]*publication{},
		paths:         map[string]key{},
	}
	if err := p.refreshIssuers(ctx); err != nil {
		return nil, err
	}
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// key names a list: an issuer's shard, or its complete one. The root's is the ARL.
type key struct {
	issuer   store.IssuerID
	shard    uint64
	complete bool
}

func completeKey(id store.IssuerID) key            { return key{issuer: id, complete: true} }
func shardKey(id store.IssuerID, shard uint64) key { return key{issuer: id, shard: shard} }

// scope is the name in store.CRL.
func (k key) scope() string {
	if k.complete {
		return scopeComplete
	}
	return strconv.FormatUint(k.shard, 10)
}

const scopeComplete = "complete"

// issuer is what the builder needs to know of an issuer.
type issuer struct {
	id      store.IssuerID
	name    string
	kind    string
	cert    *x509.Certificate
	subject []byte
}

// path of a list below /crl/ and Dir/crl, without ".crl".
func (i *issuer) path(k key) string {
	if k.complete {
		return i.name
	}
	return i.name + "/" + k.scope()
}

func (p *Publisher) url(i *issuer, k key) string {
	if k.complete {
		return profile.CompleteURL(p.cfg.BaseURL, i.name)
	}
	return profile.ShardURL(p.cfg.BaseURL, i.name, k.shard)
}

// idp is the issuing distribution point that a list has; nil for none: with one
// in the complete list nginx refuses everybody.
func (p *Publisher) idp(i *issuer, k key) []byte {
	switch {
	case !k.complete:
		return shardIDP(p.url(i, k))
	case i.kind == store.KindRoot:
		return arlIDP()
	}
	return nil
}

// timing is a list's period and lifetime.
func (i *issuer) timing(k key) (period, life time.Duration) {
	switch {
	case i.kind == store.KindRoot:
		return arlPeriod, arlLife
	case i.kind == store.KindBirths:
		return birthsPeriod, birthsLife
	case k.complete:
		return completePeriod, completeLife
	}
	return shardPeriod, shardLife
}

// refreshIssuers takes up issuers that were made meanwhile.
func (p *Publisher) refreshIssuers(ctx context.Context) error {
	stored, err := p.cfg.Store.Issuers(ctx)
	if err != nil {
		return fmt.Errorf("list issuers: %w", err)
	}
	for _, s := range stored {
		if p.issuer(s.ID) != nil {
			continue
		}
		cert, err := x509.ParseCertificate(s.Certificate)
		if err != nil {
			return fmt.Errorf("certificate of issuer %s: %w", s.Name(), err)
		}
		i := &issuer{id: s.ID, name: s.Name(), kind: s.Kind, cert: cert, subject: cert.RawSubject}
		p.mu.Lock()
		p.issuers[s.ID] = i
		p.mu.Unlock()
	}
	return nil
}

func (p *Publisher) issuer(id store.IssuerID) *issuer {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.issuers[id]
}

func (p *Publisher) publication(k key) *publication {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.published[k]
}
