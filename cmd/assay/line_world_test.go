package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The programs run as processes: only those can be killed.

// worksPatience bounds every wait for another process.
const worksPatience = 60 * time.Second

// tortureEnv set to 1 makes tests of death long.
const tortureEnv = "ASSAY_TORTURE"

func torture() bool { return os.Getenv(tortureEnv) == "1" }

// works is an authority, its node, and a station of it: leipzig, line l3.
type works struct {
	t       *testing.T
	dir     string
	at      addresses
	node    *process
	station string
}

// process is a program that runs.
type process struct {
	*exec.Cmd
	stderr bytes.Buffer
	ended  chan error
}

// newWorks founds an authority and starts its node.
func newWorks(t *testing.T) *works {
	t.Helper()
	if testing.Short() || raceEnabled {
		t.Skip("runs the programs: without -short and -race")
	}
	w := &works{t: t, dir: t.TempDir(), station: "station"}
	w.want(exitOK, "init", "--yes", "--dir", "d", "--name", "Works")
	w.at = addresses{EST: "127.0.0.1:0", Admin: "127.0.0.1:0", HTTP: "127.0.0.1:0", Metrics: "127.0.0.1:0"}
	w.serve()
	t.Cleanup(func() {
		w.kill(w.node)
		if text := w.node.stderr.String(); strings.Contains(text, "goroutine ") || t.Failed() {
			t.Errorf("the node's log:\n%s", text)
		}
	})
	return w
}

func (w *works) path(name string) string { return filepath.Join(w.dir, name) }

func (w *works) write(name, text string) {
	w.t.Helper()
	path := w.path(name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *works) command(args ...string) *process {
	p := &process{Cmd: exec.Command("assay", args...), ended: make(chan error, 1)}
	p.Dir = w.dir
	// To the programs ASSAY_ is a setting.
	env := slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "ASSAY_") })
	p.Env = append(env, "HOME="+w.dir, "XDG_CONFIG_HOME="+w.dir, "ASSAY_DIR=d")
	p.Stderr = &p.stderr
	return p
}

func (w *works) start(args ...string) *process {
	w.t.Helper()
	p := w.command(args...)
	if err := p.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { p.ended <- p.Wait() }()
	return p
}

// kill ends a process as a power cut would, but for what the page cache keeps.
func (w *works) kill(p *process) {
	w.t.Helper()
	// An error says that it has ended.
	_ = p.Process.Kill()
	w.await(p)
}

// await is the exit code of a process, which ends; -1 of a killed one.
func (w *works) await(p *process) int {
	w.t.Helper()
	select {
	case err := <-p.ended:
		p.ended <- err
		return p.ProcessState.ExitCode()
	case <-time.After(worksPatience):
		_ = p.Process.Kill()
		w.t.Fatalf("%s has not ended after %s\n%s", p.Args, worksPatience, p.stderr.String())
		return 0
	}
}

// want runs a command and wants an exit code. It returns what it wrote to
// standard output and standard error.
func (w *works) want(code int, args ...string) (stdout, stderr string) {
	w.t.Helper()
	p := w.command(args...)
	var out bytes.Buffer
	p.Stdout = &out
	err := p.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		w.t.Fatal(err)
	}
	if got := p.ProcessState.ExitCode(); got != code {
		w.t.Fatalf("assay %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), p.stderr.String())
	}
	return out.String(), p.stderr.String()
}

// eventually asks until it is so: for what another process does.
func (w *works) eventually(what string, so func() error) {
	w.t.Helper()
	deadline := time.Now().Add(worksPatience)
	for {
		err := so()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: not within %s: %v", what, worksPatience, err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// serve starts the node, on the addresses that it had before.
func (w *works) serve() {
	w.t.Helper()
	if err := os.Remove(w.path("d/run/addresses.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	w.node = w.start("serve", "--est", w.at.EST, "--admin", w.at.Admin, "--http", w.at.HTTP, "--metrics", w.at.Metrics)
	w.eventually("the node is ready", func() error {
		select {
		case err := <-w.node.ended:
			w.t.Fatalf("the node ended: %v\n%s", err, w.node.stderr.String())
		default:
		}
		return isReady(w.path("d"))
	})
	var err error
	if w.at, err = readAddresses(w.path("d")); err != nil {
		w.t.Fatal(err)
	}
}

// goods are firmware, whose digest is known, and the product that asks for it.
func (w *works) goods(product string, more ...string) (digest string) {
	w.t.Helper()
	w.want(exitOK, append([]string{"product", "create", product, "--validity", "3d", "--serial-pattern", "^SN-[0-9]{8}$"}, more...)...)
	digest = someDigest
	w.want(exitOK, "firmware", "add", product, "1.0", "--digest", digest, "--svn", "1")
	w.want(exitOK, "firmware", "approve", product, "1.0")
	return digest
}

func (w *works) makeStation() {
	w.t.Helper()
	w.want(exitOK, "station", "create", "leipzig-l3-1", "--site", "leipzig", "--line", "l3", "--out", w.station)
}

// simulate is the command line of a simulated line.
func (w *works) simulate(product, batch string, count int, more ...string) []string {
	return append([]string{
		"line", "simulate", "--station", w.station, "--product", product, "--batch", batch,
		"--count", strconv.Itoa(count), "--out", "line-" + batch,
	}, more...)
}

// list is what a command shows as JSON, one value a line.
func allOf[T any](w *works, args ...string) []T {
	w.t.Helper()
	stdout, _ := w.want(exitOK, append(args, "--limit", "0", "-o", "jsonl")...)
	var out []T
	for d := json.NewDecoder(strings.NewReader(stdout)); d.More(); {
		var v T
		if err := d.Decode(&v); err != nil {
			w.t.Fatalf("assay %s: %v", strings.Join(args, " "), err)
		}
		out = append(out, v)
	}
	return out
}

func shownAs[T any](w *works, code int, args ...string) (v T) {
	w.t.Helper()
	stdout, _ := w.want(code, append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		w.t.Fatalf("assay %s: %v", strings.Join(args, " "), err)
	}
	return v
}

var enrolmentCounter = regexp.MustCompile(`^assay_enrolments_total\{operation="([^"]+)",reason="([^"]+)"\} (\d+)$`)

// answers are what the node answered since it was started, by operation and
// reason.
func (w *works) answers() map[string]int {
	w.t.Helper()
	res, err := http.Get("http://" + w.at.Metrics + "/metrics")
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	out := map[string]int{}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if m := enrolmentCounter.FindStringSubmatch(lines.Text()); m != nil {
			n, err := strconv.Atoi(m[3])
			if err != nil {
				w.t.Fatal(err)
			}
			out[fmt.Sprintf("%s %s", m[1], m[2])] = n
		}
	}
	return out
}
