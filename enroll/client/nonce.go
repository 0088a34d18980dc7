package client

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/assay-pki/assay/enroll/wire"
)

// Nonce asks for a nonce of length octets, 8 to 64; length 0 leaves it to the
// server. It stands in the evidence of one request of the same credential and
// label, sent before expires has passed; expires 0: the server does not say.
// A *Refusal of status 404 means that the server knows no nonces.
func (c *Client) Nonce(ctx context.Context, length int) (nonce []byte, expires time.Duration, err error) {
	method, body := http.MethodGet, []byte(nil)
	if length != 0 {
		if length < wire.MinNonce || length > wire.MaxNonce {
			return nil, 0, fmt.Errorf("fetch a nonce: %w: length %d, want %d to %d", ErrConfig, length, wire.MinNonce, wire.MaxNonce)
		}
		method, body = http.MethodPost, fmt.Appendf(nil, `{"len":%d}`, length)
	}
	a, err := c.do(ctx, method, wire.OpNonce, body)
	if err != nil {
		return nil, 0, fmt.Errorf("fetch a nonce: %w", err)
	}
	if got, _, err := mime.ParseMediaType(a.header.Get("Content-Type")); err != nil || got != wire.TypeNonce {
		return nil, 0, fmt.Errorf("fetch a nonce: %w: media type %q, want %s", ErrAnswer, a.header.Get("Content-Type"), wire.TypeNonce)
	}
	nonce, expires, err = parseNonce(a.body)
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("fetch a nonce: %w: %w", ErrAnswer, err)
	case length != 0 && len(nonce) != length:
		return nil, 0, fmt.Errorf("fetch a nonce: %w: %d octets, want %d", ErrAnswer, len(nonce), length)
	}
	return nonce, expires, nil
}

// parseNonce reads one JSON object and nothing behind it. Members that it does
// not know are let be: the draft may grow.
func parseNonce(body []byte) ([]byte, time.Duration, error) {
	if len(body) > maxNonceAnswer {
		return nil, 0, fmt.Errorf("longer than %d octets", maxNonceAnswer)
	}
	var answer struct {
		Nonce  *string `json:"nonce"`
		Expiry *uint32 `json:"expiry"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&answer); err != nil {
		return nil, 0, fmt.Errorf("nonce: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, 0, errors.New("nonce: more than one JSON value")
	}
	if answer.Nonce == nil {
		return nil, 0, errors.New("nonce: missing")
	}
	nonce, err := base64.RawURLEncoding.Strict().DecodeString(*answer.Nonce)
	if err != nil || len(nonce) < wire.MinNonce || len(nonce) > wire.MaxNonce {
		return nil, 0, fmt.Errorf("nonce: not %d to %d octets in unpadded base64url", wire.MinNonce, wire.MaxNonce)
	}
	if answer.Expiry == nil {
		return nonce, 0, nil
	}
	return nonce, time.Duration(*answer.Expiry) * time.Second, nil
}
