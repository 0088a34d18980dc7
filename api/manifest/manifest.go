package manifest

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/assay-pki/assay/store"
)

// The formats.
const (
	CSV  = "csv"
	JSON = "json"
)

// Rules are what the product and the batch ask of the rows.
type Rules struct {
	// SerialOK is the product's; nil: any printable serial number.
	SerialOK func(string) bool
	// Product and Batch, which a JSON file names too; empty: not compared.
	Product, Batch string
	// Site and Line of the batch: those of a row must lie inside.
	Site, Line string
}

// Manifest is a file that was read.
type Manifest struct {
	Rows []store.Expectation
	// SHA256 of the file, octet for octet.
	SHA256 [32]byte
	// Format is CSV or JSON.
	Format string
	// Product and Batch as a JSON file names them.
	Product, Batch string

	lines []uint32
}

// Line tells on which line of the file a row, counted from 0, begins; 0 for a
// row that is not there.
func (m *Manifest) Line(row int) int {
	if row < 0 || row >= len(m.lines) {
		return 0
	}
	return int(m.lines[row])
}

// Read reads a whole file. format is CSV, JSON or empty for what the first
// character says. What is wrong with the file is a *FaultsError; any other error
// is the reader's. A reader with a Len method, as of bytes and strings, saves
// memory.
func Read(r io.Reader, format string, rules Rules) (*Manifest, error) {
	return read(r, format, rules, bounds{bytes: MaxBytes, rows: MaxRows})
}

// bounds of a file.
type bounds struct {
	bytes int64
	rows  int
}

func read(r io.Reader, format string, rules Rules, most bounds) (*Manifest, error) {
	src := &source{from: r, hash: sha256.New(), most: most.bytes}
	in := bufio.NewReaderSize(src, 64<<10)
	if bom, _ := in.Peek(3); string(bom) == "\xef\xbb\xbf" { // an error comes again
		_, _ = in.Discard(3) // it was peeked at
	}
	c := &check{rules: &rules, most: most.rows, source: src, serials: map[string]uint32{}, vendors: map[string]uint32{}}
	if format == "" {
		format = sniff(in)
	}
	var err error
	switch format {
	case CSV:
		err = c.readCSV(in)
	case JSON:
		err = c.readJSON(in)
	default:
		return nil, fmt.Errorf("read the manifest: %q is not a format, csv and json are", format)
	}
	if errors.Is(err, errTooLong) {
		c.fault(c.line, 0, "", fmt.Sprintf("the file is longer than %d bytes", most.bytes))
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	if len(c.made.Rows) == 0 && c.faults.Total == 0 {
		c.fault(max(c.line, 1), 0, "", "there is no device in the file")
	}
	if c.faults.Total > 0 {
		return nil, &c.faults
	}
	c.made.Format = format
	src.hash.Sum(c.made.SHA256[:0])
	return &c.made, nil
}

// sniff tells JSON, which begins with {, from CSV.
func sniff(in *bufio.Reader) string {
	head, _ := in.Peek(512) // an error comes again at the first read
	for _, b := range head {
		switch b {
		case ' ', '\t', '\r', '\n':
			continue
		case '{':
			return JSON
		}
		break
	}
	return CSV
}

var errTooLong = errors.New("file too long")

// source hashes and counts what is read.
type source struct {
	from io.Reader
	hash hash.Hash
	n    int64
	most int64
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.n += int64(n)
	if s.n > s.most {
		return 0, errTooLong
	}
	s.hash.Write(p[:n])
	return n, err
}

// check collects rows and faults.
type check struct {
	rules  *Rules
	source *source
	made   Manifest
	faults FaultsError
	// line is that of the row at hand.
	line             int
	rows, most       int // faulty ones too
	serials, vendors map[string]uint32
}

func (c *check) fault(line, column int, name, reason string) {
	c.faults.add(Fault{Line: line, Column: column, Name: name, Reason: reason})
}

// full tells, with a fault, that the file has too many rows.
func (c *check) full() bool {
	if c.rows++; c.rows <= c.most {
		return false
	}
	c.fault(c.line, 0, "", fmt.Sprintf("more than %d devices", c.most))
	return true
}

// add keeps a row. Once there is a fault the rows are of no use.
func (c *check) add(e store.Expectation) {
	if c.faults.Total > 0 {
		c.made.Rows, c.made.lines = nil, nil
		return
	}
	if len(c.made.Rows) == sampleRows {
		c.grow()
	}
	c.made.Rows = append(c.made.Rows, e)
	c.made.lines = append(c.made.lines, uint32(c.line))
}

// grow makes room for all the rows that a reader which knows its length will
// give: growing step by step would need the memory twice.
func (c *check) grow() {
	rest, ok := c.source.from.(interface{ Len() int })
	if !ok {
		return
	}
	perRow := float64(c.source.n) / float64(sampleRows)
	more := min(int(1.02*float64(rest.Len())/perRow)+sampleRows, MaxRows-sampleRows)
	c.made.Rows = slices.Grow(c.made.Rows, more)
	c.made.lines = slices.Grow(c.made.lines, more)
}
