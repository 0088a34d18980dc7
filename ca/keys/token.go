package keys

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"go.step.sm/crypto/kms"
	"go.step.sm/crypto/kms/apiv1"
	"go.step.sm/crypto/kms/softkms"
)

const pkcs11Scheme = "pkcs11"

// token is the backend of a PKCS#11 module. A key's label is its name, its id
// the first octets of the name's SHA-256: creation needs both.
type token struct {
	kms apiv1.KeyManager
}

func softKMS() apiv1.KeyManager { return &softkms.SoftKMS{} }

// openToken opens the key store that a URI names. The URI may hold a PIN, and
// is never in an error.
func openToken(ctx context.Context, uri string) (*token, error) {
	scheme, _, ok := strings.Cut(uri, ":")
	switch {
	case !ok:
		return nil, fmt.Errorf("the KMS URI has no scheme: write pkcs11:module-path=…;token=…?pin-source=…")
	case scheme != pkcs11Scheme:
		return nil, fmt.Errorf("key store %q: %w in this version: use pkcs11: or files", scheme, ErrUnavailable)
	case !withPKCS11:
		return nil, fmt.Errorf("key store %q: %w in this build, which is static: use the one that make build-pkcs11 makes", scheme, ErrUnavailable)
	}
	manager, err := kms.New(ctx, apiv1.Options{Type: apiv1.PKCS11, URI: uri})
	if err != nil {
		return nil, fmt.Errorf("open the PKCS#11 token: %w: %s: check module-path, token and PIN", ErrUnavailable, redact(err, uri))
	}
	return &token{manager}, nil
}

// redact keeps the URI's query, where the PIN is, out of a message.
func redact(err error, uri string) string {
	message := strings.ReplaceAll(err.Error(), uri, pkcs11Scheme+":…")
	_, query, _ := strings.Cut(uri, "?")
	for part := range strings.SplitSeq(query, "&") {
		if _, value, _ := strings.Cut(part, "="); value != "" {
			message = strings.ReplaceAll(message, value, "…")
		}
	}
	return message
}

func (t *token) uri(name string) string {
	id := sha256.Sum256([]byte(name))
	return pkcs11Scheme + ":id=" + hex.EncodeToString(id[:8]) + ";object=" + name
}

func (t *token) create(name string, kind Kind) (crypto.Signer, error) {
	algorithm, err := algorithmOf(kind)
	if err != nil {
		return nil, err
	}
	if kind == Ed25519 {
		return nil, errors.New("tokens make no Ed25519 keys: use ec-p256 or ec-p384")
	}
	made, err := t.kms.CreateKey(&apiv1.CreateKeyRequest{Name: t.uri(name), SignatureAlgorithm: algorithm})
	if errors.Is(err, apiv1.AlreadyExistsError{}) {
		return nil, ErrExists
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return t.kms.CreateSigner(&made.CreateSignerRequest)
}

func (t *token) add(string, crypto.Signer) error {
	return errors.New("a token takes no keys from outside: make the key on it")
}

func (t *token) load(name string) (crypto.Signer, error) {
	key, err := t.kms.CreateSigner(&apiv1.CreateSignerRequest{SigningKey: t.uri(name)})
	if errors.Is(err, apiv1.NotFoundError{}) {
		return nil, fmt.Errorf("%w on the token: check that it is the right one", ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return key, nil
}

func (t *token) remove(name string) error {
	if _, err := t.load(name); err != nil {
		return err
	}
	d, ok := t.kms.(interface{ DeleteKey(uri string) error })
	if !ok {
		return fmt.Errorf("the token deletes no keys: %w", ErrUnavailable)
	}
	return d.DeleteKey(t.uri(name))
}

func (t *token) names() ([]string, error) {
	return nil, fmt.Errorf("list the keys of a token: %w", ErrUnavailable)
}
