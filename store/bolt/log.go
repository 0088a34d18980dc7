package bolt

import (
	"context"
	"fmt"
	"math"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-pki/assay/store"
)

// An event record is: format octet, number of hashes, the hashes that this leaf
// completes (its own first, then one for each level up), the event's bytes.
// Hash (level, n) of the tree therefore stands in the record of leaf
// (n+1)<<level - 1, at place level.

// tree is a Merkle log reduced to its size and right edge: edge[l] is the root
// of the perfect tree of 1<<l leaves that ends there, for each bit l of size.
// It is a value: a copy is a snapshot.
type tree struct {
	size int64
	edge [63]tlog.Hash
}

// add appends a leaf and returns the hashes that it completes.
func (t *tree) add(leaf tlog.Hash) []tlog.Hash {
	hashes := append(make([]tlog.Hash, 0, 1+bits.TrailingZeros64(uint64(t.size+1))), leaf)
	level := 0
	for ; t.size>>level&1 == 1; level++ {
		leaf = tlog.NodeHash(t.edge[level], leaf)
		hashes = append(hashes, leaf)
	}
	t.edge[level] = leaf
	t.size++
	return hashes
}

// root is the hash of the whole tree (RFC 6962 §2.1).
func (t *tree) root() tlog.Hash {
	if t.size == 0 {
		empty, _ := tlog.TreeHash(0, nil) // reads nothing
		return empty
	}
	level := bits.TrailingZeros64(uint64(t.size))
	h := t.edge[level]
	for level++; t.size>>level != 0; level++ {
		if t.size>>level&1 == 1 {
			h = tlog.NodeHash(t.edge[level], h)
		}
	}
	return h
}

// leaf is an encoded event with its hash, made outside of the writer where the
// event is known before the act runs.
type leaf struct {
	bytes []byte
	hash  tlog.Hash
}

func seal(e store.Event) (leaf, error) {
	b, err := e.Encode()
	return leaf{b, tlog.RecordHash(b)}, err
}

// sealAll must run before the first write of an act: it can fail.
func sealAll(events ...store.Event) ([]leaf, error) {
	leaves := make([]leaf, len(events))
	for i, e := range events {
		var err error
		if leaves[i], err = seal(e); err != nil {
			return nil, err
		}
	}
	return leaves, nil
}

// log appends events.
func (w *writeTx) log(leaves ...leaf) error {
	for _, l := range leaves {
		hashes := w.state.log.add(l.hash)
		record := append(make([]byte, 0, 2+len(hashes)*tlog.HashSize+len(l.bytes)), format, byte(len(hashes)))
		for _, h := range hashes {
			record = append(record, h[:]...)
		}
		record = append(record, l.bytes...)
		if err := w.put(eventBucket, seqKey(uint64(w.state.log.size)), record); err != nil {
			return err
		}
	}
	return nil
}

// logOf appends events about a device and notes them in it; the caller then
// stores it.
func (w *writeTx) logOf(d *store.Device, leaves ...leaf) error {
	for _, l := range leaves {
		if err := w.log(l); err != nil {
			return err
		}
		d.AddEvent(uint64(w.state.log.size))
	}
	return nil
}

// splitRecord parts an event record. Both parts alias it.
func splitRecord(seq uint64, record []byte) (hashes, event []byte, err error) {
	want := 1 + bits.TrailingZeros64(seq) // leaf seq-1 completes one tree for each
	if len(record) < 2+want*tlog.HashSize || record[0] != format || int(record[1]) != want {
		return nil, nil, fmt.Errorf("audit record %d: %w", seq, store.ErrCorrupt)
	}
	return record[2 : 2+want*tlog.HashSize], record[2+want*tlog.HashSize:], nil
}

// treeHash is hash (level, n) of the stored tree.
func (t *tx) treeHash(level int, n int64) (h tlog.Hash, err error) {
	seq := uint64(n+1) << level
	record := t.get(eventBucket, seqKey(seq))
	if record == nil {
		return h, fmt.Errorf("audit record %d: %w", seq, store.ErrNotFound)
	}
	hashes, _, err := splitRecord(seq, record)
	if err != nil {
		return h, err
	}
	copy(h[:], hashes[level*tlog.HashSize:])
	return h, nil
}

// ReadHashes implements tlog.HashReader.
func (t *tx) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		var err error
		if hashes[i], err = t.treeHash(level, n); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// loadTree reads the right edge of a tree of the given size.
func (t *tx) loadTree(size int64) (tree, error) {
	loaded := tree{size: size}
	for level := range loaded.edge {
		if size>>level&1 == 0 {
			continue
		}
		var err error
		if loaded.edge[level], err = t.treeHash(level, size>>level-1); err != nil {
			return tree{}, err
		}
	}
	return loaded, nil
}

// Events implements store.Reader.
func (s *Store) Events(ctx context.Context, after uint64, limit int) (events []store.Event, err error) {
	if err := store.ValidatePage(limit); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(t *tx) error {
		return t.scan(eventBucket, seqKey(after), func(k, v []byte) (bool, error) {
			e, err := decodeRecord(k, v)
			if err != nil {
				return false, err
			}
			events = append(events, e)
			return len(events) < limit, nil
		})
	})
	return events, err
}

// EventsAt implements store.Reader.
func (s *Store) EventsAt(ctx context.Context, seqs []uint64) (events []store.Event, err error) {
	if len(seqs) == 0 {
		return nil, ctx.Err()
	}
	if err := store.ValidatePage(len(seqs)); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(t *tx) error {
		for _, seq := range seqs {
			key := seqKey(seq)
			v := t.get(eventBucket, key)
			if v == nil {
				continue
			}
			e, err := decodeRecord(key, v)
			if err != nil {
				return err
			}
			events = append(events, e)
		}
		return nil
	})
	return events, err
}

func decodeRecord(k, v []byte) (store.Event, error) {
	seq, ok := parseSeqKey(k)
	if !ok || seq == 0 {
		return store.Event{}, badKey(eventBucket, k)
	}
	_, event, err := splitRecord(seq, v)
	if err != nil {
		return store.Event{}, err
	}
	return store.DecodeEvent(seq, clone(event))
}

// Log implements store.Reader.
func (s *Store) Log(ctx context.Context) (h store.LogHead, err error) {
	err = s.view(ctx, func(t *tx) error {
		size, err := t.lastSeq(eventBucket)
		if err != nil {
			return err
		}
		if size > math.MaxInt64/2 {
			return badKey(eventBucket, seqKey(size))
		}
		root, err := tlog.TreeHash(int64(size), t)
		h = store.LogHead{Size: int64(size), Root: root}
		return err
	})
	return h, err
}

// LogHashes implements store.Reader.
func (s *Store) LogHashes(ctx context.Context, indexes []int64) (hashes [][32]byte, err error) {
	if len(indexes) > store.MaxPage {
		return nil, store.ValidatePage(len(indexes))
	}
	err = s.view(ctx, func(t *tx) error {
		size, err := t.lastSeq(eventBucket)
		if err != nil {
			return err
		}
		count := tlog.StoredHashCount(int64(size))
		hashes = make([][32]byte, len(indexes))
		for i, index := range indexes {
			if index < 0 || index >= count {
				return notFound("log hash", index)
			}
			h, err := t.ReadHashes([]int64{index})
			if err != nil {
				return err
			}
			hashes[i] = h[0]
		}
		return nil
	})
	return hashes, err
}
