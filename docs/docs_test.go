package docs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// audiences are the words of REASONS.md.
var audiences = map[v1.Audience]string{v1.Everybody: "everybody", v1.Principals: "principals"}

func TestReasons(t *testing.T) {
	reasons := v1.Reasons()
	for _, cells := range table(t, read(t, "docs/REASONS.md"), "code") {
		code := v1.Reason(strings.Trim(cells[0], "`"))
		about, ok := reasons[code]
		if !ok {
			t.Errorf("docs/REASONS.md has code %s, or has it twice; the table of reasons has not", code)
			continue
		}
		delete(reasons, code)
		if got, want := strings.Join(cells, " | "), reasonRow(code, about); got != want {
			t.Errorf("docs/REASONS.md:\n got %s\nwant %s", got, want)
		}
	}
	for code, about := range reasons {
		t.Errorf("docs/REASONS.md lacks this row:\n| %s |", reasonRow(code, about))
	}
}

func reasonRow(code v1.Reason, about v1.About) string {
	return strings.Join([]string{
		"`" + string(code) + "`", strconv.Itoa(about.Status), audiences[about.Audience], about.Title, about.Next,
	}, " | ")
}

// markdown returns every Markdown file of the repository, from the root.
func markdown(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != ".." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || entry.Name() == "bin") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no Markdown file found")
	}
	return files
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksResolve(t *testing.T) {
	for _, file := range markdown(t) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(string(b), -1) {
			if err := resolve(file, match[1]); err != nil {
				t.Errorf("%s: link %s: %v", file, match[1], err)
			}
		}
	}
}

// resolve checks a link within the repository: the file, and the heading when
// it is a Markdown file's.
func resolve(from, target string) error {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return nil
	}
	path, anchor, _ := strings.Cut(target, "#")
	file := from
	if path != "" {
		file = filepath.Join(filepath.Dir(from), filepath.FromSlash(path))
	}
	if _, err := os.Stat(file); err != nil {
		return err
	}
	if anchor == "" || !strings.HasSuffix(file, ".md") {
		return nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") && slug(strings.TrimLeft(line, "# ")) == anchor {
			return nil
		}
	}
	return fmt.Errorf("no heading makes #%s", anchor)
}

// slug is the anchor that a heading gets.
func slug(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(heading)) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-', r == '_', r >= '0' && r <= '9', r >= 'a' && r <= 'z', r > 127:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func TestEvents(t *testing.T) {
	kinds := store.EventKinds()
	rows := table(t, read(t, "docs/EVENTS.md"), "event")
	for i, kind := range kinds {
		want := []string{"`" + string(kind.Name) + "`", kind.Says}
		if i >= len(rows) {
			t.Errorf("docs/EVENTS.md lacks this row:\n| %s |", strings.Join(want, " | "))
		} else if !slices.Equal(rows[i], want) {
			t.Errorf("docs/EVENTS.md, row %d:\n got %q\nwant %q", i+1, rows[i], want)
		}
	}
	if len(rows) > len(kinds) {
		t.Errorf("docs/EVENTS.md has %d rows, the table of events %d", len(rows), len(kinds))
	}
}
