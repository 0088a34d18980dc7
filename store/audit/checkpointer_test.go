package audit

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assay-pki/assay/store"
)

func TestSign(t *testing.T) {
	skey, vkey := testKey(t)
	m := newMemory(t, 0)
	c := m.checkpointer(t, skey)
	if did, err := c.Sign(t.Context()); did || err != nil {
		t.Fatalf("empty log: Sign = %t, %v, want nothing signed", did, err)
	}
	for _, size := range []int{1, 2, 5, 6, 64, 100} {
		m.grow(t, size-len(m.records))
		if did, err := c.Sign(t.Context()); !did || err != nil {
			t.Fatalf("%d records: Sign = %t, %v", size, did, err)
		}
		if did, err := c.Sign(t.Context()); did || err != nil {
			t.Fatalf("%d records again: Sign = %t, %v, want nothing signed", size, did, err)
		}
		got, err := OpenCheckpoint(m.checkpoint, vkey)
		head, headErr := m.Log(t.Context())
		want := Checkpoint{Origin: testOrigin, Size: int64(size), Root: head.Root}
		if err != nil || headErr != nil || got != want {
			t.Fatalf("%d records: checkpoint %+v, %v, want %+v", size, got, err, want)
		}
	}
}

func TestSignGoesOnAfterRestart(t *testing.T) {
	skey, _ := testKey(t)
	m, _ := signed(t, 5)
	if did, err := m.checkpointer(t, skey).Sign(t.Context()); did || err != nil {
		t.Fatalf("unchanged: Sign = %t, %v", did, err)
	}
	m.grow(t, 3)
	if did, err := m.checkpointer(t, skey).Sign(t.Context()); !did || err != nil {
		t.Fatalf("grown: Sign = %t, %v", did, err)
	}
}

func TestSignRefusesForks(t *testing.T) {
	skey, _ := testKey(t)
	cut := func(m *memory) { *m = *m.clone(); m.records = m.records[:4] }
	tests := map[string]func(m *memory){
		"cut":           cut,
		"cut and grown": func(m *memory) { cut(m); m.hashes = m.hashes[:7]; m.append(t, testEvent(t, 99)); m.grow(t, 5) },
		"other root":    func(m *memory) { m.root = &[32]byte{1} },
		"old hash": func(m *memory) {
			m.grow(t, 3)
			m.hashes[6][0] ^= 1 // the node over records 1 to 4
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			for restart, c := range map[string]bool{"restarted": true, "running": false} {
				m, _ := signed(t, 6)
				running := m.checkpointer(t, skey)
				if _, err := running.Sign(t.Context()); err != nil {
					t.Fatal(err)
				}
				before := string(m.checkpoint)
				change(m)
				running.config.Store = m
				if c {
					running = m.checkpointer(t, skey)
				}
				if _, err := running.Sign(t.Context()); !errors.Is(err, ErrForked) {
					t.Errorf("%s: Sign = %v, want ErrForked", restart, err)
				}
				if string(m.checkpoint) != before {
					t.Errorf("%s: a checkpoint was stored", restart)
				}
			}
		})
	}
}

func TestSignAfterFailingStore(t *testing.T) {
	skey, vkey := testKey(t)
	for _, stored := range []bool{false, true} {
		m := newMemory(t, 3)
		c := m.checkpointer(t, skey)
		if _, err := c.Sign(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.grow(t, 1)
		m.fail, m.stored = store.ErrUnavailable, stored
		if _, err := c.Sign(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("Sign = %v, want ErrUnavailable", err)
		}
		m.fail = nil
		m.grow(t, 1)
		if did, err := c.Sign(t.Context()); !did || err != nil {
			t.Fatalf("stored %t: Sign = %t, %v", stored, did, err)
		}
		if _, err := Verify(t.Context(), m, vkey); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNewCheckpointerRefuses(t *testing.T) {
	skey, vkey := testKey(t)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	tests := map[string]Config{
		"no store":      {Key: skey, Origin: testOrigin, Log: log},
		"no log":        {Store: new(memory), Key: skey, Origin: testOrigin},
		"public key":    {Store: new(memory), Key: vkey, Origin: testOrigin, Log: log},
		"other's key":   {Store: new(memory), Key: skey, Origin: "assay/0/1", Log: log},
		"nothing given": {},
	}
	for name, config := range tests {
		if _, err := NewCheckpointer(config); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRunSignsAtMostEachSecond(t *testing.T) {
	skey, vkey := testKey(t)
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, 1)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.checkpointer(t, skey).Run(ctx) }()
		step := func(d time.Duration, wantPuts int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.puts != wantPuts {
				t.Fatalf("%d checkpoints, want %d", m.puts, wantPuts)
			}
		}
		step(0, 1) // at once
		m.grow(t, 2)
		step(period-1, 1) // not before a second
		m.grow(t, 1)
		step(1, 2)
		step(10*period, 2) // nothing changed
		m.grow(t, 1)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		step(0, 3) // the last one at the end
		if r, err := Verify(context.WithoutCancel(t.Context()), m, vkey); err != nil || r.Checkpoint.Size != 5 || r.Beyond != 0 {
			t.Fatalf("Verify = %+v, %v", r, err)
		}
	})
}

func TestRunGoesOnAfterTrouble(t *testing.T) {
	skey, _ := testKey(t)
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, 1)
		m.fail = store.ErrUnavailable
		var said strings.Builder
		c := m.checkpointer(t, skey)
		c.config.Log = slog.New(slog.NewTextHandler(&said, nil))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		time.Sleep(5 * period)
		synctest.Wait()
		m.mu.Lock()
		m.fail = nil
		m.mu.Unlock()
		time.Sleep(2 * period)
		cancel()
		if err := <-done; err != nil || m.puts != 1 {
			t.Fatalf("Run = %v with %d checkpoints, want 1", err, m.puts)
		}
		if got := strings.Count(said.String(), "\n"); got != 2 {
			t.Errorf("%d lines logged, want one per change:\n%s", got, said.String())
		}
	})
}

func TestRunStopsAtAFork(t *testing.T) {
	skey, _ := testKey(t)
	m, _ := signed(t, 5)
	m.root = &[32]byte{1}
	if err := m.checkpointer(t, skey).Run(t.Context()); !errors.Is(err, ErrForked) {
		t.Fatalf("Run = %v, want ErrForked", err)
	}
}
