package audit

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// ProveRecord makes the proof that a record is in the log that a checkpoint
// covers (RFC 6962 §2.1.1). record is a sequence, 1..at.Size.
func ProveRecord(ctx context.Context, h Hashes, at Checkpoint, record uint64) (tlog.RecordProof, error) {
	if record < 1 || at.Size < 1 || record > uint64(at.Size) {
		return nil, fmt.Errorf("prove record %d: the checkpoint covers records 1 to %d", record, at.Size)
	}
	proof, err := tlog.ProveRecord(at.Size, int64(record-1), reader(ctx, h))
	if err != nil {
		return nil, fmt.Errorf("prove record %d: %w", record, err)
	}
	return proof, nil
}

// CheckRecord checks a proof from ProveRecord that event, as logged, is record
// number record under a checkpoint that OpenCheckpoint accepted. ErrProof if not.
func CheckRecord(proof tlog.RecordProof, at Checkpoint, record uint64, event []byte) error {
	if record < 1 || at.Size < 1 || record > uint64(at.Size) {
		return fmt.Errorf("%w: record %d: the checkpoint covers records 1 to %d", ErrProof, record, at.Size)
	}
	err := tlog.CheckRecord(proof, at.Size, at.Root, int64(record-1), tlog.RecordHash(event))
	if err != nil {
		return fmt.Errorf("%w: record %d: %w", ErrProof, record, err)
	}
	return nil
}

// ProveTree makes the proof that a log at a newer checkpoint extends the log at
// an older one (RFC 6962 §2.1.2): nothing was changed or taken away between.
func ProveTree(ctx context.Context, h Hashes, older, newer Checkpoint) (tlog.TreeProof, error) {
	if older.Size < 1 || newer.Size < older.Size {
		return nil, fmt.Errorf("prove consistency: sizes %d and %d are not those of an older and a newer log", older.Size, newer.Size)
	}
	proof, err := tlog.ProveTree(newer.Size, older.Size, reader(ctx, h))
	if err != nil {
		return nil, fmt.Errorf("prove consistency: %w", err)
	}
	return proof, nil
}

// CheckTree checks a proof from ProveTree for two checkpoints that
// OpenCheckpoint accepted. ErrProof if it does not hold.
func CheckTree(proof tlog.TreeProof, older, newer Checkpoint) error {
	if older.Origin != newer.Origin {
		return fmt.Errorf("%w: checkpoints of two logs, %q and %q", ErrProof, older.Origin, newer.Origin)
	}
	if older.Size < 1 || newer.Size < older.Size {
		return fmt.Errorf("%w: sizes %d and %d are not those of an older and a newer log", ErrProof, older.Size, newer.Size)
	}
	if err := tlog.CheckTree(proof, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return fmt.Errorf("%w: from %d to %d records: %w", ErrProof, older.Size, newer.Size, err)
	}
	return nil
}
