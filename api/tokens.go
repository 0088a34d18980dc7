package api

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/assay-pki/assay/api/rbac"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/store"
)

type tokenIn struct {
	Body v1.TokenRequest
}

type tokenOut struct {
	Body v1.Token
}

type tokenIDIn struct {
	ID     string `path:"id" maxLength:"64" doc:"the token's id, 16 hex digits"`
	DryRun bool   `query:"dry_run" doc:"answer what would change and change nothing"`
}

func (a *API) createToken(ctx context.Context, who *caller, in *tokenIn) (*tokenOut, error) {
	r := in.Body
	if err := a.may(ctx, who, r.Product, ""); err != nil {
		return nil, err
	}
	ttl, uses, err := tokenTerms(r)
	if err != nil {
		return nil, err
	}
	if who.grant.Role == rbac.Factory && (ttl > maxFactoryTTL || uses > 1) {
		return nil, a.scopeDenied(ctx, who, "a factory operator's token lives at most 24h and has one use")
	}
	if err := a.tokenFits(ctx, r); err != nil {
		return nil, err
	}
	by := a.actor(who)
	t := store.Token{
		Product: r.Product, Serial: r.Serial, Uses: uses,
		CreatedAt: by.At, ExpiresAt: by.At.Add(ttl), CreatedBy: by.Principal,
	}
	if r.DryRun {
		out := &tokenOut{Body: token(t, by.At)}
		out.Body.ID, out.Body.DryRun = "", true
		return out, nil
	}
	text, hash, err := enroll.NewToken(rand.Reader)
	if err != nil {
		return nil, err
	}
	t.Hash = hash
	if err := a.store.CreateToken(ctx, t, by); err != nil {
		return nil, err
	}
	out := &tokenOut{Body: token(t, by.At)}
	out.Body.Token = text
	return out, nil
}

// tokenTerms fills in what was left out.
func tokenTerms(r v1.TokenRequest) (ttl time.Duration, uses uint32, err error) {
	ttl, uses = defaultTTL, max(r.Uses, 1)
	var faults []v1.Fault
	if r.TTL != "" {
		d, err := profile.ParseDuration(r.TTL)
		ttl = time.Duration(d)
		switch {
		case err != nil:
			faults = append(faults, v1.Fault{At: "ttl", Reason: err.Error()})
		case ttl <= 0 || ttl > maxTTL:
			faults = append(faults, v1.Fault{At: "ttl", Reason: "1s to 30d"})
		}
	}
	if uses > maxUses {
		faults = append(faults, v1.Fault{At: "uses", Reason: fmt.Sprintf("at most %d", maxUses)})
	}
	if r.Serial != "" && uses > 1 {
		faults = append(faults, v1.Fault{At: "uses", Reason: "a token for one device has one use"})
	}
	if faults != nil {
		return 0, 0, badDocument("", faults...)
	}
	return ttl, uses, nil
}

// tokenFits refuses a token that could never enrol.
func (a *API) tokenFits(ctx context.Context, r v1.TokenRequest) error {
	if r.Serial == "" {
		_, _, err := a.productNamed(ctx, r.Product)
		return err
	}
	compiled, err := a.compiledNamed(ctx, r.Product)
	if err != nil {
		return err
	}
	if !compiled.SerialOK(r.Serial) {
		return badDocument("", v1.Fault{At: "serial", Reason: "does not match the product's serial_pattern"})
	}
	return nil
}

// hidden keeps the type of a cause from the table of this edge: the faults of a
// stored document are not the caller's.
type hidden struct{ cause error }

func hide(err error) error { return hidden{err} }

// Error is the cause's.
func (h hidden) Error() string { return h.cause.Error() }

func (a *API) listTokens(ctx context.Context, who *caller, in *PageQuery) (*pageOut[v1.Token], error) {
	now := a.now()
	l := list[[32]byte, store.Token, v1.Token]{
		read: a.store.Tokens,
		key:  func(t store.Token) [32]byte { return t.Hash },
		item: func(t store.Token) (v1.Token, error) { return token(t, now), nil },
	}
	if !who.grant.Unbound() {
		l.keep = func(t store.Token) (bool, bool) { return who.sees(t.Product, ""), true }
	}
	return l.page(ctx, *in, [32]byte{})
}

// voidToken finds a token by its id, the first 8 octets of its hash.
func (a *API) voidToken(ctx context.Context, who *caller, in *tokenIDIn) (*tokenOut, error) {
	id, err := hex.DecodeString(in.ID)
	if err != nil || len(id) != 8 {
		return nil, v1.Refuse(v1.NotFound, "a token's id has 16 hex digits")
	}
	found, err := a.store.Tokens(ctx, justBefore([8]byte(id)), 1)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || [8]byte(found[0].Hash[:8]) != [8]byte(id) {
		return nil, v1.Refuse(v1.NotFound, "there is no such token")
	}
	if err := a.may(ctx, who, found[0].Product, ""); err != nil {
		return nil, err
	}
	t := found[0]
	if in.DryRun {
		t.Voided = true
		out := &tokenOut{Body: token(t, a.now())}
		out.Body.DryRun = true
		return out, nil
	}
	if t, err = a.store.VoidToken(ctx, t.Hash, a.actor(who)); err != nil {
		return nil, err
	}
	return &tokenOut{Body: token(t, a.now())}, nil
}

// justBefore is the greatest hash below every hash that begins with id; the
// least of all for the id 0, whose own zero hash no token has.
func justBefore(id [8]byte) [32]byte {
	var h [32]byte
	n := binary.BigEndian.Uint64(id[:])
	if n == 0 {
		return h
	}
	binary.BigEndian.PutUint64(h[:], n-1)
	for i := 8; i < len(h); i++ {
		h[i] = 0xff
	}
	return h
}

func token(t store.Token, now time.Time) v1.Token {
	state := v1.TokenUsable
	switch {
	case t.Voided:
		state = v1.TokenVoided
	case t.Used >= t.Uses:
		state = v1.TokenUsed
	case !now.Before(t.ExpiresAt):
		state = v1.TokenExpired
	}
	return v1.Token{
		ID: t.ID(), Product: t.Product, Serial: t.Serial, Uses: t.Uses, Used: t.Used, State: state,
		CreatedAt: utc(t.CreatedAt), ExpiresAt: utc(t.ExpiresAt), CreatedBy: t.CreatedBy,
	}
}
