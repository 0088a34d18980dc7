package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is a signed head of the log, as OpenCheckpoint read it.
type Checkpoint struct {
	// Origin is assay/AUTHORITY/EPOCH.
	Origin string
	// Size is the number of records; 0 or more.
	Size int64
	// Root is the root hash of the tree of these records.
	Root tlog.Hash
}

// algEd25519 is the first octet of an Ed25519 key in the note format.
const algEd25519 = 1

// NewLogKey makes a log's key pair in the text forms of
// golang.org/x/mod/sumdb/note. name is the origin of the checkpoints it will
// sign, "assay/AUTHORITY/EPOCH". The signer text is secret: keep it in a file of
// mode 0600. The verifier text is for everybody.
func NewLogKey(rand io.Reader, name string) (skey, vkey string, err error) {
	skey, vkey, err = note.GenerateKey(rand, name)
	if err != nil {
		return "", "", fmt.Errorf("make log key %q: %w", name, err)
	}
	// GenerateKey takes any name; what reads the key back does not.
	if _, err := note.NewSigner(skey); err != nil {
		return "", "", fmt.Errorf("make log key %q: name: %w", name, ErrKey)
	}
	return skey, vkey, nil
}

// VerifierKey derives the verifier text from a signer text; ErrKey if that is
// malformed.
func VerifierKey(skey string) (string, error) {
	signer, err := note.NewSigner(skey)
	if err != nil {
		return "", fmt.Errorf("read log key: %w", ErrKey)
	}
	// NewSigner has checked the shape, PRIVATE+KEY+name+hash+base64, where
	// base64 may itself have plus signs.
	fields := strings.SplitN(skey, "+", 5)
	key, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
	if err != nil || len(key) != 1+ed25519.SeedSize || key[0] != algEd25519 {
		return "", fmt.Errorf("read log key: %w", ErrKey)
	}
	public := ed25519.NewKeyFromSeed(key[1:]).Public().(ed25519.PublicKey)
	vkey, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return "", fmt.Errorf("derive the public log key: %w", err)
	}
	return vkey, nil
}

// newVerifier reads a verifier text and refuses other spellings of the same
// key, so that a changed octet of a key file is never overlooked.
func newVerifier(vkey string) (note.Verifier, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("read public log key: %w", ErrKey)
	}
	_, rest, _ := strings.Cut(vkey, "+")
	hash, encoded, _ := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != algEd25519 ||
		base64.StdEncoding.EncodeToString(key) != encoded ||
		hash != fmt.Sprintf("%08x", verifier.KeyHash()) {
		return nil, fmt.Errorf("read public log key: not in its one spelling: %w", ErrKey)
	}
	return verifier, nil
}

// OpenCheckpoint verifies a checkpoint by the log's verifier text and reads it.
// ErrKey for a bad key; ErrCheckpoint if the log's key did not sign it, if its
// origin is not the key's name, or if it is not in its one spelling.
func OpenCheckpoint(checkpoint []byte, vkey string) (Checkpoint, error) {
	verifier, err := newVerifier(vkey)
	if err != nil {
		return Checkpoint{}, err
	}
	if len(checkpoint) > maxCheckpointBytes {
		return Checkpoint{}, fmt.Errorf("%w: longer than %d octets", ErrCheckpoint, maxCheckpointBytes)
	}
	signed, err := note.Open(checkpoint, note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	if err := canonicalSignatures(signed); err != nil {
		return Checkpoint{}, err
	}
	c, err := parseCheckpoint(signed.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != verifier.Name() {
		return Checkpoint{}, fmt.Errorf("%w: it is of log %q, the key is of log %q", ErrCheckpoint, c.Origin, verifier.Name())
	}
	return c, nil
}

// canonicalSignatures refuses base64 with stray bits after its end, which
// note.Open lets pass: two spellings of one signature.
func canonicalSignatures(n *note.Note) error {
	for _, sigs := range [][]note.Signature{n.Sigs, n.UnverifiedSigs} {
		for _, sig := range sigs {
			raw, err := base64.StdEncoding.Strict().DecodeString(sig.Base64)
			if err != nil || base64.StdEncoding.EncodeToString(raw) != sig.Base64 {
				return fmt.Errorf("%w: a signature is not canonical base64", ErrCheckpoint)
			}
		}
	}
	return nil
}

// parseCheckpoint reads the text under the signatures.
func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 || lines[0] == "" {
		return Checkpoint{}, fmt.Errorf("%w: want origin, size and root hash, each on a line", ErrCheckpoint)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("%w: size %q is not a plain decimal number", ErrCheckpoint, lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize || base64.StdEncoding.EncodeToString(root) != lines[2] {
		return Checkpoint{}, fmt.Errorf("%w: root hash is not 32 octets of base64", ErrCheckpoint)
	}
	for _, extension := range lines[3:] {
		if extension == "" {
			return Checkpoint{}, fmt.Errorf("%w: empty extension line", ErrCheckpoint)
		}
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: tlog.Hash(root)}, nil
}

// text is what a signature is made over.
func (c Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, c.Root)
}
