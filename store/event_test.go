package store

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
)

func TestEventReadBack(t *testing.T) {
	want := sampleEvent()
	b, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want.Seq, want.Bytes = 9, b
	got, err := DecodeEvent(9, b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

// TestEventKeys reads an event as anybody would, by the documented keys.
func TestEventKeys(t *testing.T) {
	e := sampleEvent()
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var got map[int]any
	if err := cbor.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	want := map[int]any{
		1: "enrolment.refused", 2: uint64(e.Time.UnixMicro()), 3: e.Salt[:], 4: e.Actor, 5: e.Source, 6: e.Object,
		7: e.Serial, 8: uint64(2), 9: e.Reason, 10: uint64(4), 11: map[any]any{"a": "2", "bb": "3", "zz": "1"}, 12: e.Digest,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	small := Event{Name: NodeStarted, Time: e.Time, Salt: e.Salt}
	if b, err = small.Encode(); err != nil || b[0] != 0xa3 {
		t.Errorf("an event of three fields begins with %#x (%v), want a map of three", b[0], err)
	}
}

func TestEventSalt(t *testing.T) {
	a, b := Event{Name: NodeStarted, Time: at(0)}, Event{Name: NodeStarted, Time: at(0)}
	first, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first, second) {
		t.Error("two equal events have the same bytes: their salt is missing")
	}
}

func TestEventLimits(t *testing.T) {
	long := strings.Repeat("x", MaxText+1)
	many := map[string]string{}
	for i := range MaxDetail + 1 {
		many[strings.Repeat("k", i+1)] = ""
	}
	for name, row := range map[string]struct {
		spoil func(*Event)
		want  error
	}{
		"unknown name": {func(e *Event) { e.Name = "certificate.lost" }, ErrConflict},
		"no time":      {func(e *Event) { e.Time = time.Time{} }, ErrConflict},
		"short digest": {func(e *Event) { e.Digest = []byte{1} }, ErrConflict},
		"short serial": {func(e *Event) { e.Serial = []byte{1} }, ErrConflict},
		"not UTF-8":    {func(e *Event) { e.Actor = "\xff" }, ErrConflict},
		"long object":  {func(e *Event) { e.Object = long }, ErrLimit},
		"long detail":  {func(e *Event) { e.Detail["a"] = long }, ErrLimit},
		"many details": {func(e *Event) { e.Detail = many }, ErrLimit},
	} {
		e := sampleEvent()
		row.spoil(&e)
		if _, err := e.Encode(); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
}

func TestEventOneEncoding(t *testing.T) {
	salt := make([]byte, 16)
	for name, v := range map[string]any{
		"short salt":  map[int]any{1: "node.started", 2: 1, 3: salt[:15]},
		"no salt":     map[int]any{1: "node.started", 2: 1},
		"unknown key": map[int]any{1: "node.started", 2: 1, 3: salt, 13: 1},
		"empty field": map[int]any{1: "node.started", 2: 1, 3: salt, 4: ""},
		"no map":      []int{1, 2},
	} {
		b, err := eventEncoding.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeEvent(1, b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want %v", name, err, ErrCorrupt)
		}
	}
}

// TestEventKinds: every constant is in the table, once, and looks like a name.
func TestEventKinds(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "events.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok {
			constants[strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)] = true
		}
		return true
	})
	shape := regexp.MustCompile(`^[a-z]+\.[a-z]+(-[a-z]+)*$`)
	seen := map[string]bool{}
	for _, k := range EventKinds() {
		if seen[string(k.Name)] || !constants[string(k.Name)] || !shape.MatchString(string(k.Name)) {
			t.Errorf("name %q: in the table before %t, a constant %t", k.Name, seen[string(k.Name)], constants[string(k.Name)])
		}
		if !strings.HasSuffix(k.Says, ".") || !k.Name.Known() {
			t.Errorf("name %q says %q", k.Name, k.Says)
		}
		seen[string(k.Name)] = true
	}
	if len(seen) != len(constants) {
		t.Errorf("%d names in the table, %d constants", len(seen), len(constants))
	}
	if EventName("").Known() {
		t.Error("the empty name is known")
	}
}
