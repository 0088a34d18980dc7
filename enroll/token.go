package enroll

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
	"golang.org/x/time/rate"
)

// tokenPrefix lets scanners of leaked secrets find tokens.
const tokenPrefix = "assay_"

// NewToken makes an enrolment token: the text for its holder, the hash for the
// store. rand is crypto/rand.Reader but in tests.
func NewToken(rand io.Reader) (text string, hash [32]byte, err error) {
	var secret [32]byte
	if _, err := io.ReadFull(rand, secret[:]); err != nil {
		return "", hash, fmt.Errorf("read random octets of a token: %w", err)
	}
	text = tokenPrefix + base64.RawURLEncoding.EncodeToString(secret[:])
	return text, sha256.Sum256([]byte(text)), nil
}

// byToken finds the token that came as the password of HTTP Basic. Whatever is
// wrong with it, the answer is the same. One that can no longer pay is only good
// for repeating the request that it paid for.
func (a *attempt) byToken(ctx context.Context) error {
	t, err := a.findToken(ctx)
	switch {
	case err != nil:
		return err
	case t == nil || a.renewal() && !t.Usable(a.at):
		return a.rejectToken()
	}
	actor := "token:" + t.ID()
	a.who = principal{id: actor, actor: actor, token: t, spent: !t.Usable(a.at)}
	if a.renewal() {
		return v1.Refuse(v1.UseSimpleenroll, "")
	}
	return nil
}

func (a *attempt) findToken(ctx context.Context) (*store.Token, error) {
	if len(a.Password) > maxPassword || !strings.HasPrefix(a.Password, tokenPrefix) {
		return nil, nil
	}
	hash := sha256.Sum256([]byte(a.Password))
	t, err := a.store.Token(ctx, hash)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look up a token: %w", err)
	case subtle.ConstantTimeCompare(t.Hash[:], hash[:]) != 1:
		return nil, nil
	}
	return &t, nil
}

// rejectToken refuses a token without a reason, and sources that try too many.
// It is only reached by tokens that are no good: the rightful holder passes
// however many bad ones came from the same address.
func (a *attempt) rejectToken() error {
	a.who = principal{}
	if wait := a.badTokens.taken(a.Source, a.at); wait > 0 {
		return &v1.Refusal{Reason: v1.RateLimited, RetryAfter: wait}
	}
	return v1.Refuse(v1.CredentialRejected, "")
}

// sourceLimits bounds how much a source may try of one thing.
type sourceLimits struct {
	table *recent[netip.Prefix, *rate.Limiter]
	every time.Duration
	burst int
}

func newSourceLimits(every time.Duration, burst int) *sourceLimits {
	return &sourceLimits{newRecent[netip.Prefix, *rate.Limiter](maxSources), every, burst}
}

// taken counts one. It returns how long the source should wait, 0 when it is
// within bounds. An IPv6 source is its /64.
func (l *sourceLimits) taken(source netip.Addr, at time.Time) time.Duration {
	limiter := l.table.getOrPut(network(source, 32, 64), func() *rate.Limiter {
		return rate.NewLimiter(rate.Every(l.every), l.burst)
	})
	if limiter.AllowN(at, 1) {
		return 0
	}
	return l.every
}

// network is the part of the internet that an address stands for; the zero
// Prefix for no address.
func network(a netip.Addr, bits4, bits6 int) netip.Prefix {
	a = a.Unmap()
	bits := bits6
	if a.Is4() {
		bits = bits4
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
