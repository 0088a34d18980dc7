package manifest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/assay-pki/assay/store"
)

// version is what the member "manifest" says.
const version = "assay/v1"

// readJSON reads the envelope and streams its devices. A fault of form ends it:
// nothing after it can be told. The error is the reader's.
func (c *check) readJSON(in *bufio.Reader) error {
	r := jsonReader{in: in, line: 1}
	err := c.envelope(&r)
	var form formError
	if errors.As(err, &form) {
		c.fault(r.line, 0, "", string(form))
		return nil
	}
	return err
}

// formError is what is wrong with the form of a JSON file.
type formError string

func (e formError) Error() string { return string(e) }

func (c *check) envelope(r *jsonReader) error {
	if err := r.want('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for first := true; ; first = false {
		last, err := r.endOf('}', first)
		if err != nil {
			return err
		}
		if last {
			break
		}
		if err := c.member(r, seen); err != nil {
			return err
		}
	}
	c.line = r.line
	if b, err := r.peek(); err != nil || b != 0 {
		return cmpForm(err, "something follows the manifest")
	}
	for _, name := range [...]string{"manifest", "product", "devices"} {
		if !seen[name] {
			c.fault(r.line, 0, name, "the member is missing")
		}
	}
	return nil
}

// cmpForm is the reader's error, else a fault of form.
func cmpForm(err error, reason string) error {
	if err != nil {
		return err
	}
	return formError(reason)
}

// member reads one of the envelope.
func (c *check) member(r *jsonReader, seen map[string]bool) error {
	key, err := r.text()
	if err != nil {
		return err
	}
	if seen[key] {
		return formError(fmt.Sprintf("the member %q is there twice", key))
	}
	seen[key] = true
	if err := r.want(':'); err != nil {
		return err
	}
	if key == "devices" {
		return c.devices(r)
	}
	wanted := map[string]string{"manifest": version, "product": c.rules.Product, "batch": c.rules.Batch}
	want, ok := wanted[key]
	if !ok {
		return formError(fmt.Sprintf("there is no member %q; there are manifest product batch devices", key))
	}
	value, err := r.text()
	if err != nil {
		return err
	}
	if want != "" && value != want {
		c.fault(r.line, 0, key, fmt.Sprintf("%q, and %s is wanted", value, want))
	}
	switch key {
	case "product":
		c.made.Product = value
	case "batch":
		c.made.Batch = value
	}
	return nil
}

func (c *check) devices(r *jsonReader) error {
	if err := r.want('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		last, err := r.endOf(']', first)
		if err != nil || last {
			return err
		}
		if _, err := r.peek(); err != nil {
			return err
		}
		c.line = r.line
		raw, err := r.raw()
		if err != nil {
			return err
		}
		if c.full() {
			return formError("the rest was not read")
		}
		c.jsonRow(raw)
	}
}

func (c *check) jsonRow(raw []byte) {
	var e store.Expectation
	before := c.faults.Total
	seen := map[string]bool{}
	reason := object(raw, func(key string, value any, d *json.Decoder) string {
		if strings.HasPrefix(key, attrPrefix) {
			return fmt.Sprintf("%q: attributes stand in the object attr", key)
		}
		if key != "attr" {
			return c.jsonValue(&e, key, value, seen)
		}
		if seen[key] || value != json.Delim('{') {
			return "attr is one object"
		}
		seen[key] = true
		return c.attributes(d, &e)
	})
	if reason != "" {
		c.jsonFault("", reason)
		return
	}
	if c.faults.Total == before && e.Serial == "" {
		c.jsonFault("serial", "required")
	}
	if c.faults.Total == before {
		c.add(e)
	}
}

// attributes reads the members of attr.
func (c *check) attributes(d *json.Decoder, e *store.Expectation) string {
	seen := map[string]bool{}
	reason := members(d, func(key string, value any, _ *json.Decoder) string {
		return c.jsonValue(e, attrPrefix+key, value, seen)
	})
	if reason == "" && len(seen) > store.MaxAttributes {
		c.jsonFault("attr", fmt.Sprintf("at most %d attributes", store.MaxAttributes))
	}
	return reason
}

// jsonValue puts a value. What it returns is wrong beyond the value, and ends the
// row.
func (c *check) jsonValue(e *store.Expectation, name string, value any, seen map[string]bool) string {
	col, ok := columnOf(name)
	text, isText := value.(string)
	if _, nested := value.(json.Delim); nested {
		return fmt.Sprintf("%s: text is wanted", name)
	}
	reason := ""
	switch {
	case !ok:
		reason = "there is no such member; there are " + columnNames()
	case seen[name]:
		reason = "there twice"
	case !isText:
		reason = "text is wanted"
	default:
		reason = c.put(&col, e, text)
	}
	seen[name] = true
	if reason != "" {
		c.jsonFault(name, reason)
	}
	return ""
}

// jsonFault names the device by its place in the list: a whole file may stand on
// one line.
func (c *check) jsonFault(name, reason string) {
	at := fmt.Sprintf("devices[%d]", c.rows-1)
	if name != "" {
		at += "." + name
	}
	c.fault(c.line, 0, at, reason)
}

// object walks the members of a JSON object. each gets a key, the token that
// its value begins with and the decoder behind it; what it returns is what is
// wrong, and ends the walk.
func object(raw []byte, each func(key string, value any, d *json.Decoder) string) string {
	switch {
	case !utf8.Valid(raw):
		return "not UTF-8"
	case !json.Valid(raw):
		return "not JSON"
	case raw[0] != '{':
		return "a device is an object"
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return err.Error()
	}
	return members(d, each)
}

// members walks an object whose { was read.
func members(d *json.Decoder, each func(key string, value any, d *json.Decoder) string) string {
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err.Error()
		}
		value, err := d.Token()
		if err != nil {
			return err.Error()
		}
		if reason := each(key.(string), value, d); reason != "" { // JSON that is valid
			return reason
		}
	}
	if _, err := d.Token(); err != nil { // }
		return err.Error()
	}
	return ""
}

// jsonReader splits a file into values of at most MaxRowBytes.
type jsonReader struct {
	in   *bufio.Reader
	line int
	buf  []byte
}

// peek returns the next octet after space, unread; 0 at the end.
func (r *jsonReader) peek() (byte, error) {
	for {
		b, err := r.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		switch b {
		case '\n':
			r.line++
		case ' ', '\t', '\r':
		case 0:
			return 0, formError("a control character")
		default:
			return b, r.in.UnreadByte()
		}
	}
}

// want reads one octet.
func (r *jsonReader) want(octet byte) error {
	b, err := r.peek()
	if err != nil || b != octet {
		return cmpForm(err, fmt.Sprintf("%q is wanted", octet))
	}
	_, err = r.in.ReadByte()
	return err
}

// endOf reads the end of a list or object, or the comma before its next item.
func (r *jsonReader) endOf(closing byte, first bool) (bool, error) {
	b, err := r.peek()
	switch {
	case err != nil:
		return false, err
	case b == closing:
		return true, r.want(closing)
	case first:
		return false, nil
	}
	return false, r.want(',')
}

// text reads a JSON string.
func (r *jsonReader) text() (string, error) {
	raw, err := r.raw()
	if err != nil {
		return "", err
	}
	var s string
	if !utf8.Valid(raw) || len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", formError("text in quotes is wanted")
	}
	return s, nil
}

// raw reads one value as it stands. It is good until the next read.
func (r *jsonReader) raw() ([]byte, error) {
	if _, err := r.peek(); err != nil {
		return nil, err
	}
	r.buf = r.buf[:0]
	depth, quoted, escaped := 0, false, false
	for {
		b, err := r.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil, formError("the file ends early")
		}
		if err != nil {
			return nil, err
		}
		if !quoted && depth == 0 && (b == ',' || b == '}' || b == ']' || b == ':') {
			return r.buf, r.in.UnreadByte()
		}
		if len(r.buf) == MaxRowBytes {
			return nil, formError(fmt.Sprintf("a device or value longer than %d bytes", MaxRowBytes))
		}
		r.buf = append(r.buf, b)
		switch {
		case b == '\n':
			r.line++
			escaped = false
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = b == '\\', b != '"'
		case b == '"':
			quoted = true
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			depth--
		}
		if !quoted && depth == 0 && (b == '"' || b == '}' || b == ']') {
			return r.buf, nil
		}
	}
}
