package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	testName   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	threatTest = regexp.MustCompile(`^TestThreat(\d\d)`)
)

// testNames are the tests and fuzz targets of the repository.
func testNames(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range testName.FindAllStringSubmatch(string(b), -1) {
			names = append(names, match[1])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestThreats: each row's tests exist, and each TestThreatNN stands in its row.
func TestThreats(t *testing.T) {
	const rows = 50
	exist := testNames(t)
	listed := map[string][]string{}
	for i, cells := range table(t, read(t, "docs/THREATS.md"), "") {
		if cells[0] != strconv.Itoa(i+1) {
			t.Fatalf("docs/THREATS.md: row %d is numbered %s", i+1, cells[0])
		}
		listed[cells[0]] = names(cells[3])
		for _, name := range listed[cells[0]] {
			if !slices.Contains(exist, name) {
				t.Errorf("docs/THREATS.md, row %s: there is no %s", cells[0], name)
			}
		}
	}
	if len(listed) != rows {
		t.Errorf("docs/THREATS.md has %d rows, want %d", len(listed), rows)
	}
	for _, name := range exist {
		match := threatTest.FindStringSubmatch(name)
		if match == nil {
			continue
		}
		row := strings.TrimLeft(match[1], "0")
		if !slices.Contains(listed[row], name) {
			t.Errorf("docs/THREATS.md, row %s does not name %s", row, name)
		}
	}
}
