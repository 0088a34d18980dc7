// Package docs_test holds the documents against the code: a table that is not
// true fails the build.
package docs_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	// below in "may import": any package of ours on a lower floor.
	below = "everything below"
	// tests in "used in": test files of any package, and no other file.
	tests = "tests"
)

// listed is what go list says of a package.
type listed struct {
	ImportPath   string
	Standard     bool
	GoFiles      []string
	CgoFiles     []string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Module       *struct{ Path, Version string }
}

func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list %v: %v\n%s", args, err, exit.Stderr)
		}
		t.Fatalf("go list %v: %v", args, err)
	}
	var packages []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("go list %v: %v", args, err)
		}
		packages = append(packages, p)
	}
}

// ours returns the packages with code other than tests, by path from the root.
func ours(t *testing.T) map[string]listed {
	t.Helper()
	packages := map[string]listed{}
	for _, p := range goList(t, "./...") {
		if len(p.GoFiles)+len(p.CgoFiles) > 0 {
			packages[strings.TrimPrefix(p.ImportPath, module+"/")] = p
		}
	}
	if len(packages) == 0 {
		t.Fatal("go list found no package")
	}
	return packages
}

// row of the table of packages.
type row struct {
	floor int
	may   []string
}

func packageTable(t *testing.T) map[string]row {
	t.Helper()
	rows := map[string]row{}
	for _, cells := range table(t, read(t, "docs/ARCHITECTURE.md"), "package") {
		name := strings.Trim(cells[0], "`")
		floor, err := strconv.Atoi(cells[1])
		if err != nil {
			t.Fatalf("package %s: floor %q is no number", name, cells[1])
		}
		if _, twice := rows[name]; twice {
			t.Errorf("package %s stands in the table twice", name)
		}
		rows[name] = row{floor, names(cells[2])}
	}
	return rows
}

func TestPackagesStandInTheTable(t *testing.T) {
	packages, rows := ours(t), packageTable(t)
	for name := range packages {
		if _, ok := rows[name]; !ok {
			t.Errorf("package %s is not in docs/ARCHITECTURE.md", name)
		}
	}
	for name := range rows {
		if _, ok := packages[name]; !ok {
			t.Errorf("docs/ARCHITECTURE.md has package %s, go list has not", name)
		}
	}
}

func TestImportsGoDown(t *testing.T) {
	packages, rows := ours(t), packageTable(t)
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		for _, path := range packages[name].Imports {
			imported, own := strings.CutPrefix(path, module+"/")
			if !own {
				continue
			}
			if fault := importFault(rows, name, imported); fault != "" {
				t.Errorf("%s imports %s: %s", name, imported, fault)
			}
		}
	}
}

// importFault says what rule an import of ours breaks.
func importFault(rows map[string]row, name, imported string) string {
	from, to := rows[name], rows[imported]
	switch {
	case to.floor >= from.floor:
		return "floor " + strconv.Itoa(to.floor) + " is not below " + strconv.Itoa(from.floor)
	case !slices.Contains(from.may, imported) && !slices.Equal(from.may, []string{below}):
		return "its row in docs/ARCHITECTURE.md does not say so"
	case room(name) == room(imported), room(name) == "api", room(name) == "cmd":
		return ""
	case from.floor >= 2 && to.floor > 1:
		return "other rooms are open on floors 0 and 1 only"
	}
	return ""
}

func room(name string) string {
	first, _, _ := strings.Cut(name, "/")
	return first
}

// TestTableIsTight keeps permissions that nobody uses out of the table.
func TestTableIsTight(t *testing.T) {
	packages, rows := ours(t), packageTable(t)
	for name, r := range rows {
		for _, may := range r.may {
			if may != below && !slices.Contains(packages[name].Imports, module+"/"+may) {
				t.Errorf("docs/ARCHITECTURE.md lets %s import %s, which it does not", name, may)
			}
		}
	}
}

func TestImportFaultFindsFaults(t *testing.T) {
	rows := map[string]row{
		"store":          {floor: 0},
		"store/bolt":     {floor: 1, may: []string{"store"}},
		"ca":             {floor: 2, may: []string{"store", "store/bolt", "enroll"}},
		"enroll":         {floor: 2, may: []string{"store"}},
		"revocation/crl": {floor: 3, may: []string{"ca"}},
		"ca/rollover":    {floor: 3, may: []string{"ca"}},
		"api/server":     {floor: 5, may: []string{below}},
	}
	tests := []struct {
		name, imported string
		faulty         bool
	}{
		{"store/bolt", "store", false},
		{"store", "store/bolt", true},
		{"ca", "enroll", true},
		{"ca", "store/bolt", false},
		{"enroll", "store/bolt", true},
		{"revocation/crl", "ca", true},
		{"ca/rollover", "ca", false},
		{"api/server", "ca", false},
	}
	for _, tt := range tests {
		if got := importFault(rows, tt.name, tt.imported); (got != "") != tt.faulty {
			t.Errorf("importFault(%s, %s) = %q, want a fault: %t", tt.name, tt.imported, got, tt.faulty)
		}
	}
}

// moduleRow of the table of third-party modules.
type moduleRow struct {
	version string
	usedIn  []string
}

func moduleTable(t *testing.T) map[string]moduleRow {
	t.Helper()
	rows := map[string]moduleRow{}
	for _, cells := range table(t, read(t, "docs/ARCHITECTURE.md"), "module") {
		rows[strings.Trim(cells[0], "`")] = moduleRow{cells[1], names(cells[2])}
	}
	return rows
}

// used finds where each third-party module is imported, and its version.
func used(t *testing.T) (where, versions map[string][]string) {
	t.Helper()
	of := map[string]listed{}
	for _, p := range goList(t, "-deps", "-test", "./...") {
		of[p.ImportPath] = p
	}
	where, versions = map[string][]string{}, map[string][]string{}
	note := func(path, user string) {
		p := of[path]
		if p.Standard || p.Module == nil || p.Module.Path == module {
			return
		}
		where[p.Module.Path] = append(where[p.Module.Path], user)
		versions[p.Module.Path] = []string{p.Module.Version}
	}
	for _, p := range goList(t, "./...") {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		for _, path := range p.Imports {
			note(path, name)
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			note(path, tests)
		}
	}
	return where, versions
}

func TestModulesStandInTheTable(t *testing.T) {
	where, versions := used(t)
	rows := moduleTable(t)
	for path, users := range where {
		r, ok := rows[path]
		if !ok {
			t.Errorf("module %s, used in %v, is not in docs/ARCHITECTURE.md", path, users)
			continue
		}
		if got := versions[path][0]; got != r.version {
			t.Errorf("module %s: docs/ARCHITECTURE.md says %s, go.mod %s", path, r.version, got)
		}
		for _, user := range users {
			// Tests may use what the code may.
			if user != tests && !slices.Contains(r.usedIn, user) {
				t.Errorf("module %s is used in %s, which docs/ARCHITECTURE.md does not say", path, user)
			}
		}
		for _, said := range r.usedIn {
			if !slices.Contains(users, said) {
				t.Errorf("docs/ARCHITECTURE.md says that %s is used in %s, and it is not", path, said)
			}
		}
	}
	for path := range rows {
		if where[path] == nil {
			t.Errorf("docs/ARCHITECTURE.md has module %s, which nothing imports", path)
		}
	}
}

// TestDeviceLinksLittle: what a device maker takes on is ours and golang.org/x.
func TestDeviceLinksLittle(t *testing.T) {
	const device = "cmd/assay-device"
	if _, ok := packageTable(t)[device]; !ok {
		t.Fatalf("%s is not in the table of packages", device)
	}
	for _, p := range goList(t, "-deps", "./"+device) {
		if p.Standard || p.Module == nil || p.Module.Path == module || strings.HasPrefix(p.Module.Path, "golang.org/x/") {
			continue
		}
		t.Errorf("%s links %s of module %s", device, p.ImportPath, p.Module.Path)
	}
}
