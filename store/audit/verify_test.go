package audit

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-pki/assay/store"
)

func TestVerify(t *testing.T) {
	skey, vkey := testKey(t)
	m := newMemory(t, 0)
	c := m.checkpointer(t, skey)
	for size := 1; size <= 70; size++ {
		m.grow(t, 1)
		if _, err := c.Sign(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(t.Context(), m, vkey)
		if err != nil || r.Checkpoint.Size != int64(size) || r.Beyond != 0 {
			t.Fatalf("%d records: got %+v, %v", size, r, err)
		}
	}
	m.grow(t, 9)
	r, err := Verify(t.Context(), m, vkey)
	if err != nil || r.Checkpoint.Size != 70 || r.Beyond != 9 {
		t.Fatalf("9 beyond: got %+v, %v", r, err)
	}
}

func TestVerifyOverPages(t *testing.T) {
	m, vkey := signed(t, 2*pageRecords+17)
	if r, err := Verify(t.Context(), m, vkey); err != nil || r.Checkpoint.Size != 2*pageRecords+17 {
		t.Fatalf("got %+v, %v", r, err)
	}
	m.records[pageRecords+3][40] ^= 1
	_, err := Verify(t.Context(), m, vkey)
	wantRecord(t, err, pageRecords+4, pageRecords+4)
}

func TestVerifyNamesEveryFlippedOctet(t *testing.T) {
	m, vkey := signed(t, 7)
	for n := range m.records {
		for i := range m.records[n] {
			for bit := range 8 {
				m.records[n][i] ^= 1 << bit
				_, err := Verify(t.Context(), m, vkey)
				wantRecord(t, err, uint64(n)+1, uint64(n)+1)
				m.records[n][i] ^= 1 << bit
			}
		}
	}
	for i := range m.hashes {
		level, n := tlog.SplitStoredHashIndex(int64(i))
		m.hashes[i][31] ^= 0x80
		_, err := Verify(t.Context(), m, vkey)
		wantRecord(t, err, uint64(n<<level)+1, uint64((n+1)<<level))
		m.hashes[i][31] ^= 0x80
	}
	for i := range m.checkpoint {
		for bit := range 8 {
			m.checkpoint[i] ^= 1 << bit
			if _, err := Verify(t.Context(), m, vkey); !errors.Is(err, ErrCheckpoint) {
				t.Errorf("octet %d of the checkpoint, bit %d: got %v, want ErrCheckpoint", i, bit, err)
			}
			m.checkpoint[i] ^= 1 << bit
		}
	}
	for i := range len(vkey) {
		for bit := range 8 {
			key := []byte(vkey)
			key[i] ^= 1 << bit
			if _, err := Verify(t.Context(), m, string(key)); !errors.Is(err, ErrKey) && !errors.Is(err, ErrCheckpoint) {
				t.Errorf("octet %d of the key, bit %d: got %v, want ErrKey or ErrCheckpoint", i, bit, err)
			}
		}
	}
}

// forge rewrites records with their leaf hashes and, from the given level up,
// nothing else.
func (m *memory) forge(t *testing.T, swap [2]int, levels int) {
	t.Helper()
	a, b := swap[0], swap[1]
	m.records[a], m.records[b] = m.records[b], m.records[a]
	fresh := newMemory(t, 0)
	for _, r := range m.records {
		fresh.append(t, r)
	}
	for i := range m.hashes {
		if level, _ := tlog.SplitStoredHashIndex(int64(i)); level < levels {
			m.hashes[i] = fresh.hashes[i]
		}
	}
}

func TestVerifyNamesReorderedRecords(t *testing.T) {
	tests := []struct {
		name        string
		swap        [2]int
		levels      int // of hashes that were rewritten too
		first, last uint64
	}{
		{"records alone", [2]int{2, 5}, 0, 3, 3},
		{"with leaves, siblings", [2]int{2, 3}, 1, 3, 4},
		{"with leaves, apart", [2]int{2, 5}, 1, 3, 4},
		{"with two levels", [2]int{2, 5}, 2, 1, 4},
		{"with every hash", [2]int{2, 5}, 64, 1, 9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, vkey := signed(t, 9)
			m.forge(t, tt.swap, tt.levels)
			_, err := Verify(t.Context(), m, vkey)
			wantRecord(t, err, tt.first, tt.last)
		})
	}
}

func TestVerifyNamesMissingRecords(t *testing.T) {
	m, vkey := signed(t, 9)

	cut := m.clone()
	cut.records = cut.records[:6]
	_, err := Verify(t.Context(), cut, vkey)
	wantRecord(t, err, 7, 7)

	hole := m.clone()
	hole.records[3] = nil
	_, err = Verify(t.Context(), hole, vkey)
	wantRecord(t, err, 4, 4)
	if !strings.Contains(err.Error(), "record 5 stands in its place") {
		t.Errorf("got %v, want it to say which record came instead", err)
	}

	end := m.clone()
	end.records[8] = nil
	_, err = Verify(t.Context(), end, vkey)
	wantRecord(t, err, 9, 9)

	hashes := m.clone()
	hashes.root = new([32]byte)
	hashes.hashes = hashes.hashes[:5]
	_, err = Verify(t.Context(), readable{hashes}, vkey)
	wantRecord(t, err, 1, 9)
}

// readable answers a head without reading hashes.
type readable struct{ *memory }

func (r readable) Log(context.Context) (store.LogHead, error) {
	return store.LogHead{Size: int64(len(r.records))}, nil
}

func TestVerifyNamesAppendedRecords(t *testing.T) {
	// A record that was put in the place of a committed one, after a cut, with
	// all its hashes.
	m, vkey := signed(t, 5)
	forged := newMemory(t, 4)
	forged.append(t, testEvent(t, 77))
	forged.checkpoint = m.checkpoint
	_, err := Verify(t.Context(), forged, vkey)
	wantRecord(t, err, 1, 5)
}

func TestVerifyComparesTheHead(t *testing.T) {
	m, vkey := signed(t, 5)
	m.root = &[32]byte{1}
	if _, err := Verify(t.Context(), m, vkey); err == nil || !strings.Contains(err.Error(), "root") {
		t.Fatalf("got %v, want the root named", err)
	}
}

func TestVerifyWithoutCheckpoint(t *testing.T) {
	_, vkey := testKey(t)
	if _, err := Verify(t.Context(), newMemory(t, 3), vkey); !errors.Is(err, ErrNoCheckpoint) {
		t.Fatalf("got %v, want ErrNoCheckpoint", err)
	}
}

func TestVerifyReportsTrouble(t *testing.T) {
	m, vkey := signed(t, 3)
	m.fail = store.ErrUnavailable
	_, err := Verify(t.Context(), m, vkey)
	var bad *BadRecord
	if !errors.Is(err, store.ErrUnavailable) || errors.As(err, &bad) {
		t.Fatalf("got %v, want ErrUnavailable and no record named", err)
	}
}

// TestThreat43 is row 43 of the threats: an admin edits, cuts or reorders the
// log; verify names the record.
func TestThreat43EditedLogIsNamed(t *testing.T) {
	edits := map[string]struct {
		edit func(m *memory)
		want uint64
	}{
		"flip":    {func(m *memory) { m.records[4][20] ^= 4 }, 5},
		"cut":     {func(m *memory) { m.records = m.records[:10] }, 11},
		"reorder": {func(m *memory) { m.records[6], m.records[7] = m.records[7], m.records[6] }, 7},
		"remove":  {func(m *memory) { m.records = slices.Delete(m.records, 1, 2) }, 2},
	}
	for name, tt := range edits {
		t.Run(name, func(t *testing.T) {
			m, vkey := signed(t, 12)
			head, err := m.Log(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tt.edit(m)
			if name == "remove" { // the head still counts twelve
				m.records = append(m.records, nil)
			}
			m.root = &head.Root
			_, err = Verify(t.Context(), m, vkey)
			wantRecord(t, err, tt.want, tt.want)
		})
	}
}
