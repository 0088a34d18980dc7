package audit

import (
	"errors"
	"testing"
)

// heads are checkpoints of a log at every size up to records.
func heads(t *testing.T, records int) (*memory, []Checkpoint) {
	t.Helper()
	m := newMemory(t, 0)
	list := []Checkpoint{{Origin: testOrigin}}
	for range records {
		m.grow(t, 1)
		head, err := m.Log(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Checkpoint{Origin: testOrigin, Size: head.Size, Root: head.Root})
	}
	return m, list
}

func TestProveRecord(t *testing.T) {
	m, list := heads(t, 13)
	for _, at := range list[1:] {
		for n := uint64(1); n <= uint64(at.Size); n++ {
			proof, err := ProveRecord(t.Context(), m, at, n)
			if err != nil {
				t.Fatal(err)
			}
			if err := CheckRecord(proof, at, n, m.records[n-1]); err != nil {
				t.Errorf("record %d of %d: %v", n, at.Size, err)
			}
			if err := CheckRecord(proof, at, n, m.records[n%13]); !errors.Is(err, ErrProof) {
				t.Errorf("another record in place of %d of %d: got %v, want ErrProof", n, at.Size, err)
			}
			other := n%uint64(at.Size) + 1
			if err := CheckRecord(proof, at, other, m.records[n-1]); other != n && !errors.Is(err, ErrProof) {
				t.Errorf("record %d as %d of %d: got %v, want ErrProof", n, other, at.Size, err)
			}
			if len(proof) > 0 {
				proof[0][0] ^= 1
				if err := CheckRecord(proof, at, n, m.records[n-1]); !errors.Is(err, ErrProof) {
					t.Errorf("flipped proof of %d of %d: got %v, want ErrProof", n, at.Size, err)
				}
			}
		}
		for _, n := range []uint64{0, uint64(at.Size) + 1, 1 << 63} {
			if _, err := ProveRecord(t.Context(), m, at, n); err == nil {
				t.Errorf("record %d of %d was proved", n, at.Size)
			}
			if err := CheckRecord(nil, at, n, m.records[0]); !errors.Is(err, ErrProof) {
				t.Errorf("record %d of %d: got %v, want ErrProof", n, at.Size, err)
			}
		}
	}
}

func TestProveTree(t *testing.T) {
	m, list := heads(t, 13)
	for _, newer := range list[1:] {
		for _, older := range list[1 : newer.Size+1] {
			proof, err := ProveTree(t.Context(), m, older, newer)
			if err != nil {
				t.Fatal(err)
			}
			if err := CheckTree(proof, older, newer); err != nil {
				t.Errorf("%d to %d: %v", older.Size, newer.Size, err)
			}
			forged := older
			forged.Root[0] ^= 1
			if err := CheckTree(proof, forged, newer); !errors.Is(err, ErrProof) {
				t.Errorf("%d to %d, other root: got %v, want ErrProof", older.Size, newer.Size, err)
			}
			forged = older
			forged.Origin = "assay/0/0"
			if err := CheckTree(proof, forged, newer); !errors.Is(err, ErrProof) {
				t.Errorf("two logs: got %v, want ErrProof", err)
			}
		}
	}
	if _, err := ProveTree(t.Context(), m, list[5], list[3]); err == nil {
		t.Error("a shrinking log was proved")
	}
	if err := CheckTree(nil, list[5], list[3]); !errors.Is(err, ErrProof) {
		t.Errorf("a shrinking log: got %v, want ErrProof", err)
	}
	if _, err := ProveTree(t.Context(), m, list[3], Checkpoint{Origin: testOrigin, Size: 99}); err == nil {
		t.Error("a log longer than the store was proved")
	}
}
