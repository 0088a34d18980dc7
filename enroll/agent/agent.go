package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/assay-pki/assay/enroll/client"
)

// Config of an Agent. Only Dir is required.
type Config struct {
	// Dir holds the identity; Enroll makes it, with mode 0700.
	Dir string
	// Proxy, Timeout, Retries and UserAgent are those of client.Config.
	Proxy     func(*http.Request) (*url.URL, error)
	Timeout   time.Duration
	Retries   int
	UserAgent string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Evidence makes evidence; nil: SelfEvidence where measures are named,
	// else none.
	Evidence Producer
}

// Agent works in one directory. Its methods may be called concurrently; of
// two that change something, one returns ErrBusy.
type Agent struct {
	config Config
	disk   disk
	wait   func(context.Context, time.Duration) error
}

// New does not touch the directory.
func New(config Config) *Agent {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Agent{config: config, disk: disk{dir: config.Dir}, wait: sleep}
}

// Enrolment says which device to enrol, where and by what right.
type Enrolment struct {
	// Server is the URL of the EST server.
	Server string
	// Roots or Fingerprint: whom to trust, as in client.Config.
	Roots       []*x509.Certificate
	Fingerprint string
	// Product is the EST label, Serial the device's own; both are required.
	Product, Serial string
	// Token or Certificate (a birth certificate, a station's) admits us.
	Token       string
	Certificate *tls.Certificate
	// KeyFile is where the key of Certificate stands. That of a birth
	// certificate is kept in state.json: it signs the evidence of renewals.
	KeyFile string
	// Measured is what self evidence says, kept in state.json for renewals.
	Measured
	// KeyType is one of KeyTypes; empty: ec-p256.
	KeyType string
	// Again enrols though the same device has a certificate here, or one that
	// is damaged.
	Again bool
}

// Outcome is what Enroll and Renew did.
type Outcome struct {
	Status
	// Unchanged: the directory held what was asked for already.
	Unchanged bool `json:"unchanged"`
}

// Enroll gets the first certificate. It is idempotent: called again after any
// error or kill it goes on where it was, with the same key and CSR, and when
// the device is enrolled already it changes nothing.
//
// Errors are those of this package and of enroll/client.
func (a *Agent) Enroll(ctx context.Context, e Enrolment) (Outcome, error) {
	if e.Product == "" || e.Serial == "" {
		return Outcome{}, fmt.Errorf("%w: product and serial are needed", ErrConfig)
	}
	if err := a.disk.create(); err != nil {
		return Outcome{}, err
	}
	release, err := a.disk.lock()
	if err != nil {
		return Outcome{}, err
	}
	defer release()
	answered := a.answered()
	id, p, err := a.mend(e.Again)
	if err != nil {
		return Outcome{}, err
	}
	if id != nil {
		e.Again = e.Again && answered != opEnroll // that was this one
		if done, err := a.enrolledAlready(id, e); done || err != nil {
			return a.outcome(id, true), err
		}
	}
	if p == nil || p.about != (about{opEnroll, e.Product, e.Serial}) {
		if id != nil { // a renewal that was not proved is given up
			if err := a.disk.sweep(id.generation, ""); err != nil {
				return Outcome{}, fmt.Errorf("tidy up: %w", err)
			}
		}
		p = &pending{about: about{opEnroll, e.Product, e.Serial}}
		if p.key, err = newKey(e.KeyType); err != nil {
			return Outcome{}, err
		}
	}
	return a.enroll(ctx, e, id, p)
}

// enrolledAlready says that nothing is to be done.
func (a *Agent) enrolledAlready(id *identity, e Enrolment) (bool, error) {
	if id.state.Product != e.Product || id.state.Serial != e.Serial {
		return false, fmt.Errorf("%w: %s/%s in %s", ErrEnrolled, id.state.Product, id.state.Serial, a.config.Dir)
	}
	return !e.Again && a.config.Now().Before(id.cert.NotAfter), nil
}

func (a *Agent) enroll(ctx context.Context, e Enrolment, current *identity, p *pending) (Outcome, error) {
	what, err := e.Measured.absolute()
	if err != nil {
		return Outcome{}, err
	}
	birthKey, err := birthKeyFile(e)
	if err != nil {
		return Outcome{}, err
	}
	config := a.clientConfig(e.Server, e.Product)
	config.Fingerprint, config.Certificate = e.Fingerprint, e.Certificate
	if e.Token != "" {
		config.User, config.Token = e.Serial, e.Token
	}
	if len(e.Roots) > 0 {
		config.Roots = x509.NewCertPool()
		for _, cert := range e.Roots {
			config.Roots.AddCert(cert)
		}
	}
	id, err := a.obtain(ctx, config, p, client.Request{
		Subject:  pkix.Name{CommonName: e.Serial, SerialNumber: e.Serial},
		Evidence: a.evidenceBy(p, enrolmentSigner(e, current, p.key), what),
	})
	if err != nil {
		return Outcome{}, err
	}
	id.serverCAs = missing(e.Roots, id.roots)
	id.state.Measured, id.state.BirthKey = what, birthKey
	if err := a.disk.install(id); err != nil {
		return Outcome{}, fmt.Errorf("install the certificate: %w", err)
	}
	return a.tidied(id)
}

func (a *Agent) clientConfig(server, product string) client.Config {
	return client.Config{
		URL: server, Label: product, Proxy: a.config.Proxy, Timeout: a.config.Timeout,
		Retries: a.config.Retries, UserAgent: a.config.UserAgent, Now: a.config.Now,
	}
}

// Renewal says how to renew.
type Renewal struct {
	// SameKey keeps the key; else a new one of the same type is made.
	SameKey bool
	// IfDue renews only when the drawn time has come.
	IfDue bool
	// Measured replaces that of the enrolment from now on, if it has files.
	Measured
}

// Renew replaces key and certificate by new ones, as Enroll does: called again
// after an error or a kill it goes on with the same request. A renewal that
// was installed and not tidied up counts as this one. The old pair stays the
// current one until the server has taken the new one once.
func (a *Agent) Renew(ctx context.Context, r Renewal) (Outcome, error) {
	if _, err := a.disk.load(); err != nil { // before a directory is made or locked
		return Outcome{}, err
	}
	if err := a.disk.create(); err != nil {
		return Outcome{}, err
	}
	release, err := a.disk.lock()
	if err != nil {
		return Outcome{}, err
	}
	defer release()
	answered := a.answered()
	id, p, err := a.mend(false)
	switch {
	case err != nil:
		return Outcome{}, err
	case id == nil:
		return Outcome{}, ErrNotEnrolled
	case answered == opRenew:
		return a.outcome(id, false), nil
	case p != nil && p.Operation == opEnroll:
		return Outcome{}, fmt.Errorf("%w: of %s/%s", ErrUnfinished, p.Product, p.Serial)
	case p == nil && r.IfDue && a.config.Now().Before(id.state.RenewAt):
		return a.outcome(id, true), nil
	case p == nil:
		if p, err = newRenewal(id, r.SameKey); err != nil {
			return Outcome{}, err
		}
	}
	if issued := a.disk.candidate(id.generation, p); issued != nil {
		return a.prove(ctx, id, issued)
	}
	return a.renew(ctx, id, p, r.Measured)
}

func newRenewal(id *identity, sameKey bool) (*pending, error) {
	key, err := id.key, error(nil)
	if !sameKey {
		if key, err = newKey(keyTypeOf(id.key)); err != nil {
			return nil, err
		}
	}
	return &pending{about: about{opRenew, id.state.Product, id.state.Serial}, key: key}, nil
}

func (a *Agent) renew(ctx context.Context, old *identity, p *pending, what Measured) (Outcome, error) {
	what, err := what.absolute()
	if err != nil {
		return Outcome{}, err
	}
	if len(what.Measure) == 0 {
		what = old.state.Measured
	}
	signer, err := renewalSigner(old)
	if err != nil {
		return Outcome{}, err
	}
	config := a.clientConfig(old.state.Server, old.state.Product)
	config.Roots, config.Certificate = old.serverRoots(), old.tls()
	id, err := a.obtain(ctx, config, p, client.Request{
		Renews: old.cert, Evidence: a.evidenceBy(p, signer, what),
	})
	if err != nil {
		return Outcome{}, err
	}
	id.serverCAs = missing(old.serverCAs, id.roots)
	id.state.Measured, id.state.BirthKey = what, old.state.BirthKey
	if err := a.disk.stage(id); err != nil {
		return Outcome{}, fmt.Errorf("write the certificate: %w", err)
	}
	return a.prove(ctx, old, id)
}

// obtain sends a request, saved before, until it has an answer.
func (a *Agent) obtain(ctx context.Context, config client.Config, p *pending, r client.Request) (*identity, error) {
	c, err := client.New(config)
	if err != nil {
		return nil, err
	}
	defer c.CloseIdle()
	r.Key, r.CSR = p.key, p.csr
	r.Save = func(csr []byte) error {
		p.csr = csr
		return a.disk.save(p)
	}
	answer, err := c.Obtain(ctx, r)
	if err != nil {
		if hopeless(err) {
			err = errors.Join(err, a.disk.remove(pendingDir))
		}
		return nil, err
	}
	return &identity{
		key: p.key, cert: answer.Certificate, chain: answer.Chain, roots: answer.CACerts.Roots,
		state: newState(config.URL, p.Product, p.Serial, answer, p.hash(), a.config.Now()),
	}, nil
}

// tidied removes what the identity, which is the current one now, replaced.
func (a *Agent) tidied(id *identity) (Outcome, error) {
	if err := a.disk.remove(pendingDir); err != nil {
		return Outcome{}, fmt.Errorf("tidy up after the certificate was installed: %w", err)
	}
	if err := a.disk.sweep(id.generation, ""); err != nil {
		return Outcome{}, fmt.Errorf("tidy up after the certificate was installed: %w", err)
	}
	return a.outcome(id, false), nil
}

// missing are the certificates that are not among others.
func missing(certs, others []*x509.Certificate) []*x509.Certificate {
	var out []*x509.Certificate
next:
	for _, c := range certs {
		for _, o := range others {
			if c.Equal(o) {
				continue next
			}
		}
		out = append(out, c)
	}
	return out
}

// answered is the operation of a pending request whose answer is installed:
// the process before us stopped between the two. Empty without one.
func (a *Agent) answered() operation {
	p, err := a.disk.loadPending()
	if err != nil || p == nil {
		return ""
	}
	id, err := a.disk.load()
	if err != nil || id.state.Request != p.hash() {
		return ""
	}
	return p.Operation
}

// mend tidies up what a kill left and returns the identity and the request
// without an answer; nil for what is not there. If it is to be replaced, a
// damaged identity is as good as none.
func (a *Agent) mend(replace bool) (*identity, *pending, error) {
	answered := a.answered()
	id, err := a.disk.load()
	if err != nil && !errors.Is(err, ErrNotEnrolled) && !(replace && errors.Is(err, ErrDamaged)) {
		return nil, nil, err
	}
	current := ""
	if id != nil {
		current = id.generation
	}
	p, err := a.disk.loadPending()
	if err != nil {
		return nil, nil, fmt.Errorf("read the pending request: %w", err)
	}
	issued := ""
	if c := a.disk.candidate(current, p); c != nil {
		issued = c.generation
	}
	if err := a.disk.sweep(current, issued); err != nil {
		return nil, nil, fmt.Errorf("tidy up: %w", err)
	}
	if answered != "" {
		if err := a.disk.remove(pendingDir); err != nil {
			return nil, nil, fmt.Errorf("tidy up: %w", err)
		}
		return id, nil, nil
	}
	return id, p, nil
}
