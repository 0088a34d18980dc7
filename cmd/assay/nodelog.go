package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// nodeLog is the log of a running node as audit.Export reads it: the records
// up to the moment it was made. The hash of a leaf is the one that the node
// stored: whoever verifies the copy holds both against the signed root, and so can
// name a record that was changed.
type nodeLog struct {
	head   v1.Checkpoint
	next   func() (v1.Leaf, error, bool)
	stop   func()
	seq    uint64
	leaves [][32]byte
	api    *client.Client
}

func newNodeLog(api *client.Client, head v1.Checkpoint) *nodeLog {
	return &nodeLog{api: api, head: head}
}

// Checkpoint is the newest signed one when the copy began.
func (n *nodeLog) Checkpoint(context.Context) ([]byte, error) {
	if n.head.Note == "" {
		return nil, fmt.Errorf("audit checkpoint: %w", store.ErrNotFound)
	}
	return []byte(n.head.Note), nil
}

// Log is the size and root that the node told when the copy began.
func (n *nodeLog) Log(context.Context) (store.LogHead, error) {
	root, err := hex.DecodeString(n.head.Root)
	if err != nil || len(root) != tlog.HashSize {
		return store.LogHead{}, fmt.Errorf("the node's root hash %q is not 64 hex digits", n.head.Root)
	}
	return store.LogHead{Size: n.head.Size, Root: [32]byte(root)}, nil
}

// Events reads on; records are asked for in order, once.
func (n *nodeLog) Events(ctx context.Context, after uint64, limit int) ([]store.Event, error) {
	if n.next == nil {
		n.next, n.stop = iter.Pull2(n.api.Leaves(ctx, after))
	}
	if after != n.seq {
		return nil, fmt.Errorf("records after %d asked for, %d is next", after, n.seq)
	}
	var events []store.Event
	for len(events) < limit {
		leaf, err, ok := n.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if leaf.Seq != n.seq+1 {
			return nil, fmt.Errorf("the node sent record %d where %d belongs: %w", leaf.Seq, n.seq+1, store.ErrCorrupt)
		}
		n.seq = leaf.Seq
		if len(leaf.Hash) != tlog.HashSize {
			return nil, fmt.Errorf("the node sent a hash of %d octets with record %d: %w", len(leaf.Hash), leaf.Seq, store.ErrCorrupt)
		}
		n.leaves = append(n.leaves, [32]byte(leaf.Hash))
		events = append(events, store.Event{Seq: leaf.Seq, Bytes: leaf.Bytes})
	}
	return events, nil
}

// close ends the reading.
func (n *nodeLog) close() {
	if n.stop != nil {
		n.stop()
	}
}

// LogHashes answers for leaves that Events has read.
func (n *nodeLog) LogHashes(_ context.Context, indexes []int64) ([][32]byte, error) {
	hashes := make([][32]byte, len(indexes))
	for i, index := range indexes {
		level, leaf := tlog.SplitStoredHashIndex(index)
		if level != 0 || leaf >= int64(len(n.leaves)) {
			return nil, fmt.Errorf("hash %d: %w", index, store.ErrNotFound)
		}
		hashes[i] = n.leaves[leaf]
	}
	return hashes, nil
}

// tail reads a list to its end and keeps the last items.
func tail[T any](items iter.Seq2[T, error], most int) (iter.Seq2[T, error], error) {
	var kept []T
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		if kept = append(kept, item); len(kept) >= 2*most {
			kept = slices.Clone(kept[len(kept)-most:])
		}
	}
	if len(kept) > most {
		kept = kept[len(kept)-most:]
	}
	return func(yield func(T, error) bool) {
		for _, item := range kept {
			if !yield(item, nil) {
				return
			}
		}
	}, nil
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
