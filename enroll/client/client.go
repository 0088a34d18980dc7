package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/assay-pki/assay/enroll/wire"
)

// Client talks to one EST server. It is safe for concurrent use, keeps its
// connections alive, and should be kept as long as its credential is good.
type Client struct {
	config checked
	wait   func(context.Context, time.Duration) error

	mu sync.Mutex
	// http is nil until a pinned root has been found.
	http *http.Client
	// cas is nil until /cacerts was read.
	cas *CACerts
}

// New checks the configuration; it does not connect. The error is ErrConfig.
func New(config Config) (*Client, error) {
	c, err := config.check()
	if err != nil {
		return nil, err
	}
	client := &Client{config: c, wait: sleep}
	if c.Roots != nil {
		client.http = c.httpClient(c.tlsConfig(c.Roots))
	}
	return client, nil
}

// CloseIdle closes connections that are not in use.
func (c *Client) CloseIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http != nil {
		c.http.CloseIdleConnections()
	}
}

// tlsConfig verifies the server by name and roots, as crypto/tls does when it
// is let: serverAuth is demanded too, so that a station's certificate never
// serves (RFC 7030 §3.6.1 would let it).
func (c *checked) tlsConfig(roots *x509.CertPool) *tls.Config {
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, Time: c.Now}
	show := c.GetCertificate
	if show == nil {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(resumableSessions)
	}
	if c.Certificate != nil {
		show = func() (*tls.Certificate, error) { return c.Certificate, nil }
	}
	if show != nil {
		// Whatever CAs the server hints at: it decides, and says why.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return show() }
	}
	return config
}

// httpClient speaks HTTP/1.1 (the only one EST servers must know) and follows
// nothing.
func (c *checked) httpClient(config *tls.Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  c.Proxy,
			TLSClientConfig:        config,
			TLSHandshakeTimeout:    handshakeTimeout,
			MaxIdleConns:           idleConnections,
			MaxIdleConnsPerHost:    idleConnections,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxHeaderBytes,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       c.Timeout,
	}
}

// connected returns the client to use, after the bootstrap if there is one.
func (c *Client) connected(ctx context.Context) (*http.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http != nil {
		return c.http, nil
	}
	roots, cas, err := c.config.bootstrap(ctx)
	if err != nil {
		return nil, err
	}
	c.http, c.cas = c.config.httpClient(c.config.tlsConfig(roots)), cas
	return c.http, nil
}

// CACerts fetches the CA certificates (RFC 7030 §4.1). Trust in them is that in
// the server.
func (c *Client) CACerts(ctx context.Context) (*CACerts, error) {
	a, err := c.do(ctx, http.MethodGet, wire.OpCACerts, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch ca certificates: %w", err)
	}
	cas, err := readCACerts(a, c.config.Now())
	if err != nil {
		return nil, fmt.Errorf("fetch ca certificates: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cas = cas
	return cas, nil
}

// knownCAs are the last CA certificates fetched; the first call fetches.
func (c *Client) knownCAs(ctx context.Context) (*CACerts, error) {
	// A bootstrap brings them too, so that it comes first.
	if _, err := c.connected(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	cas := c.cas
	c.mu.Unlock()
	if cas != nil {
		return cas, nil
	}
	return c.CACerts(ctx)
}

// CSRAttrs fetches what the server wants of a request (RFC 7030 §4.5): nil
// when it wants nothing.
func (c *Client) CSRAttrs(ctx context.Context) ([]wire.CSRAttr, error) {
	a, err := c.do(ctx, http.MethodGet, wire.OpCSRAttrs, nil)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal) && refusal.Status == http.StatusNotFound:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("fetch csr attributes: %w", err)
	case a.status == http.StatusNoContent:
		return nil, nil
	}
	der, err := a.decode("application/csrattrs")
	if err != nil {
		return nil, fmt.Errorf("fetch csr attributes: %w", err)
	}
	attrs, err := wire.ParseCSRAttrs(der)
	if err != nil {
		return nil, fmt.Errorf("fetch csr attributes: %w: %w", ErrAnswer, err)
	}
	return attrs, nil
}

// Enroll asks for a first certificate for the CSR (DER). Besides the errors of
// this package it returns *Refusal and *Pending. On every error but a
// *Refusal the server may have issued: repeat the same octets.
func (c *Client) Enroll(ctx context.Context, csr []byte) (*Answer, error) {
	return c.request(ctx, "enroll", wire.OpSimpleEnroll, csr, nil)
}

// Reenroll renews the certificate that the connection shows; the CSR has its
// subject and names (NewRenewalCSR). Errors are those of Enroll.
func (c *Client) Reenroll(ctx context.Context, csr []byte) (*Answer, error) {
	return c.request(ctx, "renew", wire.OpSimpleReenroll, csr, nil)
}

// request sends a CSR, with a station's statement in the header if there is one.
func (c *Client) request(ctx context.Context, what, operation string, csr, statement []byte) (*Answer, error) {
	// First what the answer is checked with: better no certificate than one
	// that was issued and cannot be accepted.
	known, err := c.knownCAs(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	post := message{method: http.MethodPost, operation: operation, body: wire.EncodeBody(csr, false), statement: statement}
	a, err := c.send(ctx, post)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	answer, err := readAnswer(a, csr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if err := c.verify(ctx, answer, known); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return answer, nil
}

// verify builds the chain of an issued certificate, if need be with CA
// certificates fetched anew: the issuer may be younger than ours.
func (c *Client) verify(ctx context.Context, answer *Answer, cas *CACerts) error {
	chain, err := cas.Chain(answer.Certificate, c.config.Now())
	if err != nil {
		if cas, err = c.CACerts(ctx); err != nil {
			return err
		}
		if chain, err = cas.Chain(answer.Certificate, c.config.Now()); err != nil {
			return err
		}
	}
	answer.Chain, answer.CACerts = chain, cas
	return nil
}
