package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// module is the path that imports of ours begin with.
const module = "github.com/assay-pki/assay"

// read returns a file of the repository by its path from the root.
func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// table returns the rows of the Markdown table whose first column is headed
// so, cells trimmed, with the header's width.
func table(t *testing.T, text, firstHeader string) [][]string {
	t.Helper()
	var rows [][]string
	width := 0
	for line := range strings.Lines(text) {
		cells := cells(line)
		switch {
		case width == 0 && len(cells) > 0 && cells[0] == firstHeader:
			width = len(cells)
		case width > 0 && cells == nil:
			return rows
		case width > 0 && strings.Trim(strings.Join(cells, ""), "-: ") == "":
		case width > 0 && len(cells) != width:
			t.Fatalf("table %q: row %q has %d cells, want %d", firstHeader, strings.TrimSpace(line), len(cells), width)
		case width > 0:
			rows = append(rows, cells)
		}
	}
	if width == 0 {
		t.Fatalf("no table with the first column %q", firstHeader)
	}
	return rows
}

func cells(line string) []string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "|") || !strings.HasSuffix(line, "|") {
		return nil
	}
	cells := strings.Split(strings.Trim(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

// names splits a cell of names in backquotes: "`a`, `b`". A dash is none.
func names(cell string) []string {
	if cell == "—" {
		return nil
	}
	var list []string
	for name := range strings.SplitSeq(cell, ",") {
		list = append(list, strings.Trim(strings.TrimSpace(name), "`"))
	}
	return list
}
