package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

// node is a JSON value that kept what encoding/json forgets: doubled keys.
type node struct {
	value any // nil, bool, json.Number, string, []node or []member
}

type member struct {
	key   string
	value node
}

// fieldReaders read the fields of an object by name.
type fieldReaders map[string]func(n node, at string)

// parseJSON reads one document; what is wrong with its form is one fault.
func parseJSON(b []byte, f *faults) (node, bool) {
	switch {
	case len(b) > maxReleaseBytes:
		f.add("", "the document is longer than %d bytes", maxReleaseBytes)
		return node{}, false
	case !utf8.Valid(b):
		f.add("", "the document is not UTF-8")
		return node{}, false
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return n, true
		}
		err = errors.New("something follows the document")
	}
	f.add("", "the document does not parse: %v", err)
	return node{}, false
}

func readNode(d *json.Decoder, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	t, err := d.Token()
	if err != nil {
		return node{}, err
	}
	switch t {
	case json.Delim('{'):
		var members []member
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return node{}, err
			}
			v, err := readNode(d, depth+1)
			if err != nil {
				return node{}, err
			}
			members = append(members, member{key.(string), v})
		}
		_, err = d.Token()
		return node{members}, err
	case json.Delim('['):
		list := []node{}
		for d.More() {
			v, err := readNode(d, depth+1)
			if err != nil {
				return node{}, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return node{list}, err
	}
	return node{t}, nil
}

func readObject(n node, at string, fields fieldReaders, f *faults) {
	members, ok := n.value.([]member)
	if !ok {
		f.add(at, "an object is wanted")
		return
	}
	seen := map[string]bool{}
	for _, m := range members {
		here := m.key
		if at != "" {
			here = at + "." + m.key
		}
		read, ok := fields[m.key]
		switch {
		case !ok:
			f.add(here, "there is no such field")
		case seen[m.key]:
			f.add(here, "given twice")
		case m.value.value == nil:
			f.add(here, "null: give it a value or leave it out")
		default:
			read(m.value, here)
		}
		seen[m.key] = true
	}
}

func readList(n node, at string, most int, f *faults) []node {
	list, ok := n.value.([]node)
	if !ok {
		f.add(at, "a list is wanted")
		return nil
	}
	if len(list) > most {
		f.add(at, "at most %d", most)
		return nil
	}
	return list
}

func readText(n node, at string, most int, f *faults) string {
	s, ok := n.value.(string)
	switch {
	case !ok:
		f.add(at, "text is wanted")
		return ""
	case len(s) > most || !printable(s):
		f.add(at, "at most %d printable bytes", most)
		return ""
	}
	return s
}

func readUint(n node, at string, most uint64, f *faults) uint64 {
	number, ok := n.value.(json.Number)
	if !ok {
		f.add(at, "a number is wanted")
		return 0
	}
	v, err := strconv.ParseUint(number.String(), 10, 64)
	if err != nil || v > most {
		f.add(at, "%s is not a whole number from 0 to %d", number, most)
		return 0
	}
	return v
}

func readBool(n node, at string, f *faults) bool {
	v, ok := n.value.(bool)
	if !ok {
		f.add(at, "true or false is wanted")
	}
	return v
}

func readTime(n node, at string, f *faults) time.Time {
	s, _ := n.value.(string)
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		f.add(at, "a time is wanted, as 2026-11-30T00:00:00Z")
		return time.Time{}
	}
	return v.UTC()
}
