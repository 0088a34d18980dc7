package audit

import (
	"crypto/sha256"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// tree folds leaves into a root in constant memory: it keeps the right edge,
// the roots of the complete subtrees, largest first.
type tree struct {
	size int64
	edge []tlog.Hash
}

// add appends a leaf and returns the hashes that it completes in the order in
// which they are stored, from tlog.StoredHashIndex(0, size before): the leaf,
// then each node up.
func (t *tree) add(leaf tlog.Hash) []tlog.Hash {
	completed := []tlog.Hash{leaf}
	h := leaf
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.edge) - 1
		h = tlog.NodeHash(t.edge[last], h)
		t.edge = t.edge[:last]
		completed = append(completed, h)
	}
	t.edge = append(t.edge, h)
	t.size++
	return completed
}

// root is the hash of the whole tree.
func (t *tree) root() tlog.Hash {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	h := t.edge[len(t.edge)-1]
	for _, left := range slices.Backward(t.edge[:len(t.edge)-1]) {
		h = tlog.NodeHash(left, h)
	}
	return h
}
