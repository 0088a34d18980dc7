package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/assay-pki/assay/api/client"
	"github.com/assay-pki/assay/api/server"
	v1 "github.com/assay-pki/assay/api/v1"
)

// These tests run nodes as processes of their own: only those can be killed,
// traced and told to stop. The test binary is the node when nodeDir is set.
const (
	nodeDir  = "ASSAY_TEST_NODE_DIR"
	nodeHTTP = "ASSAY_TEST_NODE_HTTP"
)

// patience bounds every wait for something that takes milliseconds on a quiet
// machine: long enough for two busy cores, and for a node under the race detector
// to open its keys.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	if dir := os.Getenv(nodeDir); dir != "" {
		os.Exit(runNode(dir, os.Getenv(nodeHTTP)))
	}
	os.Exit(runTests(m))
}

// runNode serves until it is told to stop. It says its addresses in one line
// on stdout, and ends with the test that started it: stdin is a pipe from it.
func runNode(dir, http string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	c := config(dir, http)
	c.Log = slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c.Ready = func(at server.Addresses) { _ = json.NewEncoder(os.Stdout).Encode(at) }
	if err := server.Run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// config is a node on free ports, but for the one that certificates name.
func config(dir, http string) server.Config {
	const free = "127.0.0.1:0"
	return server.Config{
		Dir: dir, EST: free, Admin: free, HTTP: http, Metrics: free,
		Version: v1.Version{Version: "test"}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
}

// node is a running process.
type node struct {
	*authority
	at     server.Addresses
	api    *client.Client
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr *lockedBuffer
	ended  chan error
}

// start runs a node and waits until it is ready.
func (a *authority) start(t *testing.T) *node {
	t.Helper()
	return a.startAs(t)
}

// startAs runs it below another program, as a tracer.
func (a *authority) startAs(t *testing.T, wrapper ...string) *node {
	t.Helper()
	n := a.spawn(t, wrapper...)
	n.awaitReady(t)
	n.connect(t)
	return n
}

// spawn runs a node and waits until it has said its addresses.
func (a *authority) spawn(t *testing.T, wrapper ...string) *node {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := append(wrapper, self, "-test.run=^$")
	n := &node{authority: a, cmd: exec.Command(command[0], command[1:]...), stderr: new(lockedBuffer), ended: make(chan error, 1)}
	n.cmd.Env = append(os.Environ(), nodeDir+"="+a.dir, nodeHTTP+"="+a.http)
	n.cmd.Stderr = n.stderr
	if n.stdin, err = n.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1)
	n.cmd.Stdout = &firstLine{line: lines}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { n.ended <- n.cmd.Wait() }()
	t.Cleanup(func() { n.end(t) })
	n.awaitUp(t, lines)
	return n
}

func (n *node) awaitUp(t *testing.T, lines <-chan string) {
	t.Helper()
	select {
	case line := <-lines:
		if err := json.Unmarshal([]byte(line), &n.at); err != nil {
			t.Fatalf("the node said %q: %v", line, err)
		}
	case err := <-n.ended:
		n.ended <- err
		t.Fatalf("the node ended: %v\n%s", err, n.stderr)
	case <-time.After(patience):
		t.Fatalf("the node is not up after %s\n%s", patience, n.stderr)
	}
}

func (n *node) awaitReady(t *testing.T) {
	t.Helper()
	eventually(t, "ready", func() error {
		res, err := http.Get("http://" + n.at.HTTP + "/readyz")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%d %s %w", res.StatusCode, body, err)
		}
		return err
	})
}

func (n *node) connect(t *testing.T) {
	t.Helper()
	credential, err := client.LoadCredential(n.file("operators/admin"))
	if err != nil {
		t.Fatal(err)
	}
	if n.api, err = client.New(client.Config{URL: "https://" + n.at.Admin, Credential: credential, Timeout: patience}); err != nil {
		t.Fatal(err)
	}
	// Handshakes wait until the TLS key is open; under the race detector that
	// takes longer than a handshake may.
	eventually(t, "the admin API answers", func() error {
		_, err := n.api.Whoami(t.Context())
		return err
	})
}

// kill ends it as a power cut would, but for what the page cache keeps.
func (n *node) kill(t *testing.T) {
	t.Helper()
	if err := n.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	n.await(t)
}

// stop tells it to end, and wants it to end well.
func (n *node) stop(t *testing.T) {
	t.Helper()
	n.api.Close() // HTTP/2 says good-bye for a second
	n.terminate(t)
	if err := n.await(t); err != nil {
		t.Fatalf("the node ended with %v\n%s", err, n.stderr)
	}
}

func (n *node) terminate(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(n.at.PID, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func (n *node) await(t *testing.T) error {
	t.Helper()
	select {
	case err := <-n.ended:
		n.ended <- err
		n.api.Close()
		return err
	case <-time.After(patience):
		t.Fatalf("the node has not ended after %s\n%s", patience, n.stderr)
		return nil
	}
}

// end makes sure that nothing is left of it, and that it never panicked.
func (n *node) end(t *testing.T) {
	_ = n.stdin.Close() // the node ends with it, whatever wraps it
	select {
	case <-n.ended:
	case <-time.After(patience):
		_ = n.cmd.Process.Kill()
		t.Error("the node did not end with its test")
	}
	for _, bad := range []string{"panic", "DATA RACE", "goroutine "} {
		if bytes.Contains(n.stderr.Bytes(), []byte(bad)) {
			t.Errorf("the node's log has %q:\n%s", bad, n.stderr)
			return
		}
	}
	if t.Failed() {
		t.Logf("the node's log:\n%s", n.stderr)
	}
}

// eventually asks until it is so. It is for what another process does.
func eventually(t *testing.T, what string, so func() error) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := so()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		case <-again.C:
		}
	}
}

// firstLine hands on the first line that is written to it.
type firstLine struct {
	buffer bytes.Buffer
	line   chan<- string
}

func (f *firstLine) Write(p []byte) (int, error) {
	if f.line == nil {
		return len(p), nil
	}
	f.buffer.Write(p)
	if line, err := bufio.NewReader(bytes.NewReader(f.buffer.Bytes())).ReadString('\n'); err == nil {
		f.line <- line
		f.line = nil
	}
	return len(p), nil
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

func (l *lockedBuffer) String() string { return string(l.Bytes()) }

// wantReason wants an error of the admin API to be this refusal.
func wantReason(t *testing.T, what string, err error, want v1.Reason) {
	t.Helper()
	r, ok := errors.AsType[*v1.Refusal](err)
	if !ok || r.Reason != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}
