package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-pki/assay/store"
)

// Tree is the log that a Checkpointer signs: store.Store is one. Log and
// LogHashes never lose what they have shown; PutCheckpoint is durable when it
// returns nil.
type Tree interface {
	Hashes
	Log(ctx context.Context) (store.LogHead, error)
	// Checkpoint is the newest stored one; store.ErrNotFound for none.
	Checkpoint(ctx context.Context) ([]byte, error)
	PutCheckpoint(ctx context.Context, checkpoint []byte) error
}

// Config of a Checkpointer. Every field is required.
type Config struct {
	Store Tree
	// Key is the signer text, from NewLogKey.
	Key string
	// Origin is assay/AUTHORITY/EPOCH and must be the key's name: a checkpoint
	// by the key of another log is not made.
	Origin string
	// Log takes failures to sign while Run is running.
	Log *slog.Logger
}

// Checkpointer signs heads of one log. It is safe for concurrent use. Two
// Checkpointers over one store sign the same heads and do no harm.
type Checkpointer struct {
	config Config
	signer note.Signer
	vkey   string

	mu sync.Mutex
	// last is the newest signed head; nil until the stored one was read.
	last *Checkpoint
}

// NewCheckpointer checks the Config; ErrKey if the key is malformed or is not
// of the origin.
func NewCheckpointer(config Config) (*Checkpointer, error) {
	if config.Store == nil || config.Log == nil {
		return nil, errors.New("checkpointer: Store and Log are required")
	}
	signer, err := note.NewSigner(config.Key)
	if err != nil {
		return nil, fmt.Errorf("checkpointer: %w", ErrKey)
	}
	if signer.Name() != config.Origin {
		return nil, fmt.Errorf("checkpointer: the key is of log %q, not %q: %w", signer.Name(), config.Origin, ErrKey)
	}
	vkey, err := VerifierKey(config.Key)
	if err != nil {
		return nil, fmt.Errorf("checkpointer: %w", err)
	}
	return &Checkpointer{config: config, signer: signer, vkey: vkey}, nil
}

// Run signs when it starts, then each second in which the log grew, and once
// more when ctx ends. It returns nil when ctx ended, and an error that is
// ErrForked, ErrCheckpoint or store.ErrCorrupt when the log must not be signed;
// it goes on after any other error.
func (c *Checkpointer) Run(ctx context.Context) error {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	failing := false
	for {
		_, err := c.Sign(ctx)
		switch {
		case ctx.Err() != nil:
			return c.finish(ctx)
		case mustStop(err):
			return err
		case err != nil && !failing:
			c.config.Log.WarnContext(ctx, "audit checkpoint not signed", "err", err)
		case err == nil && failing:
			c.config.Log.InfoContext(ctx, "audit checkpoints are signed again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return c.finish(ctx)
		case <-ticker.C:
		}
	}
}

// finish covers what was committed since the last tick.
func (c *Checkpointer) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSignTime)
	defer cancel()
	_, err := c.Sign(ctx)
	if err != nil && !mustStop(err) {
		c.config.Log.WarnContext(ctx, "last audit checkpoint not signed", "err", err)
		return nil
	}
	return err
}

func mustStop(err error) bool {
	return errors.Is(err, ErrForked) || errors.Is(err, ErrCheckpoint) || errors.Is(err, store.ErrCorrupt)
}

// Sign signs and stores the present head, unless the newest checkpoint covers
// it already; it tells whether it did. The new checkpoint is durable when Sign
// returns. ErrForked if the log does not extend the newest checkpoint,
// ErrCheckpoint if that one is not by this key.
func (c *Checkpointer) Sign(ctx context.Context) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.recall(ctx); err != nil {
		return false, err
	}
	head, err := c.config.Store.Log(ctx)
	if err != nil {
		return false, fmt.Errorf("sign audit checkpoint: read the log's head: %w", err)
	}
	next := Checkpoint{Origin: c.config.Origin, Size: head.Size, Root: head.Root}
	if next == *c.last {
		return false, nil
	}
	if err := c.extends(ctx, next); err != nil {
		return false, fmt.Errorf("sign audit checkpoint: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: next.text()}, c.signer)
	if err != nil {
		return false, fmt.Errorf("sign audit checkpoint: %w", err)
	}
	// If we crash here, or the store fails, the signature is lost and the next
	// run signs the same head or a longer one that extends it: no fork.
	if err := c.config.Store.PutCheckpoint(ctx, signed); err != nil {
		return false, fmt.Errorf("store audit checkpoint: %w", err)
	}
	c.last = &next
	return true, nil
}

// recall reads the stored checkpoint, once: an empty tree when there is none.
func (c *Checkpointer) recall(ctx context.Context) error {
	if c.last != nil {
		return nil
	}
	stored, err := c.config.Store.Checkpoint(ctx)
	if errors.Is(err, store.ErrNotFound) {
		empty := tree{}
		c.last = &Checkpoint{Origin: c.config.Origin, Root: empty.root()}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the stored audit checkpoint: %w", err)
	}
	last, err := OpenCheckpoint(stored, c.vkey)
	if err != nil {
		return fmt.Errorf("read the stored audit checkpoint: %w", err)
	}
	c.last = &last
	return nil
}

// extends checks the consistency of the newest checkpoint and the next one by
// RFC 6962 §2.1.2, from stored hashes.
func (c *Checkpointer) extends(ctx context.Context, next Checkpoint) error {
	if next.Size <= c.last.Size {
		return fmt.Errorf("%w: %d records were signed, the log has %d with another root; run assay audit verify",
			ErrForked, c.last.Size, next.Size)
	}
	if c.last.Size == 0 {
		root, err := tlog.TreeHash(next.Size, reader(ctx, c.config.Store))
		if err != nil {
			return err
		}
		if root != next.Root {
			return fmt.Errorf("%w: the root does not follow from the stored hashes; run assay audit verify", ErrForked)
		}
		return nil
	}
	proof, err := ProveTree(ctx, c.config.Store, *c.last, next)
	if err != nil {
		return err
	}
	if err := CheckTree(proof, *c.last, next); err != nil {
		return fmt.Errorf("%w: from %d to %d records; run assay audit verify", ErrForked, c.last.Size, next.Size)
	}
	return nil
}
