// Command gotest runs "go test" with its arguments, prints what go test would,
// and lists at the end every test that was skipped, with its reason, so that a
// missing program is never mistaken for a passed test. Its exit code is go
// test's.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(stderr, "gotest:", err)
		return 1
	}
	r := newReport(stdout)
	r.read(out)
	err = cmd.Wait()
	r.end()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	case err != nil:
		fmt.Fprintln(stderr, "gotest:", err)
		return 1
	}
	return 0
}

// event is a line of go test -json (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

type test struct{ pkg, name string }

type report struct {
	w io.Writer
	// output of tests that have not ended.
	output  map[test]*strings.Builder
	skipped []string
}

func newReport(w io.Writer) *report {
	return &report{w: w, output: map[test]*strings.Builder{}}
}

func (r *report) read(in io.Reader) {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) == nil && e.Action != "" {
				r.event(e)
			} else {
				io.WriteString(r.w, line)
			}
		}
		if err != nil {
			return
		}
	}
}

func (r *report) event(e event) {
	id := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		io.WriteString(r.w, e.Output)
	case "output":
		if e.Test != "" {
			r.buffer(id).WriteString(e.Output)
		} else if e.Output != "PASS\n" {
			io.WriteString(r.w, e.Output)
		}
	case "pass":
		delete(r.output, id)
	case "skip":
		if e.Test != "" {
			r.skipped = append(r.skipped, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(r.buffer(id).String())))
		}
		delete(r.output, id)
	case "fail":
		r.failed(id)
	}
}

// failed prints a test's output; for a package, that of tests that a panic or a
// timeout cut short.
func (r *report) failed(id test) {
	var cut []test
	for t := range r.output {
		if t == id || id.name == "" && t.pkg == id.pkg {
			cut = append(cut, t)
		}
	}
	slices.SortFunc(cut, func(a, b test) int { return strings.Compare(a.name, b.name) })
	for _, t := range cut {
		for line := range strings.Lines(r.output[t].String()) {
			if !strings.HasPrefix(line, "=== ") {
				io.WriteString(r.w, line)
			}
		}
		delete(r.output, t)
	}
}

func (r *report) buffer(id test) *strings.Builder {
	b := r.output[id]
	if b == nil {
		b = new(strings.Builder)
		r.output[id] = b
	}
	return b
}

// reason is what t.Skip said.
func reason(output string) string {
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "=== ") || strings.HasPrefix(strings.TrimSpace(line), "--- ") {
			continue
		}
		line = strings.TrimSpace(line)
		if _, said, ok := strings.Cut(line, ".go:"); ok {
			if _, text, ok := strings.Cut(said, ": "); ok {
				return text
			}
		}
		if line != "" {
			return line
		}
	}
	return "no reason given"
}

func (r *report) end() {
	if len(r.skipped) == 0 {
		fmt.Fprintln(r.w, "no test was skipped")
		return
	}
	slices.Sort(r.skipped)
	fmt.Fprintf(r.w, "%d skipped:\n", len(r.skipped))
	for _, s := range r.skipped {
		fmt.Fprintln(r.w, "  "+s)
	}
}
