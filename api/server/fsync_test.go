package server_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/assay-pki/assay/enroll/wire"
)

// kill -9 does not show that an answer was durable: the page cache survives it.
// What the kernel was asked for, in which order, does.

// traced runs a node below strace, which writes what it sees to the file.
func traced(t *testing.T, a *authority) (*node, string) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed")
	}
	trace := filepath.Join(t.TempDir(), "trace")
	options := []string{"strace", "-f", "-qq", "-s", "4", "-yy", "-e", "trace=fsync,fdatasync,write,writev", "-o", trace}
	if out, err := exec.CommandContext(t.Context(), options[0], append(options[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("strace may not trace here: %v %s", err, out)
	}
	return a.startAs(t, options...), trace
}

// act is something that a traced node did: an answer, or a sync of its store.
type act byte

const (
	answered act = 'a'
	synced   act = 's'
)

// traceLine is "PID call(FD<what>…" or "PID <… call resumed>…".
var traceLine = regexp.MustCompile(`^(\d+) +(?:(\w+)\(\d+<(.*?)>(?:,|\)| <unf)|<\.\.\. (\w+) resumed>)(.*)$`)

// acts reads a trace: answers are records of application data (RFC 8446 §5.1)
// written to a connection of the EST listener, when the call is begun; syncs are
// those of the store that have returned.
func (n *node) acts(t *testing.T, trace string) []act {
	t.Helper()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	store := n.authority.file("assay.db")
	// Shorter records are good-byes.
	record := regexp.MustCompile(`"\\27\\3\\3.*, \d{3,}(?:\)| <unf)`)
	// pending are the threads that are in a sync of the store.
	pending := map[string]bool{}
	var all []act
	for line := range bytes.Lines(text) {
		m := traceLine.FindStringSubmatch(strings.TrimSuffix(string(line), "\n"))
		if m == nil {
			continue
		}
		thread, call, what, resumed, rest := m[1], m[2], m[3], m[4], m[5]
		switch {
		case strings.HasSuffix(call, "sync") && what == store:
			pending[thread] = strings.HasSuffix(string(line), "unfinished ...>\n")
			if strings.HasSuffix(rest, "= 0") {
				all = append(all, synced)
			}
		case strings.HasSuffix(resumed, "sync") && pending[thread]:
			pending[thread] = false
			if strings.HasSuffix(rest, "= 0") {
				all = append(all, synced)
			}
		case strings.HasPrefix(call, "write") && strings.Contains(what, "["+n.at.EST+"->") && record.Match(line):
			all = append(all, answered)
		}
	}
	return all
}

// commitSyncs is what one commit needs: the pages, then the meta page that makes
// them count.
const commitSyncs = 2

// TestThreat39FsyncBeforeEachAnswer: on one connection there is a whole commit
// between any two answers, and so before each.
func TestThreat39FsyncBeforeEachAnswer(t *testing.T) {
	t.Parallel()
	const count = 20
	n, trace := traced(t, newAuthority(t))
	n.product(t, sensor, "")
	all := n.applicants(t, 0, count)
	web := n.web(t)
	for _, a := range all {
		r, err := n.ask(t.Context(), web, wire.OpSimpleEnroll, sensor, "", a.token, a.csr)
		if err != nil || r.cert == nil {
			t.Fatal(r, err)
		}
	}
	n.stop(t)
	acts := n.acts(t, trace)
	// The tail from the last answer but count: what is before is the handshake
	// and the tokens' acts.
	from, answers := len(acts), 0
	for from > 0 && answers < count {
		if from--; acts[from] == answered {
			answers++
		}
	}
	if answers < count {
		t.Fatalf("%d answers in the trace, want %d: %s", answers, count, acts)
	}
	syncs := commitSyncs // before the first: the tokens' acts, or its own
	for i, a := range acts[from:] {
		switch {
		case a == synced:
			syncs++
		case syncs < commitSyncs:
			t.Fatalf("an answer before its commit was synced: act %d of %s", from+i, acts)
		default:
			syncs = 0
		}
	}
}

// TestThreat39FewerFsyncsThanAnswers: 64 at a time share them.
func TestThreat39FewerFsyncsThanAnswers(t *testing.T) {
	t.Parallel()
	const count = 256
	n, trace := traced(t, newAuthority(t))
	n.product(t, sensor, "")
	all := n.applicants(t, 0, count)
	before := len(n.acts(t, trace))
	if got := n.storm(t, all, 0, func() {}); got != count {
		t.Fatalf("%d were answered, want %d", got, count)
	}
	n.stop(t)
	answers, syncs := 0, 0
	for _, a := range n.acts(t, trace)[before:] {
		if a == synced {
			syncs++
		} else {
			answers++
		}
	}
	t.Logf("%d answers (with the tickets of new connections), %d syncs of the store", answers, syncs)
	if answers < count || syncs == 0 || syncs >= count {
		t.Errorf("%d syncs for %d certificates, want fewer and at least one", syncs, count)
	}
}

func (a act) String() string { return fmt.Sprintf("%c", byte(a)) }
