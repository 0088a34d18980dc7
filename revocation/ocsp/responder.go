package ocsp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// Outcome of a request, for counting.
type Outcome string

// The outcomes. Of several requests in one message the first counts.
const (
	Good         Outcome = "good"
	Revoked      Outcome = "revoked" // or held
	Unknown      Outcome = "unknown"
	Malformed    Outcome = "malformed"
	Unauthorized Outcome = "unauthorized"
	TryLater     Outcome = "try-later"
)

// Observer counts answers. It is called once for each, from many goroutines, and
// must not block.
type Observer interface {
	Answered(Outcome)
}

// Config is what a Responder is made of.
type Config struct {
	Store      store.Reader
	Responders Responders
	// Now is the status clock, max(wall, the store's mark).
	Now func() time.Time
	Log *slog.Logger
	// Observer may be nil.
	Observer Observer
	// CacheBytes bounds the memory for signed answers; 0 means 16 MiB.
	CacheBytes uint64
}

func (c *Config) validate() error {
	var faults []error
	need := func(ok bool, field string) {
		if !ok {
			faults = append(faults, fmt.Errorf("ocsp: config has no %s", field))
		}
	}
	need(c.Store != nil, "Store")
	need(c.Responders != nil, "Responders")
	need(c.Now != nil, "Now")
	need(c.Log != nil, "Log")
	return errors.Join(faults...)
}

// Responder answers requests. It is safe for concurrent use.
type Responder struct {
	cfg     Config
	issuers atomic.Pointer[issuers]
	// refreshing is held while the issuers are read again.
	refreshing sync.Mutex
	cache      *otter.Cache[string, *answer]
	slots      chan struct{}
	waiting    atomic.Int64
	expires    atomic.Pointer[stamp]
}

// issuers is the table and when it was read.
type issuers struct {
	table  table
	byID   map[store.IssuerID]*issuer
	readAt time.Time
}

// New returns a responder for the issuers in the store.
func New(ctx context.Context, cfg Config) (*Responder, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = defaultCache
	}
	cache, err := otter.New(&otter.Options[string, *answer]{
		MaximumWeight: cfg.CacheBytes,
		Weigher: func(key string, a *answer) uint32 {
			return uint32(len(key) + len(a.der) + entryOverhead)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache of OCSP answers: %w", err)
	}
	r := &Responder{
		cfg:   cfg,
		cache: cache,
		slots: make(chan struct{}, signersPerCPU*runtime.GOMAXPROCS(0)),
	}
	r.issuers.Store(&issuers{})
	return r, r.Refresh(ctx)
}

// Refresh takes up issuers that were made meanwhile. A question about an unknown
// one does it too, every ten seconds at most.
func (r *Responder) Refresh(ctx context.Context) error {
	r.refreshing.Lock()
	defer r.refreshing.Unlock()
	return r.refresh(ctx)
}

func (r *Responder) refresh(ctx context.Context) error {
	t, byID, err := newTable(ctx, r.cfg.Store, r.issuers.Load().byID)
	if err != nil {
		return err
	}
	r.issuers.Store(&issuers{table: t, byID: byID, readAt: r.cfg.Now()})
	return nil
}

// find returns the issuer of a question; nil for none of ours.
func (r *Responder) find(ctx context.Context, id *certID) *issuer {
	all := r.issuers.Load()
	if i := all.table.find(id); i != nil {
		return i
	}
	if r.cfg.Now().Sub(all.readAt) < issuersEvery || !r.refreshing.TryLock() {
		return nil
	}
	defer r.refreshing.Unlock()
	if err := r.refresh(ctx); err != nil {
		r.cfg.Log.Warn("issuers can't be read again", logError, err)
		return nil
	}
	return r.issuers.Load().table.find(id)
}

// Log attributes.
const (
	logError  = "error"
	logIssuer = "issuer"
)

// answer is a signed answer as it is cached. It never changes.
type answer struct {
	der        []byte
	status     status
	producedAt time.Time
	nextUpdate time.Time
	// etag and modified are header fields; modified is nil where the date alone
	// would not tell the answer from the one before.
	etag     []string
	modified []string
}

// reply is what an edge has to send: a cacheable answer, or bytes that are not to
// be kept.
type reply struct {
	der     []byte
	cached  *answer // nil: no-store
	outcome Outcome
}

func refusal(s responseStatus, o Outcome) reply { return reply{der: s.der(), outcome: o} }

// Answer answers a DER request with a DER response, which is always one: what
// goes wrong has a response status.
func (r *Responder) Answer(ctx context.Context, der []byte) []byte {
	return r.answer(ctx, der).der
}

func (r *Responder) answer(ctx context.Context, der []byte) reply {
	q, err := parseRequest(der)
	if err != nil {
		return refusal(malformedRequest, Malformed)
	}
	i := r.find(ctx, &q.ids[0])
	for n := range q.ids[1:] {
		if i == nil || r.find(ctx, &q.ids[n+1]) != i {
			return refusal(unauthorized, Unauthorized)
		}
	}
	switch {
	case i == nil:
		return refusal(unauthorized, Unauthorized)
	case len(q.ids) > 1 || q.nonce != nil:
		return r.live(ctx, i, &q)
	}
	return r.kept(ctx, i, &q)
}

// kept answers one question without a nonce, from the cache where the status is
// still the one stated there.
func (r *Responder) kept(ctx context.Context, i *issuer, q *request) reply {
	now := r.clock()
	id := &q.ids[0]
	s, err := r.status(ctx, i, id)
	if err != nil {
		return r.later(i, err)
	}
	if !s.known {
		return r.live(ctx, i, q)
	}
	key := string(id.der)
	old, _ := r.cache.GetIfPresent(key)
	if old != nil && (old.status != s || !now.Before(old.nextUpdate)) {
		old = nil
	}
	if old != nil && now.Sub(old.producedAt) < refreshAfter && !now.Before(old.producedAt) {
		return reply{der: old.der, cached: old, outcome: s.outcome()}
	}
	fresh, err := r.sign(ctx, i, &basic{producedAt: now, singles: []single{{id: id.der, status: s}}})
	if err != nil {
		if old != nil {
			r.cfg.Log.Warn("OCSP answer can't be signed, the last one stands", logIssuer, i.id, logError, err)
			return reply{der: old.der, cached: old, outcome: s.outcome()}
		}
		return r.later(i, err)
	}
	fresh.status = s
	r.keep(key, fresh)
	return reply{der: fresh.der, cached: fresh, outcome: s.outcome()}
}

// keep caches an answer. Two answers about one certificate in one second have one
// date: the later says none, as If-Modified-Since could not tell them apart.
func (r *Responder) keep(key string, a *answer) {
	before, _ := r.cache.GetIfPresent(key)
	sameSecond := before != nil && !before.producedAt.Before(a.producedAt)
	justRevoked := a.status.state != store.Good && a.status.revoked >= a.producedAt.Unix()
	if !sameSecond && !justRevoked {
		a.modified = []string{a.producedAt.Format(http.TimeFormat)}
	}
	r.cache.Set(key, a)
}

// live signs an answer that nobody keeps (OCSP-06, OCSP-08).
func (r *Responder) live(ctx context.Context, i *issuer, q *request) reply {
	b := &basic{producedAt: r.clock(), nonce: q.nonce, singles: make([]single, 0, len(q.ids))}
	b.nextUpdate = b.producedAt.Add(lifetime)
	for n := range q.ids {
		s, err := r.status(ctx, i, &q.ids[n])
		if err != nil {
			return r.later(i, err)
		}
		if !s.known {
			b.nextUpdate = b.producedAt.Add(unknownLife)
		}
		b.singles = append(b.singles, single{id: q.ids[n].der, status: s})
	}
	a, err := r.sign(ctx, i, b)
	if err != nil {
		return r.later(i, err)
	}
	return reply{der: a.der, outcome: b.singles[0].status.outcome()}
}

func (r *Responder) later(i *issuer, err error) reply {
	r.cfg.Log.Error("OCSP request can't be answered", logIssuer, i.id, logError, err)
	return refusal(tryLater, TryLater)
}

// clock is the time of an answer. It is read before the status is, so that no
// answer is dated later than what it knows.
func (r *Responder) clock() time.Time { return r.cfg.Now().UTC().Truncate(time.Second) }

// status reads what the store says now. A serial number that is not the record's
// in all octets was never issued.
func (r *Responder) status(ctx context.Context, i *issuer, id *certID) (status, error) {
	index, ok := profile.IndexOf(id.serial)
	if !ok {
		return status{}, nil
	}
	cert, err := r.cfg.Store.Certificate(ctx, store.Ref{Issuer: i.id, Index: index})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return status{}, nil
	case err != nil:
		return status{}, fmt.Errorf("read a certificate's status: %w", err)
	case subtle.ConstantTimeCompare(cert.Serial[:], id.serial) != 1:
		return status{}, nil
	case cert.Status == store.Good:
		return status{known: true}, nil
	}
	return status{known: true, state: cert.Status, reason: cert.Reason, revoked: cert.RevokedAt.Unix()}, nil
}

func (s status) outcome() Outcome {
	switch {
	case !s.known:
		return Unknown
	case s.state == store.Good:
		return Good
	}
	return Revoked
}

// errBusy: too many wait for the signing key.
var errBusy = errors.New("too many OCSP answers wait to be signed")

// sign signs when it is its turn. A nextUpdate that is not given is the longest;
// none is later than the responder certificate's notAfter (OCSP-10).
func (r *Responder) sign(ctx context.Context, i *issuer, b *basic) (*answer, error) {
	if b.nextUpdate.IsZero() {
		b.nextUpdate = b.producedAt.Add(lifetime)
	}
	responder, err := i.responder(r.cfg.Responders, b.producedAt)
	if err != nil {
		return nil, err
	}
	if b.nextUpdate.After(responder.notAfter) {
		b.nextUpdate = responder.notAfter.UTC()
	}
	b.responder = responder
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	der, err := b.sign()
	<-r.slots
	if err != nil {
		return nil, fmt.Errorf("sign an OCSP answer: %w", err)
	}
	hash := sha256.Sum256(der)
	return &answer{
		der: der, producedAt: b.producedAt, nextUpdate: b.nextUpdate,
		etag: []string{fmt.Sprintf(`"%x"`, hash[:16])},
	}, nil
}

// enter waits for a slot in a bounded queue.
func (r *Responder) enter(ctx context.Context) error {
	select {
	case r.slots <- struct{}{}:
		return nil
	default:
	}
	defer r.waiting.Add(-1)
	if r.waiting.Add(1) > maxWaiting {
		return errBusy
	}
	select {
	case r.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to sign: %w", ctx.Err())
	}
}
