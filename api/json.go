package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// strictJSON is the one format of bodies. huma reads a body twice: into any, to
// validate it against the schema (unknown fields are faults there), then into
// the type.
func strictJSON() huma.Format {
	return huma.Format{
		Marshal: func(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) },
		Unmarshal: func(data []byte, v any) error {
			if _, first := v.(*any); first {
				if err := wellFormed(data); err != nil {
					return err
				}
			}
			return json.Unmarshal(data, v)
		},
	}
}

// wellFormed refuses what encoding/json lets pass: bytes that are not UTF-8,
// doubled keys (the last would win), keys at the top that differ in case only,
// and deep nesting.
func wellFormed(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return walk(d, 0)
}

// walk reads one value.
func walk(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	t, err := d.Token()
	if err != nil {
		return notJSON(err)
	}
	switch t {
	case json.Delim('{'):
		return walkObject(d, depth)
	case json.Delim('['):
		for d.More() {
			if err := walk(d, depth+1); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = d.Token()
	return notJSON(err)
}

func walkObject(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return notJSON(err)
		}
		key, _ := t.(string)
		folded := key
		if depth == 0 {
			folded = strings.ToLower(key)
		}
		if seen[folded] {
			return fmt.Errorf("key %q is given twice", key)
		}
		seen[folded] = true
		if err := walk(d, depth+1); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return notJSON(err)
}

func notJSON(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("not JSON: it ends early")
	}
	return fmt.Errorf("not JSON: %w", err)
}

// unprintable tells characters that must not reach logs, terminals and pages:
// controls, and the marks that turn the direction of text.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
