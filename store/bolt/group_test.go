package bolt

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/storetest"
)

// group runs acts in one transaction, while the writer has nothing to do.
func group(t *testing.T, s *Store, runs ...func(*writeTx) error) ([]*act, error) {
	t.Helper()
	var acts []*act
	for _, run := range runs {
		acts = append(acts, &act{ctx: t.Context(), run: run})
	}
	return acts, s.commit(acts)
}

func issueAct(index uint64) func(*writeTx) error {
	n := &issue{Issuance: simpleIssuance(index)}
	if err := n.prepare(); err != nil {
		panic(err)
	}
	return n.run
}

func TestRefusedActLeavesNeighbours(t *testing.T) {
	s := createTest(t, testConfig(t))
	defer s.Close()
	found(t, s)
	commits := s.Stats().Commits
	acts, err := group(t, s, issueAct(1), issueAct(1), issueAct(2))
	if err != nil {
		t.Fatal(err)
	}
	if acts[0].err != nil || !errors.Is(acts[1].err, store.ErrExists) || acts[2].err != nil {
		t.Errorf("errors are %v, %v, %v", acts[0].err, acts[1].err, acts[2].err)
	}
	if got := s.Stats().Commits - commits; got != 1 {
		t.Errorf("%d commits, want 1", got)
	}
	storetest.Check(t, s)
}

func TestGroupOfRefusalsIsNotCommitted(t *testing.T) {
	s := createTest(t, testConfig(t))
	defer s.Close()
	before := s.Stats()
	if _, err := group(t, s, issueAct(1), issueAct(2)); err != nil { // no issuer yet
		t.Fatal(err)
	}
	if got := s.Stats(); got.Commits != before.Commits || got.Refused != before.Refused+2 {
		t.Errorf("stats are %+v, before %+v", got, before)
	}
}

// TestActThatFailsWhileWriting takes its group with it: a half-written act must
// never be committed.
func TestActThatFailsWhileWriting(t *testing.T) {
	for name, fault := range map[string]func(*writeTx) error{
		"error": func(*writeTx) error { return errors.New("disk on fire") },
		"panic": func(*writeTx) error { panic("disk on fire") },
	} {
		t.Run(name, func(t *testing.T) {
			s := createTest(t, testConfig(t))
			defer s.Close()
			found(t, s)
			half := func(w *writeTx) error {
				if err := w.put(tokenBucket, []byte("half"), []byte{format}); err != nil {
					return err
				}
				return fault(w)
			}
			if _, err := group(t, s, issueAct(1), half); !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("error is %v, want %v", err, store.ErrUnavailable)
			}
			if _, err := s.Certificate(t.Context(), store.Ref{Issuer: 1, Index: 1}); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("neighbour: %v, want %v", err, store.ErrNotFound)
			}
			if _, err := s.Issue(t.Context(), simpleIssuance(1)); err != nil {
				t.Errorf("later act: %v", err)
			}
			storetest.Check(t, s)
		})
	}
}

// TestDamageMetByAnAct is the act's own error as long as it has not written.
func TestDamageMetByAnAct(t *testing.T) {
	s := createTest(t, testConfig(t))
	defer s.Close()
	found(t, s)
	acts, err := group(t, s, issueAct(1), func(*writeTx) error { panic("page 7: invalid page type") }, issueAct(2))
	if err != nil || !errors.Is(acts[1].err, store.ErrCorrupt) || acts[0].err != nil || acts[2].err != nil {
		t.Errorf("group: %v, acts: %v, %v, %v", err, acts[0].err, acts[1].err, acts[2].err)
	}
	storetest.Check(t, s)
}

func TestCancelledActIsNotRun(t *testing.T) {
	s := createTest(t, testConfig(t))
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Issue(ctx, simpleIssuance(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
	a := &act{ctx: ctx, run: issueAct(1)}
	if err := s.commit([]*act{a}); err != nil || !errors.Is(a.err, context.Canceled) {
		t.Errorf("cancelled in the queue: %v, %v", err, a.err)
	}
}

func TestQueueTakesGroups(t *testing.T) {
	q := queue{ready: make(chan struct{}, 1)}
	for range maxGroup + 10 {
		q.push(&act{})
	}
	q.close()
	if q.push(&act{}) {
		t.Error("a closed queue took an act")
	}
	var sizes []int
	for g := q.take(nil, 0); len(g) > 0; g = q.take(g, 0) {
		sizes = append(sizes, len(g))
	}
	if fmt.Sprint(sizes) != fmt.Sprint([]int{maxGroup, 10}) {
		t.Errorf("groups of %v", sizes)
	}
}

// TestMaxSize: a full store refuses acts, stores none of them, and is read.
func TestMaxSize(t *testing.T) {
	cfg := testConfig(t)
	if err := createTest(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	cfg.MaxSize = 32 << 20
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	found(t, s)
	fillUp(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkClosed(t, cfg)
}

// fillUp issues until there is no room, then looks whether the store is whole.
func fillUp(t *testing.T, s *Store) {
	t.Helper()
	var err error
	last := 0
	for last = 0; err == nil && last < 40000; last++ {
		var acts []*act
		for i := range uint64(64) {
			acts = append(acts, &act{ctx: t.Context(), run: issueAct(uint64(last)*64 + i)})
		}
		err = s.commit(acts)
	}
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "space") {
		t.Fatalf("error of a full disk is %v, want %v and the next step", err, store.ErrUnavailable)
	}
	again := s.commit([]*act{{ctx: t.Context(), run: issueAct(1 << 30)}})
	if again != nil && !errors.Is(again, store.ErrUnavailable) {
		t.Errorf("one more act: %v", again)
	}
	for _, want := range []struct {
		index uint64
		err   error
	}{{0, nil}, {uint64(last-1)*64 - 1, nil}, {uint64(last-1) * 64, store.ErrNotFound}} {
		if _, err := s.Certificate(t.Context(), store.Ref{Issuer: 1, Index: want.index}); !errors.Is(err, want.err) {
			t.Errorf("certificate %d of a full store: %v, want %v", want.index, err, want.err)
		}
	}
	if err := s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}
