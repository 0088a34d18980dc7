package server

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/assay-pki/assay/ca/keys"
)

// logKeyName is the audit log's key in the ring of files.
const logKeyName = "log"

// logOrigin names an authority's first log (store.md §7 has later epochs).
func logOrigin(authorityID string) string { return "assay/" + authorityID + "/1" }

// newLogKey makes the log's key and returns its verifier text.
func newLogKey(ctx context.Context, ring *keys.Ring, origin string) (string, error) {
	key, err := ring.Files().Create(ctx, logKeyName, keys.Ed25519)
	if err != nil {
		return "", err
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return "", fmt.Errorf("the log's key is a %T, not Ed25519", key.Public())
	}
	return note.NewEd25519VerifierKey(origin, public)
}

// logSigner is the signer text of the log's key (golang.org/x/mod/sumdb/note).
func logSigner(ctx context.Context, ring *keys.Ring, origin string) (string, error) {
	key, err := ring.Files().Signer(ctx, logKeyName)
	if err != nil {
		return "", err
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return "", fmt.Errorf("the log's key is a %T, not an Ed25519 key in a file", key)
	}
	verifier, err := note.NewEd25519VerifierKey(origin, private.Public().(ed25519.PublicKey))
	if err != nil {
		return "", err
	}
	v, err := note.NewVerifier(verifier)
	if err != nil {
		return "", err
	}
	const algEd25519 = 1
	secret := append([]byte{algEd25519}, private.Seed()...)
	return fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", origin, v.KeyHash(), base64.StdEncoding.EncodeToString(secret)), nil
}

// noteSigner signs texts other than heads of the log with the log's key. One
// that begins as a head does is refused: it could be shown to a verifier as one.
func (n *node) noteSigner(ctx context.Context) (func(string) ([]byte, error), error) {
	origin := logOrigin(n.record.ID)
	secret, err := logSigner(ctx, n.keys, origin)
	if err != nil {
		return nil, fmt.Errorf("open the audit log's key: %w", err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, fmt.Errorf("read the audit log's key: %w", err)
	}
	return func(text string) ([]byte, error) {
		if first, _, _ := strings.Cut(text, "\n"); first == origin {
			return nil, errors.New("the text begins as a head of the audit log")
		}
		return note.Sign(&note.Note{Text: text}, signer)
	}, nil
}
