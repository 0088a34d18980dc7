package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestNearest(t *testing.T) {
	for _, row := range []struct{ word, want string }{
		{"keycompromise", "keyCompromise"},
		{"keyCompromised", "keyCompromise"},
		{"KEYCOMPROMISE", "keyCompromise"},
		{"cessation", ""},
		{"superceded", "superseded"},
		{"hold", ""},
		{"", ""},
	} {
		if got := nearest(row.word, revocationReasons()); got != row.want {
			t.Errorf("%q: got %q, want %q", row.word, got, row.want)
		}
	}
}

func TestReasonNames(t *testing.T) {
	for code, want := range map[int]string{0: "unspecified", 1: "keyCompromise", 6: "certificateHold", 7: "unknown", 9: "privilegeWithdrawn", 10: "aACompromise", 11: "unknown", -1: "unknown"} {
		if got := reasonName(code); got != want {
			t.Errorf("%d: got %s, want %s", code, got, want)
		}
	}
}

// Every error tells the next step.
func TestFailuresNameTheNextStep(t *testing.T) {
	var out bytes.Buffer
	s := newSay(strings.NewReader(""), &out, true)
	s.failed(failNoAuthority("./x"))
	if want := "error: no authority in ./x\n  next: make one: assay init --dir ./x; or name another: --dir DIR, --context NAME\n"; out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}

// Without a terminal nothing is asked, and nothing waits for an answer.
func TestNoQuestionWithoutTerminal(t *testing.T) {
	s := newSay(strings.NewReader("y\n"), &bytes.Buffer{}, false)
	if s.asks {
		t.Fatal("asks without a terminal")
	}
	if _, err := s.confirm("really?"); err == nil {
		t.Error("confirmed by nobody")
	}
	if _, err := s.ask("name", "x"); err == nil {
		t.Error("answered by nobody")
	}
}

func TestAnswers(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "": false, "yy\n": false} {
		s := newSay(strings.NewReader(answer), &bytes.Buffer{}, true)
		s.asks = true
		if got, err := s.confirm("really?"); err != nil || got != want {
			t.Errorf("%q: got %v, %v", answer, got, err)
		}
	}
	s := newSay(strings.NewReader("\nx y\n"), &bytes.Buffer{}, true)
	s.asks = true
	for _, want := range []string{"standard", "x y"} {
		if got, err := s.ask("name", "standard"); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

// checkExample wants an example whose first line the command's parser takes.
func checkExample(t *testing.T, c *cobra.Command) {
	t.Helper()
	line, _, _ := strings.Cut(strings.TrimSpace(c.Example), "\n")
	rest, ok := strings.CutPrefix(line, c.CommandPath())
	if !ok {
		t.Errorf("%s has no example of its own: %q", c.CommandPath(), line)
		return
	}
	words := shellWords(rest)
	if err := c.ParseFlags(words); err != nil {
		t.Errorf("%s: %v", line, err)
		return
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		t.Errorf("%s: %v", line, err)
	}
}

// shellWords splits a line at spaces outside of single quotes.
func shellWords(line string) []string {
	quoted := false
	return strings.FieldsFunc(line, func(r rune) bool {
		if r == '\'' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
}

// Every command has a short text, an example, refuses what it does not know, and takes the
// global flags after its name.
func TestEveryCommandIsWhole(t *testing.T) {
	a := &app{say: newSay(strings.NewReader(""), &bytes.Buffer{}, true), environ: []string{}}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" {
			t.Errorf("%s has no short text", c.CommandPath())
		}
		if c.RunE == nil && c.Run == nil {
			t.Errorf("%s does nothing", c.CommandPath())
		}
		if !c.HasSubCommands() && !c.Hidden && c.Name() != "help" {
			checkExample(t, c)
		}
		if f := c.InheritedFlags().Lookup("output"); f == nil && c.HasParent() {
			t.Errorf("%s does not take -o", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	root := newRoot(a)
	walk(root)
	for path := range examples {
		if c, _, err := root.Find(strings.Fields(path)[1:]); err != nil || c.CommandPath() != path {
			t.Errorf("an example of %s, which is no command", path)
		}
	}
	for _, line := range [][]string{{"nonsense"}, {"device", "nonsense"}, {"--nonsense"}, {"cert", "show"}, {"version", "x"}} {
		if got := run(t, "", line...); got.code != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, "next: ") {
			t.Errorf("%v: got %+v", line, got)
		}
	}
}
