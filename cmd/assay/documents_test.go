package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/assay-pki/assay/api/v1"
)

const twoDocuments = `# a file
---
apiVersion: assay/v1
kind: Operator
name: mira
spec: {role: factory, sites: [leipzig]}
--- # the second
apiVersion: assay/v1
kind: Product
name: sensor-s1
spec:
  keys:
    allow:
      - ec-p256
      - rsa-512
  description: |
    text with
     --- inside
...
`

func TestReadDocuments(t *testing.T) {
	docs, faults := readDocuments("f.yaml", []byte(twoDocuments))
	if len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
	sortDocuments(docs)
	var got []string
	for _, d := range docs {
		got = append(got, d.Kind+"/"+d.Name)
	}
	if want := []string{"Product/sensor-s1", "Operator/mira"}; !slices.Equal(got, want) {
		t.Errorf("order of work: got %v, want %v", got, want)
	}
	var spec map[string]any
	if err := json.Unmarshal(docs[0].Spec, &spec); err != nil {
		t.Fatal(err)
	}
	if want := "text with\n --- inside\n"; spec["description"] != want {
		t.Errorf("description: got %q, want %q", spec["description"], want)
	}
}

// The server names a field; people get the line.
func TestLocateFault(t *testing.T) {
	docs, _ := readDocuments("f.yaml", []byte(twoDocuments))
	product := docs[1]
	for _, row := range []struct{ field, want string }{
		{"spec.keys.allow[1]", "f.yaml:15"},
		{"keys.allow[1]", "f.yaml:15"},
		{"keys.allow[7]", "f.yaml:13"},
		{"keys", "f.yaml:12"},
		{"operational.validity", "f.yaml:11"},
		{"name", "f.yaml:10"},
		{"", "f.yaml:11"},
		{"nothing.like.it", "f.yaml:11"},
	} {
		if got := product.locate(v1.Fault{At: row.field, Reason: "x"}).At; got != row.want {
			t.Errorf("%q: got %s, want %s", row.field, got, row.want)
		}
	}
}

func TestReadDocumentsFaults(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"doubled key", "a: 1\nb: 2\na: 3\n", `f:3: key "a" already set in map`},
		{"doubled key below", "apiVersion: assay/v1\nkind: Product\nname: x\nspec:\n  roles: []\n  roles: []\n", `f:6: key "roles" already set in map`},
		{"tab", "a:\n\t- b\n", "f:2: found character that cannot start any token"},
		{"a list", "- a\n", "f:1: " + notADocument},
		{"a scalar", "hello\n", "f:1: " + notADocument},
		{"name is a number", "apiVersion: assay/v1\nkind: Product\nname: 12\nspec: {}\n", "f:3: name: a number does not belong here"},
		{"no spec", "apiVersion: assay/v1\nkind: Policy\nname: default\n", "f:1: spec is missing"},
		{"spec is a list", "apiVersion: assay/v1\nkind: Policy\nname: default\nspec: []\n", "f:4: spec is missing"},
		{"other version", "apiVersion: assay/v2\nkind: Policy\nname: default\nspec: {}\n", `f:1: apiVersion: "assay/v2" is not one of assay/v1`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, faults := readDocuments("f", []byte(row.text))
			if len(faults) != 1 {
				t.Fatalf("got %d faults, want 1: %v", len(faults), faults)
			}
			if got := faults[0].At + ": " + faults[0].Reason; got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestSplitDocuments(t *testing.T) {
	for _, row := range []struct {
		text string
		want []int // lines above each document
	}{
		{"", nil},
		{"---\n---\n", nil},
		{"a: 1", []int{0}},
		{"\ufeffa: 1\n---\nb: 2\n", []int{0, 2}},
		{"--- {a: 1}\n---\tb: 2\n", []int{0, 1}},
		{"a: 1\n---b: 2\n", []int{0}},
		{"a: 1\r\n---\r\nb: 2\r\n", []int{0, 2}},
		{"# c\n---\n# d\n---\na: 1\n", []int{4}},
	} {
		var got []int
		for _, p := range splitDocuments([]byte(row.text)) {
			got = append(got, p.before)
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%q: got %v, want %v", row.text, got, row.want)
		}
	}
}

// FuzzReadDocuments: no text makes the reader panic, lose a fault's place, or
// pass a document without kind and name.
func FuzzReadDocuments(f *testing.F) {
	for _, seed := range []string{
		twoDocuments, "a: 1\na: 2\n", "- a\n", "---\n---\n", "--- {a: 1}\n...\nb: *x\n", "a: &a [*a]\n", "? {a: 1}\n: 2\n",
		"apiVersion: assay/v1\nkind: Product\nname: x\nspec: {a: {b: {c: 1}}}\n", "\ufeff!!binary x", "a: !!float .inf\n", "<<: {a: 1}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		docs, faults := readDocuments("f.yaml", text)
		for _, fault := range faults {
			if !strings.HasPrefix(fault.At, "f.yaml") || fault.Reason == "" {
				t.Errorf("fault without place or reason: %+v", fault)
			}
		}
		for _, d := range docs {
			if d.Kind == "" || d.Name == "" || !json.Valid(d.Spec) {
				t.Errorf("document without kind, name or spec: %+v", d.Document)
			}
			d.locate(v1.Fault{At: "spec.a[0].b"})
		}
	})
}

func TestDiff(t *testing.T) {
	lines := func(s string) []string { return strings.Split(s, "\n") }
	for _, row := range []struct {
		name, before, after string
		want                []string
	}{
		{"same", "a\nb", "a\nb", nil},
		{"changed", "a\nb\nc\nd\ne\nf", "a\nb\nc\nd\nE\nf", []string{"  c", "  d", "- e", "+ E", "  f"}},
		{"added", "a", "a\nb", []string{"  a", "+ b"}},
		{"removed", "a\nb", "b", []string{"- a", "  b"}},
		{"two places", "a\n1\n2\n3\n4\n5\n6\nb", "A\n1\n2\n3\n4\n5\n6\nB", []string{"- a", "+ A", "  1", "  2", "  ...", "  5", "  6", "- b", "+ B"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if d := cmp.Diff(row.want, diff(lines(row.before), lines(row.after))); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
	if got := diff(nil, []string{"a"}); !slices.Equal(got, []string{"+ a"}) {
		t.Errorf("from nothing: got %q", got)
	}
	long := make([]string, maxDiffLines+1)
	if got := len(diff(long, long)); got != 2*len(long) {
		t.Errorf("beyond the limit: got %d lines, want %d", got, 2*len(long))
	}
}
