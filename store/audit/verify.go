package audit

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-pki/assay/store"
)

// Verify recomputes a log from the bytes of its records, in order, and holds it
// against its stored hashes and its newest checkpoint. vkey is the log's
// verifier text, from a place that whoever could change the log cannot reach.
// The error is or wraps a *BadRecord when a record can be named; ErrKey,
// ErrNoCheckpoint and ErrCheckpoint come before any record is read. It only
// reads, in constant memory, and may run beside a node at work: records that
// are committed meanwhile are left for the next time.
func Verify(ctx context.Context, source Source, vkey string) (Report, error) {
	// The checkpoint before the head: the log only grows, so the head that is
	// read after it must cover it.
	_, checkpoint, err := newestCheckpoint(ctx, source, vkey)
	if err != nil {
		return Report{}, err
	}
	head, err := source.Log(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("verify: read the log's head: %w", err)
	}
	if head.Size < checkpoint.Size {
		return Report{}, badRecord(uint64(head.Size)+1,
			fmt.Sprintf("missing: the checkpoint covers %d records, the log has %d", checkpoint.Size, head.Size))
	}
	w := walk{source: source, checkpoint: checkpoint, size: head.Size}
	if err := w.run(ctx); err != nil {
		return Report{}, err
	}
	if root := w.tree.root(); root != tlog.Hash(head.Root) {
		return Report{}, errors.New("verify: every record agrees with its hashes, but the log's stored root is another; restore the store from a backup")
	}
	return Report{Checkpoint: checkpoint, Beyond: uint64(head.Size - checkpoint.Size)}, nil
}

// newestCheckpoint reads the stored checkpoint, verified, with its bytes.
func newestCheckpoint(ctx context.Context, source Source, vkey string) ([]byte, Checkpoint, error) {
	if _, err := newVerifier(vkey); err != nil {
		return nil, Checkpoint{}, err
	}
	signed, err := source.Checkpoint(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return nil, Checkpoint{}, fmt.Errorf("%w is stored: nothing was signed yet (run assay serve), or it was removed", ErrNoCheckpoint)
	}
	if err != nil {
		return nil, Checkpoint{}, fmt.Errorf("read the audit checkpoint: %w", err)
	}
	checkpoint, err := OpenCheckpoint(signed, vkey)
	return signed, checkpoint, err
}

// walk goes through the records of a live store.
type walk struct {
	source     Source
	checkpoint Checkpoint
	size       int64
	tree       tree
}

func (w *walk) run(ctx context.Context) error {
	if err := w.checkRoot(); err != nil {
		return err
	}
	limit := pageRecords
	for w.tree.size < w.size {
		after := w.tree.size
		limit = int(min(int64(limit), w.size-after))
		events, err := w.source.Events(ctx, uint64(after), limit)
		switch {
		case errors.Is(err, store.ErrCorrupt) && limit > 1:
			// One of the page does not decode: go on by single records.
			limit = 1
			continue
		case errors.Is(err, store.ErrCorrupt):
			return &BadRecord{First: uint64(after) + 1, Last: uint64(after) + 1, What: "cannot be read", Err: err}
		case err != nil:
			return fmt.Errorf("verify: read records after %d: %w", after, err)
		case len(events) == 0:
			return badRecord(uint64(after)+1, fmt.Sprintf("missing: the log has %d records", w.size))
		}
		if err := w.page(ctx, events); err != nil {
			return err
		}
	}
	return nil
}

// page checks records that follow each other against what is stored for them.
func (w *walk) page(ctx context.Context, events []store.Event) error {
	stored, err := w.storedHashes(ctx, int64(len(events)))
	if err != nil {
		return err
	}
	for _, event := range events {
		n := uint64(w.tree.size) + 1
		if event.Seq != n {
			return badRecord(n, fmt.Sprintf("missing: record %d stands in its place", event.Seq))
		}
		completed := w.tree.add(tlog.RecordHash(event.Bytes))
		if len(stored) < len(completed) {
			return badRecord(n, "its stored hashes are missing")
		}
		if err := compare(int64(n)-1, completed, stored[:len(completed)]); err != nil {
			return err
		}
		stored = stored[len(completed):]
		if err := w.checkRoot(); err != nil {
			return err
		}
	}
	return nil
}

// storedHashes reads the hashes that the next count records complete: they are
// stored without a gap.
func (w *walk) storedHashes(ctx context.Context, count int64) ([]tlog.Hash, error) {
	first, end := tlog.StoredHashCount(w.tree.size), tlog.StoredHashCount(w.tree.size+count)
	indexes := make([]int64, 0, end-first)
	for i := first; i < end; i++ {
		indexes = append(indexes, i)
	}
	hashes, err := reader(ctx, w.source)(indexes)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) {
		from := uint64(w.tree.size)
		return nil, &BadRecord{First: from + 1, Last: from + uint64(count), What: "a stored hash is missing", Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	return hashes, nil
}

// checkRoot compares the root when exactly the checkpoint's records were read.
func (w *walk) checkRoot() error {
	if w.tree.size != w.checkpoint.Size || w.tree.root() == w.checkpoint.Root {
		return nil
	}
	return &BadRecord{
		First: 1, Last: uint64(max(w.checkpoint.Size, 1)),
		What: "records and stored hashes agree with each other, but not with the signed root: both were rewritten",
	}
}

// compare holds the hashes that leaf completes against the stored ones.
func compare(leaf int64, computed, stored []tlog.Hash) error {
	for level := range computed {
		if computed[level] == stored[level] {
			continue
		}
		if level == 0 {
			return badRecord(uint64(leaf)+1, "its bytes do not hash to its leaf")
		}
		// The leaves agree with their hashes and the node above does not: one
		// of the leaves that it covers was changed together with its hash.
		covered := int64(1) << level
		return &BadRecord{
			First: uint64(leaf - covered + 2), Last: uint64(leaf + 1),
			What: "changed together with their leaf hashes",
		}
	}
	return nil
}
