// Package client speaks the admin API (/v1) for programs: one method for each
// operation, over TLS with a client certificate.
//
// It promises that a method returns what the server said and nothing it made
// up: a refusal is a *v1.Refusal (errors.AsType), an answer that never came is
// ErrUnavailable, and neither is ever the other. Lists are iterators that fetch
// pages as they are read; after an error they end. It refuses plain http, an
// unverified server and answers over its limits. RFC 9457, RFC 8446.
//
//	cred, err := client.LoadCredential("operators/admin")
//	c, err := client.New(client.Config{URL: "https://127.0.0.1:9443", Credential: cred})
//	for d, err := range c.Devices(ctx, client.DeviceFilter{Product: "sensor-s1"}) { … }
//
// This package is part of the public promise.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ErrUnavailable: the server did not answer, or broke off. Whether a change
// was made is unknown until it is read back.
var ErrUnavailable = errors.New("server unavailable")

// Config says where the server is and who asks.
type Config struct {
	// URL of the admin listener: https://HOST:PORT.
	URL string
	// Credential is the caller's; see LoadCredential.
	Credential Credential
	// Timeout bounds one request, from dial to the last byte; 0: 30 s. A batch
	// with its manifest has 5 min at least.
	Timeout time.Duration
	// UserAgent names the program in the server's log; optional.
	UserAgent string
}

// Client is a caller of one server. It is safe for concurrent use.
type Client struct {
	base  string
	http  *http.Client
	long  *http.Client // for manifests
	agent string
}

// New checks the configuration; it does not connect.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("server URL %q is not https://HOST:PORT", c.URL)
	}
	if c.Credential.Roots == nil {
		return nil, errors.New("no CA certificates to verify the server with: load a credential first")
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{
			MinVersion:   tls.VersionTLS13,
			RootCAs:      c.Credential.Roots,
			Certificates: c.Credential.certificates(),
		},
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
	}
	return &Client{
		base:  strings.TrimSuffix(u.String(), "/"),
		http:  &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: noRedirect},
		long:  &http.Client{Transport: transport, Timeout: max(timeout, manifestTimeout), CheckRedirect: noRedirect},
		agent: c.UserAgent,
	}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// noRedirect: the API has none, and a credential must not follow one.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// call is one request: a path below /v1 and what goes with it.
type call struct {
	method string
	path   string
	query  url.Values
	body   any
	header http.Header
	// long: the body may be a manifest of 256 MiB.
	long bool
}

// do sends a call and decodes the answer into out; nil drops it.
func (c *Client) do(ctx context.Context, q call, out any) error {
	req, err := c.request(ctx, q)
	if err != nil {
		return err
	}
	client := c.http
	if q.long {
		client = c.long
	}
	res, err := client.Do(req)
	if err != nil {
		return unavailable(ctx, q, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes+1))
	if err != nil {
		return unavailable(ctx, q, err)
	}
	if len(body) > maxAnswerBytes {
		return fmt.Errorf("%s %s: the answer is over %d MiB: ask for a smaller page", q.method, q.path, maxAnswerBytes>>20)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return problem(res, body)
	}
	if out == nil || len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", q.method, q.path, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, q call) (*http.Request, error) {
	var body io.Reader
	if q.body != nil {
		b, err := json.Marshal(q.body)
		if err != nil {
			return nil, fmt.Errorf("%s %s: write the request: %w", q.method, q.path, err)
		}
		body = bytes.NewReader(b)
	}
	target := c.base + "/v1" + q.path
	if len(q.query) > 0 {
		target += "?" + q.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, q.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", q.method, q.path, err)
	}
	for name, values := range q.header {
		req.Header[name] = values
	}
	req.Header.Set("Accept", "application/json")
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.agent != "" {
		req.Header.Set("User-Agent", c.agent)
	}
	if q.method == http.MethodPost {
		// net/http repeats a POST that has this field when a kept connection
		// turns out to be dead; the server then answers as the first time.
		req.Header.Set("Idempotency-Key", rand.Text())
	}
	return req, nil
}

// unavailable is what a request that got no answer becomes. The caller's own
// end is not the server's fault.
func unavailable(ctx context.Context, q call, err error) error {
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if inner, ok := errors.AsType[*url.Error](err); ok {
		err = inner.Err
	}
	return fmt.Errorf("%s %s: %w: %w", q.method, q.path, ErrUnavailable, err)
}
