package main

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/assay-pki/assay/enroll/client"
)

// benchConn is one connection of the load, or with --fresh and --resume one
// after another: a client, what it may do, and the device that it renews.
type benchConn struct {
	flags *benchFlags
	est   *client.Client
	// device, cert and key are those of --renew: whom the connection shows, and
	// who vouches for the next key.
	device string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
}

// connect opens the connections, each a client of its own, before the clock
// starts.
func (b *benchFlags) connect(ctx context.Context, n, first int) ([]caller, func(), error) {
	callers := make([]caller, n)
	open := make([]*benchConn, 0, n)
	closeAll := func() {
		for _, c := range open {
			c.est.CloseIdle()
		}
	}
	for i := range callers {
		c, err := b.connection(ctx, first+i)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("open connection %d: %w", i+1, err)
		}
		open, callers[i] = append(open, c), c.call
	}
	return callers, closeAll, nil
}

// config is a client that shows a certificate or, without one, the token.
func (b *benchFlags) config(pair *tls.Certificate) client.Config {
	config := client.Config{
		URL: b.est, Label: b.product, Roots: b.roots, Retries: -1, UserAgent: "assay-bench/" + version(), Certificate: pair,
	}
	if pair == nil {
		config.Token = b.token
	}
	if b.fresh {
		// A client that asks for its certificate each time resumes no session.
		config.Certificate = nil
		config.GetCertificate = func() (*tls.Certificate, error) { return cmp.Or(pair, &tls.Certificate{}), nil }
	}
	return config
}

func (b *benchFlags) connection(ctx context.Context, number int) (*benchConn, error) {
	c := &benchConn{flags: b}
	pair := b.credential
	if b.renew {
		var err error
		if pair, err = c.firstCertificate(ctx, number); err != nil {
			return nil, err
		}
	}
	var err error
	if c.est, err = client.New(b.config(pair)); err != nil {
		return nil, err
	}
	// What answers are checked with; each later request is one exchange.
	_, err = c.est.CACerts(ctx)
	return c, err
}

// firstCertificate enrols the device that a connection then renews.
func (c *benchConn) firstCertificate(ctx context.Context, number int) (*tls.Certificate, error) {
	est, err := client.New(c.flags.config(c.flags.credential))
	if err != nil {
		return nil, err
	}
	defer est.CloseIdle()
	r, err := makeRequest(fmt.Sprintf(c.flags.serials, number))
	if err != nil {
		return nil, err
	}
	answer, _, err := c.ask(ctx, est, r)
	if err != nil {
		return nil, err
	}
	c.device, c.cert, c.key = r.serial, answer.Certificate, r.key
	return &tls.Certificate{Certificate: [][]byte{answer.Certificate.Raw}, PrivateKey: r.key}, nil
}

// call is one certificate of the load.
func (c *benchConn) call(ctx context.Context, r benchRequest) (time.Duration, error) {
	if c.flags.fresh || c.flags.resume {
		defer c.est.CloseIdle()
	}
	answer, nonce, err := c.ask(ctx, c.est, r)
	if err != nil {
		return 0, err
	}
	if c.cert == nil && c.flags.batch != "" && answer.Batch != c.flags.batch {
		return 0, fmt.Errorf("counted in batch %q, not %q", answer.Batch, c.flags.batch)
	}
	return nonce, nil
}

// ask sends the request that was made before, or with evidence fetches a nonce
// and makes the request about it.
func (c *benchConn) ask(ctx context.Context, est *client.Client, r benchRequest) (*client.Answer, time.Duration, error) {
	send := est.Enroll
	if c.cert != nil {
		send = est.Reenroll
	}
	if c.flags.evidence == "none" {
		answer, err := send(ctx, r.csr)
		return answer, 0, err
	}
	began := time.Now()
	nonce, _, err := est.Nonce(ctx, 0)
	if err != nil {
		return nil, 0, err
	}
	took := time.Since(began)
	csr, err := c.withEvidence(r, nonce)
	if err != nil {
		return nil, 0, err
	}
	answer, err := send(ctx, csr)
	return answer, took, err
}

// withEvidence makes the request of a device that measured its firmware. The
// first time the new key vouches for itself, afterwards the one it renews with.
func (c *benchConn) withEvidence(r benchRequest, nonce []byte) ([]byte, error) {
	unit := simulated{product: c.flags.product, serial: r.serial, digest: c.flags.measured}
	if c.cert == nil {
		value, err := unit.evidence(r.key, r.key, nonce)
		if err != nil {
			return nil, err
		}
		return client.NewCSR(r.key, deviceName(r.serial), client.EvidenceAttribute(value))
	}
	unit.serial = c.device
	value, err := unit.evidence(c.key, r.key, nonce)
	if err != nil {
		return nil, err
	}
	return client.NewRenewalCSR(r.key, c.cert, client.EvidenceAttribute(value))
}
