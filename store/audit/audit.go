// Package audit makes and checks the tamper-evident log of an authority: a
// Merkle tree over its committed events.
//
// It promises that a flipped, cut, reordered or appended octet anywhere under
// a signed checkpoint is found by who holds the log's public key alone, and
// that the first bad record is named where the log still has the hashes to
// tell. It refuses to sign a log that does not extend the checkpoint signed
// before. It cannot see a log that was rewritten and signed again by a holder
// of the log's private key: keep an old checkpoint elsewhere, and compare with
// ProveTree and CheckTree.
//
// # Format
//
// Record N is the event of sequence N, from 1, and leaf N-1 of the tree. Its
// bytes are the deterministic CBOR map (RFC 8949 §4.2.1) that store.Event
// describes. The tree is that of RFC 6962 §2.1:
//
//	leaf = SHA-256(0x00 ‖ event bytes)
//	node = SHA-256(0x01 ‖ left ‖ right)
//
// Hashes are stored in the order of golang.org/x/mod/sumdb/tlog: each leaf,
// followed by the nodes that it completes.
//
// A checkpoint is a C2SP tlog-checkpoint in a C2SP signed note:
//
//	assay/6f1d2c3b4a596877/0
//	1042
//	nND/nri/U0xuHUrYSy0HtMeal2vzD9V4k/BO79C+QeI=
//
//	— assay/6f1d2c3b4a596877/0 x08go/ZJkuBS9UG/SffcvIAQxVBtiFup…
//
// Line 1 is the origin, assay/AUTHORITY/EPOCH, which is also the name of the
// key; line 2 the number of records in decimal; line 3 the root hash in base64.
// Further lines before the blank one are extensions, signed and ignored here.
// The key is Ed25519, in the text forms of golang.org/x/mod/sumdb/note. Every
// base64 and every key hash is canonical: there is one spelling of a checkpoint
// with given signatures. Signatures of other keys (witnesses) are kept and not
// judged. At most 16 KiB.
//
// An export is a directory:
//
//	events.cbor  the records' bytes, CBOR items back to back (RFC 8742)
//	hashes       the stored hash of each leaf, 32 octets each, in order
//	checkpoint   the newest checkpoint when it was made
//	log.pub      the log's public key and a line feed
//
// Records after the checkpoint's may follow in events.cbor and hashes: they are
// compared with each other, and no signature covers them. An export without
// hashes can be verified; a bad record in it cannot be named.
//
// The API of this package is a public promise from v1.
package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-pki/assay/store"
)

// What Verify, VerifyExport and the Checkpointer answer; test with errors.Is.
var (
	// ErrNoCheckpoint: nothing was signed yet, or the checkpoint was removed.
	ErrNoCheckpoint = errors.New("no checkpoint")
	// ErrCheckpoint: the checkpoint is malformed, or not signed by the log's key.
	ErrCheckpoint = errors.New("checkpoint not accepted")
	// ErrKey: the log's key is malformed or is not the expected one.
	ErrKey = errors.New("log key not accepted")
	// ErrForked: the log does not extend its newest signed checkpoint.
	ErrForked = errors.New("log does not extend its checkpoint")
	// ErrProof: a proof does not hold.
	ErrProof = errors.New("proof does not hold")
)

// BadRecord names the first record at which a log is not what was signed.
type BadRecord struct {
	// First and Last are sequences; they differ when the hashes left in the log
	// cannot tell which record of a range it is.
	First, Last uint64
	// What is wrong with it.
	What string
	// Err is the cause, if another package found it.
	Err error
}

// Error is "record N: what", or "records A-B: what".
func (b *BadRecord) Error() string {
	name := fmt.Sprintf("record %d", b.First)
	if b.Last > b.First {
		name = fmt.Sprintf("records %d-%d", b.First, b.Last)
	}
	if b.Err != nil {
		return fmt.Sprintf("%s: %s: %v", name, b.What, b.Err)
	}
	return name + ": " + b.What
}

// Unwrap returns the cause.
func (b *BadRecord) Unwrap() error { return b.Err }

func badRecord(n uint64, what string) *BadRecord { return &BadRecord{First: n, Last: n, What: what} }

// Hashes is what proofs are made from: store.Store is one. A proof does not
// trust it: a wrong hash makes a proof that does not hold.
type Hashes interface {
	// LogHashes returns stored hashes by tlog index, one for each index, in the
	// order asked. It is asked for at most store.MaxPage at one time.
	LogHashes(ctx context.Context, indexes []int64) ([][32]byte, error)
}

// Source is a log to verify or export: store.Store is one. Nothing that it
// answers is trusted.
type Source interface {
	Hashes
	// Checkpoint is the newest signed checkpoint; store.ErrNotFound for none.
	Checkpoint(ctx context.Context) ([]byte, error)
	// Log is the size and root that the source claims.
	Log(ctx context.Context) (store.LogHead, error)
	// Events lists records of sequence > after, in order, at most limit, with
	// their Bytes. An error that is store.ErrCorrupt is put down to a record of
	// the page; any other error ends the verification.
	Events(ctx context.Context, after uint64, limit int) ([]store.Event, error)
}

// Report says what a verification covered.
type Report struct {
	// Checkpoint is the verified one: its Size records are what was signed.
	Checkpoint Checkpoint
	// Beyond counts the records after the checkpoint's. They agree with their
	// stored hashes; no signature covers them.
	Beyond uint64
}

// reader adapts Hashes to tlog, and asks for at most a page at one time.
func reader(ctx context.Context, h Hashes) tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, 0, len(indexes))
		for page := range slices.Chunk(indexes, store.MaxPage) {
			got, err := h.LogHashes(ctx, page)
			if err != nil {
				return nil, fmt.Errorf("read stored hashes: %w", err)
			}
			if len(got) != len(page) {
				return nil, fmt.Errorf("read stored hashes: asked for %d, got %d: %w", len(page), len(got), store.ErrCorrupt)
			}
			for _, g := range got {
				hashes = append(hashes, g)
			}
		}
		return hashes, nil
	}
}
