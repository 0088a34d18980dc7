package manifest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/assay-pki/assay/store"
)

// readCSV reads all rows. The error is the reader's.
func (c *check) readCSV(in *bufio.Reader) error {
	r := csvReader{in: in, next: 1}
	header, err := c.header(&r)
	if header == nil || err != nil {
		return err
	}
	for {
		switch err := r.read(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		c.line = r.line
		if c.full() {
			return nil
		}
		c.csvRow(&r, header)
	}
}

// header reads the first line; nil when it cannot be used.
func (c *check) header(r *csvReader) ([]column, error) {
	err := r.read()
	c.line = 1
	switch {
	case errors.Is(err, io.EOF):
		c.fault(1, 0, "", "the file is empty; the first line names the columns")
		return nil, nil
	case err != nil:
		return nil, err
	case r.reason != "":
		c.fault(1, r.column, "", r.reason)
		return nil, nil
	case r.fields() > maxColumns:
		c.fault(1, 0, "", fmt.Sprintf("more than %d columns", maxColumns))
		return nil, nil
	}
	var header []column
	for i := range r.fields() {
		name := r.field(i)
		col, ok := columnOf(name)
		switch {
		case !ok:
			c.fault(1, i+1, "", fmt.Sprintf("%q is not a column; there are %s", name, columnNames()))
		case slices.ContainsFunc(header, func(x column) bool { return x.name == name }):
			c.fault(1, i+1, name, "the column is there twice")
		}
		header = append(header, col)
	}
	c.headerAsAWhole(header)
	if c.faults.Total > 0 {
		return nil, nil
	}
	return header, nil
}

func (c *check) headerAsAWhole(header []column) {
	attributes, serial := 0, false
	for i := range header {
		serial = serial || header[i].name == "serial"
		if len(header[i].name) > len(attrPrefix) && header[i].name[:len(attrPrefix)] == attrPrefix {
			attributes++
		}
	}
	if !serial {
		c.fault(1, 0, "serial", "the column is missing")
	}
	if attributes > store.MaxAttributes {
		c.fault(1, 0, "", fmt.Sprintf("at most %d attributes", store.MaxAttributes))
	}
}

func (c *check) csvRow(r *csvReader, header []column) {
	switch {
	case r.reason != "":
		c.fault(c.line, r.column, "", r.reason)
		return
	case r.fields() != len(header):
		c.fault(c.line, 0, "", fmt.Sprintf("%d values, and the header has %d columns", r.fields(), len(header)))
		return
	}
	var e store.Expectation
	before := c.faults.Total
	for i := range header {
		value := r.field(i)
		reason := c.put(&header[i], &e, value)
		if value == "" && header[i].name == "serial" {
			reason = "required"
		}
		if reason != "" {
			c.fault(c.line, i+1, header[i].name, reason)
		}
	}
	if c.faults.Total == before {
		c.add(e)
	}
}

// csvReader reads RFC 4180 with a bound of MaxRowBytes for a row.
type csvReader struct {
	in *bufio.Reader
	// line is where the row at hand begins, next the line that follows.
	line, next int
	text       []byte
	ends       []int // of the values in text
	// reason is what is wrong with the row's form, column where.
	reason string
	column int
	size   int
}

func (r *csvReader) fields() int { return len(r.ends) }

func (r *csvReader) field(i int) string {
	start := 0
	if i > 0 {
		start = r.ends[i-1]
	}
	return string(r.text[start:r.ends[i]])
}

// read reads a row, to its end also when it is faulty. io.EOF when there is no
// more.
func (r *csvReader) read() error {
	r.line, r.text, r.ends, r.reason, r.column, r.size = r.next, r.text[:0], r.ends[:0], "", 0, 0
	if _, err := r.in.Peek(1); err != nil {
		return err
	}
	for more := true; more; {
		var err error
		if more, err = r.value(); err != nil {
			return err
		}
		if r.size > MaxRowBytes {
			r.tooLong() // of commas
		}
		if r.reason == "" {
			r.ends = append(r.ends, len(r.text))
		}
	}
	return nil
}

func (r *csvReader) bad(reason string) {
	if r.reason == "" {
		r.reason, r.column = reason, len(r.ends)+1
	}
}

// end is what octet returns at the end of the file.
const end = -1

// octet reads one, and counts it.
func (r *csvReader) octet() (int, error) {
	b, err := r.in.ReadByte()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return end, err
	}
	if b == '\n' {
		r.next++
	}
	r.size++
	return int(b), nil
}

// value reads one value and what ends it; more tells that another follows.
func (r *csvReader) value() (more bool, err error) {
	start := len(r.text)
	for {
		b, err := r.octet()
		if err != nil {
			return false, err
		}
		if b == '"' && len(r.text) == start && r.reason == "" {
			if b, err = r.quoted(); err != nil {
				return false, err
			}
			if b != ',' && b != '\n' && b != '\r' && b != end {
				r.bad("text after the closing quotes")
			}
		}
		if b == '\r' {
			if b, err = r.lineFeed(); err != nil {
				return false, err
			}
		}
		switch {
		case b == ',' || b == '\n' || b == end:
			return b == ',', nil
		case b == '"':
			r.bad(`a " within a value that is not in quotes`)
		}
		r.keep(b)
	}
}

// lineFeed reads what must follow CR.
func (r *csvReader) lineFeed() (int, error) {
	b, err := r.octet()
	if err == nil && b != '\n' {
		r.bad("a CR without LF")
	}
	return b, err
}

// quoted reads to the closing quotes and returns the octet that follows them.
func (r *csvReader) quoted() (int, error) {
	for {
		b, err := r.octet()
		if err != nil {
			return 0, err
		}
		if b == '"' {
			if b, err = r.octet(); err != nil || b != '"' {
				return b, err
			}
		}
		if b == end {
			r.bad("the quotes are not closed")
			return end, nil
		}
		r.keep(b)
		if r.reason != "" { // too long: the row ends with its line
			return b, nil
		}
	}
}

// keep adds an octet to the row, up to its limit.
func (r *csvReader) keep(b int) {
	if r.size > MaxRowBytes {
		r.tooLong()
		return
	}
	r.text = append(r.text, byte(b))
}

func (r *csvReader) tooLong() {
	r.bad(fmt.Sprintf("the row is longer than %d bytes; are quotes left open?", MaxRowBytes))
}
