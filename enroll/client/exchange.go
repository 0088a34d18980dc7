package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/assay-pki/assay/enroll/wire"
)

// reply is an answer of 2xx, read.
type reply struct {
	status int
	header http.Header
	tls    *tls.ConnectionState
	body   []byte
}

// decode checks the media type and decodes the body.
func (r *reply) decode(mediaType string) ([]byte, error) {
	got, params, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil || got != mediaType {
		return nil, fmt.Errorf("%w: media type %q, want %s", ErrAnswer, r.header.Get("Content-Type"), mediaType)
	}
	if s := params["smime-type"]; s != "" && !strings.EqualFold(s, "certs-only") {
		return nil, fmt.Errorf("%w: smime-type %q, want certs-only", ErrAnswer, s)
	}
	der, err := wire.DecodeBody(r.body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return der, nil
}

// message is a request on its way.
type message struct {
	method, operation string
	body              []byte
	// statement is a station's about the CSR; nil: none.
	statement []byte
}

func (c *Client) do(ctx context.Context, method, operation string, body []byte) (*reply, error) {
	return c.send(ctx, message{method: method, operation: operation, body: body})
}

// send runs one operation, and again while the server says that it is busy.
func (c *Client) send(ctx context.Context, m message) (*reply, error) {
	client, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		r, err := c.config.exchange(ctx, client, m)
		var refusal *Refusal
		if !errors.As(err, &refusal) || !refusal.busy() || try >= c.config.Retries {
			return r, err
		}
		if err := c.wait(ctx, jitter(refusal.RetryAfter)); err != nil {
			return nil, fmt.Errorf("%w while the server was busy: %w", err, refusal)
		}
	}
}

func (r *Refusal) busy() bool {
	return (r.Status == http.StatusServiceUnavailable || r.Status == http.StatusTooManyRequests) &&
		r.RetryAfter > 0 && r.RetryAfter <= maxRetryWait
}

// jitter waits at least as long as advised and at most half as long again, so
// that a fleet does not come back as one.
func jitter(advised time.Duration) time.Duration {
	return advised + rand.N(advised/2+1)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// exchange is one request and its answer.
func (c *checked) exchange(ctx context.Context, client *http.Client, m message) (*reply, error) {
	req, err := c.newRequest(ctx, m)
	if err != nil {
		return nil, err
	}
	if c.Token != "" {
		req.SetBasicAuth(c.User, c.Token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, transportError(err)
	}
	defer resp.Body.Close()
	return c.read(resp)
}

func (c *checked) newRequest(ctx context.Context, m message) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, m.method, c.base+"/"+m.operation, bytes.NewReader(m.body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	req.Header.Set("User-Agent", c.UserAgent)
	if m.statement != nil {
		req.Header.Set(wire.HeaderStationEvidence, ":"+base64.StdEncoding.EncodeToString(m.statement)+":")
	}
	switch {
	case m.method != http.MethodPost:
		return req, nil
	case m.operation == wire.OpNonce:
		req.Header.Set("Content-Type", wire.TypeNonce)
	default:
		req.Header.Set("Content-Type", wire.TypePKCS10)
		req.Header.Set(wire.TransferEncodingField, wire.TransferEncoding)
	}
	// Tells net/http, and nobody else, that it may send the request again when
	// a kept connection turns out to be closed: the server answers equal
	// requests equally, and one nonce more does not matter.
	req.Header["Idempotency-Key"] = nil
	return req, nil
}

// transportError tells who is not trusted from who is not there.
func transportError(err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func (c *checked) read(resp *http.Response) (*reply, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxResponseBody+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	retry := c.retryAfter(resp.Header.Get("Retry-After"))
	switch {
	case resp.StatusCode == http.StatusAccepted:
		return nil, &Pending{RetryAfter: retry, Text: refusalText(resp, body)}
	case resp.StatusCode == http.StatusOK, resp.StatusCode == http.StatusNoContent:
		if len(body) > wire.MaxResponseBody {
			return nil, fmt.Errorf("%w: longer than %d octets", ErrAnswer, wire.MaxResponseBody)
		}
		return &reply{status: resp.StatusCode, header: resp.Header, tls: resp.TLS, body: body}, nil
	}
	return nil, &Refusal{
		Status: resp.StatusCode, Reason: reasonCode(resp.Header.Get(wire.HeaderReason)),
		Text: refusalText(resp, body), RetryAfter: retry,
	}
}

// retryAfter reads seconds or a date (RFC 9110 §10.2.3); 0 for neither.
func (c *checked) retryAfter(s string) time.Duration {
	var d time.Duration
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(s); err == nil {
		d = at.Sub(c.Now())
	}
	return min(max(d, 0), maxAdvice)
}

// reasonCode lets through what can be a code and nothing else.
func reasonCode(s string) string {
	for _, r := range s {
		if r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return ""
		}
	}
	if len(s) > maxReason {
		return ""
	}
	return s
}

// refusalText is the text of a refusal fit for a terminal and a log: one line,
// without control characters; empty when it is no text.
func refusalText(resp *http.Response, body []byte) string {
	mediaType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.Header.Get("Content-Type") != "" && (err != nil || mediaType != "text/plain") {
		return ""
	}
	text := string(body[:min(len(body), maxRefusalText)])
	printable := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(printable), " ")
}
