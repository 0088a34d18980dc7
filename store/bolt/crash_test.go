package bolt

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/storetest"
)

// TestKill kills a process with 64 writers at a random moment, again and again:
// what it had acknowledged is there, the file is whole, and the next process
// goes on with it.
func TestKill(t *testing.T) {
	rounds := 5
	if torture() {
		rounds = 60
	}
	cfg := testConfig(t)
	s := createTest(t, cfg)
	found(t, s)
	startLine(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	total := 0
	for round := range rounds {
		life := 30*time.Millisecond + rand.N(170*time.Millisecond)
		acknowledged, held := killedRound(t, cfg.Path, round, life)
		total += len(acknowledged)
		if err := Verify(t.Context(), cfg); err != nil {
			t.Fatalf("round %d, killed after %v: %v", round, life, err)
		}
		checkAcknowledged(t, cfg, acknowledged, held, total)
	}
	if total == 0 {
		t.Error("nothing was acknowledged in any round: the test tests nothing")
	}
	t.Logf("%d acknowledged certificates in %d rounds", total, rounds)
}

// startLine makes the batch and the station of the killed line.
func startLine(t *testing.T, s *Store) {
	t.Helper()
	by := store.Actor{Principal: "node", At: testTime()}
	n := store.NewBatch{Batch: store.Batch{Name: killedBatch, Product: "sensor", Quota: 1 << 30}, By: by}
	if _, err := s.CreateBatch(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	p := store.PutStation{Name: killedStation, Spec: store.StationSpec{Quota: 1 << 30}, By: by}
	if _, err := s.PutStation(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

// killedRound runs a child, kills it and returns the indices that it had printed.
func killedRound(t *testing.T, path string, round int, life time.Duration) (acknowledged, held []uint64) {
	t.Helper()
	cmd := child(t, "issue", path, fmt.Sprintf("%s=%d", roundEnv, round))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // a line that was cut off was not acknowledged
		}
		var index uint64
		if _, err := fmt.Sscan(line, &index); err != nil {
			t.Fatalf("child says %q", line)
		}
		if strings.HasSuffix(line, "held\n") {
			held = append(held, index)
		} else {
			acknowledged = append(acknowledged, index)
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("child ended by itself: %v", err)
	}
	return acknowledged, held
}

// checkAcknowledged: what was acknowledged, in this round and all before, is
// there and was counted; Check compares the counters with the devices.
func checkAcknowledged(t *testing.T, cfg Config, acknowledged, held []uint64, total int) {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, index := range acknowledged {
		if _, err := s.Certificate(t.Context(), store.Ref{Issuer: 1, Index: index}); err != nil {
			t.Errorf("acknowledged certificate %d: %v", index, err)
		}
	}
	for _, index := range held {
		c, err := s.Certificate(t.Context(), store.Ref{Issuer: 1, Index: index})
		if err != nil || c.Status != store.Held {
			t.Errorf("acknowledged hold of %d: status %d, %v", index, c.Status, err)
		}
	}
	b, err := s.Batch(t.Context(), killedBatch)
	if err != nil || b.Used < uint64(total) {
		t.Errorf("batch counts %d devices (%v), %d were acknowledged", b.Used, err, total)
	}
	storetest.Check(t, s)
}

// TestSecondProcess: the file has one writer, and the loser is told so.
func TestSecondProcess(t *testing.T) {
	cfg := testConfig(t)
	if err := createTest(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	cmd := child(t, "keep", cfg.Path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatalf("child says %q, %v", line, err)
	}
	for _, open := range []func(Config) (*Store, error){Open, OpenReadOnly} {
		_, err := open(cfg)
		if !errors.Is(err, ErrInUse) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("error is %v, want %v", err, ErrInUse)
		}
	}
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Fatal(err)
	}
	// It lets go while we wait for the lock.
	s, err := Open(cfg)
	if err != nil {
		t.Fatalf("open while the other one closes: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
