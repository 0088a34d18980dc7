package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type thing struct {
	Name  string `json:"name"`
	State string `json:"state,omitempty"`
}

func things() sheet {
	s := sheet{columns: []string{"name", "state"}}
	s.add(thing{"a", "good"}, "a", "a", "good")
	s.add(thing{"=b", ""}, "=b", "=b", "")
	return s
}

func TestRender(t *testing.T) {
	one := object(thing{"a", "held"}, "a", "name", "a", "state", "held", "reason", "")
	for _, row := range []struct {
		name   string
		sheet  sheet
		flags  globals
		colour bool
		want   string
	}{
		{"table", things(), globals{output: "table"}, false, "NAME   STATE\na      good\n=b     -\n"},
		{"no header", things(), globals{output: "table", noHeaders: true}, false, "a    good\n=b   -\n"},
		{"colour", things(), globals{output: "table", noHeaders: true}, true, "a    \x1b[32mgood\x1b[0m\n=b   -\n"},
		{"empty", sheet{columns: []string{"name"}}, globals{output: "table"}, false, ""},
		{"one", one, globals{output: "table"}, false, "name    a\nstate   held\n"},
		{"json", things(), globals{output: "json"}, false, "[\n  {\n    \"name\": \"a\",\n    \"state\": \"good\"\n  },\n  {\n    \"name\": \"=b\"\n  }\n]\n"},
		{"json of none", sheet{}, globals{output: "json"}, false, "[]\n"},
		{"json of one", one, globals{output: "json"}, false, "{\n  \"name\": \"a\",\n  \"state\": \"held\"\n}\n"},
		{"jsonl", things(), globals{output: "jsonl"}, false, "{\"name\":\"a\",\"state\":\"good\"}\n{\"name\":\"=b\"}\n"},
		{"yaml", things(), globals{output: "yaml"}, false, "- name: a\n  state: good\n- name: =b\n"},
		{"csv", things(), globals{output: "csv"}, false, "name,state\na,good\n'=b,\n"},
		{"csv without header", things(), globals{output: "csv", noHeaders: true}, false, "a,good\n'=b,\n"},
		{"name", things(), globals{output: "name"}, false, "a\n=b\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out bytes.Buffer
			a := &app{out: &out, flags: row.flags, say: &say{outColour: row.colour}}
			if err := a.show(row.sheet); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(row.want, out.String()); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

// Names come from outside: they must not steer the terminal.
func TestTableDefusesControlCharacters(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out, flags: globals{output: "table"}, say: &say{}}
	s := sheet{columns: []string{"name"}}
	s.add(nil, "x", "a\x1b[2Jb\u202ec\r\x07")
	if err := a.show(s); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\r\x07\u202e") {
		t.Errorf("got %q", out.String())
	}
}

func TestWhen(t *testing.T) {
	zone := time.FixedZone("x", 3600)
	if got := when(time.Date(2026, 11, 24, 13, 0, 0, 0, zone)); got != "2026-11-24T12:00:00Z" {
		t.Errorf("got %s", got)
	}
	if got := when(time.Time{}); got != "" {
		t.Errorf("no time: got %q", got)
	}
}
