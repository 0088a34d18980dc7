package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/assay-pki/assay/store"
)

// exported is a copy of a log of so many records, so many of them after the
// checkpoint.
func exported(t *testing.T, records, beyond int) (dir, vkey string) {
	t.Helper()
	m, vkey := signed(t, records-beyond)
	m.grow(t, beyond)
	dir = filepath.Join(t.TempDir(), "export")
	r, err := Export(t.Context(), m, vkey, dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Checkpoint.Size != int64(records-beyond) || r.Beyond != uint64(beyond) {
		t.Fatalf("Export = %+v, want %d records and %d beyond", r, records-beyond, beyond)
	}
	return dir, vkey
}

func readFile(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func replaceFile(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestExport(t *testing.T) {
	for _, size := range []struct{ records, beyond int }{{1, 0}, {7, 0}, {9, 3}, {pageRecords + 5, 2}} {
		dir, vkey := exported(t, size.records, size.beyond)
		for _, key := range []string{vkey, ""} {
			r, err := VerifyExport(t.Context(), dir, key)
			if err != nil || r.Checkpoint.Size != int64(size.records-size.beyond) || r.Beyond != uint64(size.beyond) {
				t.Errorf("%+v: VerifyExport = %+v, %v", size, r, err)
			}
		}
	}
}

func TestExportIsPrivateAndWhole(t *testing.T) {
	m, vkey := signed(t, 3)
	parent := t.TempDir()
	dir := filepath.Join(parent, "export")
	if err := os.Mkdir(dir, 0o755); err != nil { // empty: may be replaced
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), m, vkey, dir); err != nil {
		t.Fatal(err)
	}
	var names []string
	err := filepath.WalkDir(parent, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == parent {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", entry.Name(), info.Mode())
		}
		names = append(names, entry.Name())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(names, " "), "export checkpoint events.cbor hashes log.pub"; got != want {
		t.Errorf("got files %s, want %s", got, want)
	}
	before := readFile(t, dir, eventsFile)
	m.grow(t, 1)
	if _, err := Export(t.Context(), m, vkey, dir); err == nil || !bytes.Equal(readFile(t, dir, eventsFile), before) {
		t.Errorf("Export over another export = %v, want an error and the files left", err)
	}
}

func TestExportLeavesNothingAfterAFailure(t *testing.T) {
	m, vkey := signed(t, 5)
	m.records[2][0] ^= 1 // does not decode
	parent := t.TempDir()
	_, err := Export(t.Context(), m, vkey, filepath.Join(parent, "export"))
	if !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestVerifyExportNamesEveryFlippedOctet(t *testing.T) {
	const records, beyond = 6, 2
	dir, vkey := exported(t, records, beyond)
	var ends []int // of the records
	events := readFile(t, dir, eventsFile)
	for n := uint64(1); n <= records; n++ {
		end := len(testEvent(t, n))
		if len(ends) > 0 {
			end += ends[len(ends)-1]
		}
		ends = append(ends, end)
	}
	if ends[records-1] != len(events) {
		t.Fatalf("events.cbor has %d octets, want %d", len(events), ends[records-1])
	}
	recordAt := func(name string, i int) uint64 {
		n := 0
		switch name {
		case eventsFile:
			for i >= ends[n] {
				n++
			}
		case hashesFile:
			n = i / sha256.Size
		}
		return uint64(n) + 1
	}
	masks := []byte{0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}
	if testing.Short() {
		masks = []byte{0x01, 0x20}
	}
	for _, name := range []string{eventsFile, hashesFile, checkpointFile, keyFile} {
		good := readFile(t, dir, name)
		for i := range good {
			for _, mask := range masks {
				flipped := bytes.Clone(good)
				flipped[i] ^= mask
				replaceFile(t, dir, name, flipped)
				_, err := VerifyExport(t.Context(), dir, "")
				switch name {
				case eventsFile, hashesFile:
					wantRecord(t, err, recordAt(name, i), recordAt(name, i))
				default:
					if !errors.Is(err, ErrCheckpoint) && !errors.Is(err, ErrKey) {
						t.Errorf("%s, octet %d, mask %02x: got %v", name, i, mask, err)
					}
				}
				if _, err := VerifyExport(t.Context(), dir, vkey); err == nil {
					t.Errorf("%s, octet %d, mask %02x: accepted by the known key", name, i, mask)
				}
			}
		}
		replaceFile(t, dir, name, good)
	}
	if _, err := VerifyExport(t.Context(), dir, vkey); err != nil {
		t.Fatalf("restored: %v", err)
	}
}

func TestVerifyExportNamesTheRecord(t *testing.T) {
	record := func(n uint64) []byte { return testEvent(t, n) }
	item := func(v any) []byte {
		b, err := cbor.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	upTo := func(n uint64) (b []byte) {
		for i := uint64(1); i <= n; i++ {
			b = append(b, record(i)...)
		}
		return b
	}
	hash := func(n uint64) []byte {
		h := sha256.Sum256(append([]byte{0}, record(n)...))
		return h[:]
	}
	hashes := func(n uint64) (b []byte) {
		for i := uint64(1); i <= n; i++ {
			b = append(b, hash(i)...)
		}
		return b
	}
	tests := []struct {
		name           string
		events, hashes []byte // nil: as exported
		want           uint64
		says           string
	}{
		{"tail cut", upTo(5), nil, 6, "missing"},
		{"tail cut from both", upTo(5), hashes(5), 6, "missing"},
		{"tail cut within a record", upTo(6)[:len(upTo(6))-1], nil, 6, "CBOR"},
		{"everything cut", []byte{}, nil, 1, "missing"},
		{"everything cut from both", []byte{}, []byte{}, 1, "missing"},
		{"hashes cut", nil, hashes(3), 4, "no hash"},
		{"hashes cut within one", nil, hashes(6)[:6*32-1], 6, "no hash"},
		{"hashes appended", nil, append(hashes(6), hash(1)...), 7, "missing"},
		{"octets after the hashes", nil, append(hashes(6), 1, 2), 7, "whole hash"},
		{"record removed", append(upTo(2), upTo(6)[len(upTo(3)):]...), nil, 3, "leaf"},
		{"records swapped", bytes.Join([][]byte{upTo(2), record(4), record(3), record(5), record(6)}, nil), nil, 3, "leaf"},
		{
			"records swapped with their hashes",
			bytes.Join([][]byte{upTo(2), record(4), record(3), record(5), record(6)}, nil),
			bytes.Join([][]byte{hashes(2), hash(4), hash(3), hash(5), hash(6)}, nil), 1, "signed root",
		},
		{"record appended", append(upTo(6), record(7)...), nil, 7, "appended"},
		{"record repeated", append(upTo(6), record(6)...), nil, 7, "appended"},
		{"zero appended", append(upTo(6), 0), nil, 7, "appended"},
		{"garbage appended", append(upTo(6), 0xff), nil, 7, "CBOR"},
		{"endless string appended", append(upTo(6), 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), nil, 7, "CBOR"},
		{"deep nesting appended", append(upTo(6), bytes.Repeat([]byte{0x81}, 5000)...), nil, 7, "CBOR"},
		{"over-long item", append(upTo(2), item(make([]byte, maxRecordBytes))...), nil, 3, "CBOR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, vkey := exported(t, 6, 0)
			if tt.events != nil {
				replaceFile(t, dir, eventsFile, tt.events)
			}
			if tt.hashes != nil {
				replaceFile(t, dir, hashesFile, tt.hashes)
			}
			_, err := VerifyExport(t.Context(), dir, vkey)
			last := tt.want
			if tt.says == "signed root" {
				last = 6
			}
			wantRecord(t, err, tt.want, last)
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %q, want it to say %q", err, tt.says)
			}
		})
	}
}

// TestVerifyExportSaysWhomToBelieve: a record that differs from its hash was
// changed itself only if the hashes are those of the signed root.
func TestVerifyExportSaysWhomToBelieve(t *testing.T) {
	const doubt = "hashes are not those of the signed root"
	for _, name := range []string{eventsFile, hashesFile} {
		dir, vkey := exported(t, 6, 1)
		b := readFile(t, dir, name)
		b[40] ^= 1
		replaceFile(t, dir, name, b)
		_, err := VerifyExport(t.Context(), dir, vkey)
		if err == nil || strings.Contains(err.Error(), doubt) != (name == hashesFile) {
			t.Errorf("%s changed: got %v", name, err)
		}
	}
}

func TestVerifyExportRefusesWhatIsNoEvent(t *testing.T) {
	skey, vkey := testKey(t)
	m := newMemory(t, 3)
	strange, err := cbor.Marshal(map[int]string{1: "certificate.issued"})
	if err != nil {
		t.Fatal(err)
	}
	m.append(t, strange)
	if _, err := m.checkpointer(t, skey).Sign(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replaceFile(t, dir, eventsFile, bytes.Join(m.records, nil))
	replaceFile(t, dir, checkpointFile, m.checkpoint)
	replaceFile(t, dir, keyFile, []byte(vkey+"\n"))
	_, err = VerifyExport(t.Context(), dir, vkey)
	wantRecord(t, err, 4, 4)
	if !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt within", err)
	}
}

func TestVerifyExportWithoutHashes(t *testing.T) {
	dir, vkey := exported(t, 6, 1)
	if err := os.Remove(filepath.Join(dir, hashesFile)); err != nil {
		t.Fatal(err)
	}
	r, err := VerifyExport(t.Context(), dir, vkey)
	if err != nil || r.Checkpoint.Size != 5 || r.Beyond != 1 {
		t.Fatalf("got %+v, %v", r, err)
	}
	b := readFile(t, dir, eventsFile)
	b[len(b)/2] ^= 1
	replaceFile(t, dir, eventsFile, b)
	var bad *BadRecord
	if _, err := VerifyExport(t.Context(), dir, vkey); !errors.As(err, &bad) {
		t.Fatalf("flipped: got %v, want a BadRecord", err)
	}
}

func TestVerifyExportRefusesFiles(t *testing.T) {
	for _, name := range []string{eventsFile, checkpointFile, keyFile} {
		dir, vkey := exported(t, 3, 0)
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := VerifyExport(t.Context(), dir, vkey); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("without %s: got %v, want ErrNotExist", name, err)
		}
	}
	dir, vkey := exported(t, 3, 0)
	replaceFile(t, dir, keyFile, bytes.Repeat([]byte("x"), maxKeyBytes+1))
	if _, err := VerifyExport(t.Context(), dir, vkey); err == nil {
		t.Error("a long log.pub was accepted")
	}
	dir, _ = exported(t, 3, 0)
	if _, err := VerifyExport(t.Context(), dir, "other"); !errors.Is(err, ErrKey) {
		t.Errorf("another key: got %v, want ErrKey", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := VerifyExport(ctx, dir, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// TestGolden reads a copy that lies in the repository: what is written today
// must be readable by later versions, octet for octet.
func TestGolden(t *testing.T) {
	const size = 11
	golden := filepath.Join("testdata", "golden")
	r, err := VerifyExport(t.Context(), golden, "")
	if err != nil || r.Checkpoint.Size != size {
		t.Fatalf("got %+v, %v", r, err)
	}
	dir, _ := exported(t, size, 0)
	for _, name := range []string{eventsFile, hashesFile, checkpointFile, keyFile} {
		if !bytes.Equal(readFile(t, dir, name), readFile(t, golden, name)) {
			t.Errorf("%s is written in other octets than before", name)
		}
	}
	// The root and the signature by arithmetic that is not this package's.
	var leaves [][]byte
	for h := readFile(t, golden, hashesFile); len(h) > 0; h = h[32:] {
		leaves = append(leaves, h[:32])
	}
	if root := rfc6962(leaves); !bytes.Equal(root, r.Checkpoint.Root[:]) {
		t.Errorf("root %x, RFC 6962 gives %x", r.Checkpoint.Root, root)
	}
	text, sigs, _ := strings.Cut(string(readFile(t, golden, checkpointFile)), "\n\n")
	fields := strings.Fields(sigs)
	sig, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil {
		t.Fatal(err)
	}
	vkey := strings.SplitN(strings.TrimSpace(string(readFile(t, golden, keyFile))), "+", 3)
	public, err := base64.StdEncoding.DecodeString(vkey[2])
	if err != nil {
		t.Fatal(err)
	}
	if !ed25519.Verify(public[1:], []byte(text+"\n"), sig[4:]) {
		t.Error("the signature is not Ed25519 over the text")
	}
}

// rfc6962 is the recursive definition of §2.1, over leaf hashes.
func rfc6962(leaves [][]byte) []byte {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	h := sha256.New()
	h.Write([]byte{1})
	h.Write(rfc6962(leaves[:k]))
	h.Write(rfc6962(leaves[k:]))
	return h.Sum(nil)
}

func FuzzVerifyExport(f *testing.F) {
	m, _ := signed(f, 4)
	events := bytes.Join(m.records, nil)
	var hashes []byte
	for _, record := range m.records {
		h := sha256.Sum256(append([]byte{0}, record...))
		hashes = append(hashes, h[:]...)
	}
	f.Add(events, hashes)
	f.Add(events[:len(events)-3], hashes)
	f.Add(append(bytes.Clone(events), 0xa0), hashes[:33])
	f.Add([]byte{0x9f, 0xff, 0xa1}, []byte{})
	head, err := m.Log(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	checkpoint := Checkpoint{Origin: testOrigin, Size: head.Size, Root: head.Root}
	f.Fuzz(func(t *testing.T, e, h []byte) {
		_, err := verifyCopy(t.Context(), checkpoint, bytes.NewReader(e), bytes.NewReader(h))
		good := bytes.HasPrefix(e, events) && bytes.HasPrefix(h, hashes)
		if err == nil && !good {
			t.Fatalf("accepted: %x and %x", e, h)
		}
		var bad *BadRecord
		if err != nil && !errors.As(err, &bad) {
			t.Fatalf("no record named: %v", err)
		}
		if bytes.Equal(e, events) && bytes.Equal(h, hashes) && err != nil {
			t.Fatal(err)
		}
	})
}
