package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-pki/assay/store"
)

const testOrigin = "assay/6f1d2c3b4a596877/0"

// counter is a reader that is the same on every run: a key of tests alone.
type counter struct{ n byte }

func (c *counter) Read(b []byte) (int, error) {
	for i := range b {
		c.n++
		b[i] = c.n
	}
	return len(b), nil
}

func testKey(t testing.TB) (skey, vkey string) {
	t.Helper()
	skey, vkey, err := NewLogKey(new(counter), testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	return skey, vkey
}

// testEvent is event number seq, the same on every run.
func testEvent(t testing.TB, seq uint64) []byte {
	t.Helper()
	kinds := store.EventKinds()
	e := store.Event{
		Name:   kinds[int(seq)%len(kinds)].Name,
		Time:   time.Date(2026, 3, 1, 12, 0, int(seq), 0, time.UTC),
		Actor:  "operator:admin",
		Source: "192.0.2.7",
		Object: fmt.Sprintf("sensor/SN-%04d", seq),
		Detail: map[string]string{"sha256": fmt.Sprintf("%064x", seq)},
	}
	binary.BigEndian.PutUint64(e.Salt[8:], seq)
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// memory is a log in memory, as a store keeps it.
type memory struct {
	mu         sync.Mutex
	records    [][]byte
	hashes     [][32]byte
	root       *[32]byte // instead of the true one
	checkpoint []byte
	puts       int
	// fail is what the next calls answer.
	fail error
	// stored: a failing PutCheckpoint stores all the same.
	stored bool
}

func newMemory(t testing.TB, records int) *memory {
	t.Helper()
	m := new(memory)
	m.grow(t, records)
	return m
}

func (m *memory) grow(t testing.TB, records int) {
	t.Helper()
	for range records {
		m.append(t, testEvent(t, uint64(len(m.records))+1))
	}
}

func (m *memory) append(t testing.TB, record []byte) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	hashes, err := tlog.StoredHashes(int64(len(m.records)), record, m.reader())
	if err != nil {
		t.Fatal(err)
	}
	m.records = append(m.records, record)
	for _, h := range hashes {
		m.hashes = append(m.hashes, h)
	}
}

func (m *memory) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, i := range indexes {
			hashes = append(hashes, m.hashes[i])
		}
		return hashes, nil
	})
}

func (m *memory) clone() *memory {
	c := &memory{hashes: slices.Clone(m.hashes), checkpoint: bytes.Clone(m.checkpoint)}
	for _, r := range m.records {
		c.records = append(c.records, bytes.Clone(r))
	}
	return c
}

func (m *memory) Log(context.Context) (store.LogHead, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return store.LogHead{}, m.fail
	}
	head := store.LogHead{Size: int64(len(m.records))}
	root, err := tlog.TreeHash(head.Size, m.reader())
	head.Root = root
	if m.root != nil {
		head.Root = *m.root
	}
	return head, err
}

func (m *memory) LogHashes(_ context.Context, indexes []int64) ([][32]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(indexes) > store.MaxPage {
		return nil, fmt.Errorf("%d hashes: %w", len(indexes), store.ErrLimit)
	}
	var hashes [][32]byte
	for _, i := range indexes {
		if i < 0 || i >= int64(len(m.hashes)) {
			return nil, fmt.Errorf("hash %d: %w", i, store.ErrNotFound)
		}
		hashes = append(hashes, m.hashes[i])
	}
	return hashes, nil
}

func (m *memory) Checkpoint(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.checkpoint == nil {
		return nil, fmt.Errorf("checkpoint: %w", store.ErrNotFound)
	}
	return m.checkpoint, nil
}

func (m *memory) PutCheckpoint(_ context.Context, checkpoint []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil || m.stored {
		m.checkpoint = checkpoint
		m.puts++
	}
	return m.fail
}

func (m *memory) Events(_ context.Context, after uint64, limit int) ([]store.Event, error) {
	if limit < 1 || limit > store.MaxPage {
		return nil, store.ErrLimit
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var events []store.Event
	for seq := after + 1; seq <= uint64(len(m.records)) && len(events) < limit; seq++ {
		record := m.records[seq-1]
		if record == nil { // removed
			continue
		}
		event, err := store.DecodeEvent(seq, record)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

func (m *memory) checkpointer(t testing.TB, skey string) *Checkpointer {
	t.Helper()
	c, err := NewCheckpointer(Config{
		Store: m, Key: skey, Origin: testOrigin, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// signed is a log of so many records with a checkpoint over all of them.
func signed(t testing.TB, records int) (m *memory, vkey string) {
	t.Helper()
	skey, vkey := testKey(t)
	m = newMemory(t, records)
	if _, err := m.checkpointer(t, skey).Sign(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m, vkey
}

// wantRecord checks that an error names record n, or a range that holds it.
func wantRecord(t testing.TB, err error, first, last uint64) {
	t.Helper()
	var bad *BadRecord
	if !errors.As(err, &bad) {
		t.Fatalf("got error %v, want one that names record %d", err, first)
	}
	if bad.First != first || bad.Last != last {
		t.Fatalf("got %v, want records %d to %d named", err, first, last)
	}
}
