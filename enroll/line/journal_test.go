package line_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/enroll/line"
)

// A kill cuts the journal at any octet. Whatever is left, the next run ends
// with the same certificates, and nothing is issued twice.
func TestJournalCutAtEveryOctetOfItsLastLines(t *testing.T) {
	p := newPlant(t)
	p.requests(3)
	p.run(p.directory(), func(c *line.Config) { c.Workers = 1 })
	path := filepath.Join(p.out, "journal.jsonl")
	whole := []byte(read(t, path))
	lines := bytes.SplitAfter(whole, []byte("\n"))
	last := len(bytes.Join(lines[len(lines)-3:], nil)) // two lines and nothing behind
	certificates := read(t, filepath.Join(p.out, "SN-0001.crt"))
	for cut := len(whole) - last; cut < len(whole); cut++ {
		write(t, path, whole[:cut])
		r := p.run(p.directory(), func(c *line.Config) { c.Workers = 1 })
		p.agree(r)
		if !r.Complete() || r.Done != 3 {
			t.Errorf("cut at %d: %+v", cut, r)
		}
	}
	if got := read(t, filepath.Join(p.out, "SN-0001.crt")); got != certificates {
		t.Error("another certificate than before")
	}
}

func TestJournalCutInItsHeading(t *testing.T) {
	p := newPlant(t)
	p.requests(1)
	p.run(p.directory())
	path := filepath.Join(p.out, "journal.jsonl")
	whole := read(t, path)
	for cut := range strings.IndexByte(whole, '\n') + 1 {
		write(t, path, []byte(whole[:cut]))
		p.agree(p.run(p.directory()))
	}
}

// A file system may leave zeros or the head of a line where the end was.
func TestJournalWithATornEnd(t *testing.T) {
	p := newPlant(t)
	p.requests(2)
	p.run(p.directory())
	path := filepath.Join(p.out, "journal.jsonl")
	whole := read(t, path)
	for name, tail := range map[string]string{
		"zeros":         strings.Repeat("\x00", 512),
		"zeros, line":   strings.Repeat("\x00", 512) + "\n",
		"two bad lines": "{\"at\":\n{}\n",
		"no state":      `{"at":"2026-11-24T00:00:00Z","serial":"SN-9","state":"gone"}` + "\n",
		"long":          strings.Repeat("x", 100_000) + "\n",
	} {
		write(t, path, []byte(whole+tail))
		r := p.run(p.directory())
		if got := read(t, path); got != whole || !r.Complete() || r.Units != 2 {
			t.Errorf("%s: %+v, journal of %d octets, want %d", name, r, len(got), len(whole))
		}
	}
}

func TestJournalIsRefused(t *testing.T) {
	p := newPlant(t)
	p.requests(2)
	p.run(p.directory())
	path := filepath.Join(p.out, "journal.jsonl")
	whole := read(t, path)
	lines := strings.SplitAfter(whole, "\n")
	for name, text := range map[string]string{
		"damaged":         lines[0] + lines[1] + "{\n" + lines[2],
		"damaged heading": "{\n" + strings.Join(lines[1:], ""),
		"other batch":     strings.Replace(whole, `"batch":"w47"`, `"batch":"w48"`, 1),
		"other station":   strings.Replace(whole, `"station":"leipzig-l3-1"`, `"station":"x"`, 1),
		"other version":   strings.Replace(whole, `"assay-line/v1"`, `"assay-line/v2"`, 1),
	} {
		write(t, path, []byte(text))
		if r, err := p.line(p.directory()).Run(t.Context()); !errors.Is(err, line.ErrJournal) || r != nil {
			t.Errorf("%s: got %v, want %v", name, err, line.ErrJournal)
		}
		if got := read(t, path); got != text {
			t.Errorf("%s: the journal was changed", name)
		}
	}
}

func FuzzJournal(f *testing.F) {
	const heading = `{"journal":"assay-line/v1","batch":"b","product":"p","station":"s"}` + "\n"
	const entry = `{"at":"2026-11-24T00:00:00Z","serial":"SN-1","state":"done"}` + "\n"
	f.Add([]byte(heading + entry))
	f.Add([]byte(heading + entry + entry[:20]))
	f.Add([]byte(heading + "{\n" + entry))
	f.Add([]byte("\x00\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		good, states, err := line.ReadJournal(text)
		if err != nil {
			if !errors.Is(err, line.ErrJournal) {
				t.Fatal(err)
			}
			return
		}
		if good < 0 || good > int64(len(text)) || good > 0 && text[good-1] != '\n' {
			t.Fatalf("good up to %d of %d octets", good, len(text))
		}
		again, same, err := line.ReadJournal(text[:good])
		if diff := cmp.Diff(states, same); err != nil || again != good || diff != "" {
			t.Fatalf("what was good is good up to %d, %v\n%s", again, err, diff)
		}
	})
}

func FuzzFileName(f *testing.F) {
	f.Add("SN-1", "SN-2")
	f.Add("../x", "%2E.%2Fx")
	f.Fuzz(func(t *testing.T, a, b string) {
		one, other := line.FileName(a), line.FileName(b)
		if (one == other) != (a == b) || strings.ContainsAny(one, "/\x00") || strings.HasPrefix(one, ".") || a != "" && filepath.Base(one) != one {
			t.Fatalf("%q is %q, %q is %q", a, one, b, other)
		}
	})
}

// A disk that is full stops the run, and what was said to be done is done.
func TestDiskThatCannotBeWritten(t *testing.T) {
	p := newPlant(t)
	p.requests(3)
	if err := os.MkdirAll(filepath.Join(p.out, ".SN-0002.crt.tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := p.line(p.directory(), func(c *line.Config) { c.Workers = 1 }).Run(t.Context())
	if err == nil || r.Done != 1 || r.Left != 2 {
		t.Errorf("got %v, %+v", err, r)
	}
	if err := os.RemoveAll(filepath.Join(p.out, ".SN-0002.crt.tmp")); err != nil {
		t.Fatal(err)
	}
	r = p.run(p.directory())
	p.agree(r)
	if !r.Complete() {
		t.Errorf("receipt: %+v", r)
	}
}
