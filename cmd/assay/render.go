package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"sigs.k8s.io/yaml"
)

// sheet is what a command shows, for every output format.
type sheet struct {
	// one: a single object. JSON shows it bare, a table shows its fields below
	// one another.
	one     bool
	columns []string
	rows    [][]string
	// names is what -o name prints, one per row.
	names []string
	// items is what JSON and YAML print, one per row.
	items []any
}

// add appends one row.
func (s *sheet) add(item any, name string, cells ...string) {
	s.items = append(s.items, item)
	s.names = append(s.names, name)
	s.rows = append(s.rows, cells)
}

// object is a sheet of one object; pairs are column, cell, column, cell.
func object(item any, name string, pairs ...string) sheet {
	s := sheet{one: true}
	cells := make([]string, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		s.columns = append(s.columns, pairs[i])
		cells = append(cells, pairs[i+1])
	}
	s.add(item, name, cells...)
	return s
}

// show prints a sheet in the format of -o.
func (a *app) show(s sheet) error {
	var err error
	switch a.flags.output {
	case "json":
		err = s.json(a.out)
	case "jsonl":
		err = s.jsonLines(a.out)
	case "yaml":
		err = s.yaml(a.out)
	case "csv":
		err = s.csv(a.out, !a.flags.noHeaders)
	case "name":
		_, err = io.WriteString(a.out, lines(s.names))
	default:
		err = s.table(a.out, !a.flags.noHeaders, a.say.outColour)
	}
	if err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

func lines(words []string) string {
	var b strings.Builder
	for _, w := range words {
		b.WriteString(printable(w) + "\n")
	}
	return b.String()
}

// value is what JSON and YAML show: the object, or a list that is never null.
func (s *sheet) value() any {
	if s.one && len(s.items) == 1 {
		return s.items[0]
	}
	if s.items == nil {
		return []any{}
	}
	return s.items
}

func (s *sheet) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(s.value())
}

func (s *sheet) jsonLines(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, item := range s.items {
		if err := e.Encode(item); err != nil {
			return err
		}
	}
	return nil
}

func (s *sheet) yaml(w io.Writer) error {
	b, err := yaml.Marshal(s.value())
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func (s *sheet) csv(w io.Writer, header bool) error {
	c := csv.NewWriter(w)
	if header {
		if err := c.Write(s.columns); err != nil {
			return err
		}
	}
	for _, row := range s.rows {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = csvCell(cell)
		}
		if err := c.Write(safe); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// csvCell defuses what a spreadsheet would take for a formula.
func csvCell(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func (s *sheet) table(w io.Writer, header, colour bool) error {
	t := table.NewWriter()
	t.SetStyle(plainTable())
	if s.one {
		s.vertical(t, colour)
	} else {
		if len(s.rows) == 0 {
			return nil
		}
		if header {
			t.AppendHeader(tableRow(s.columns, false))
		}
		for _, row := range s.rows {
			t.AppendRow(tableRow(row, colour))
		}
	}
	for _, line := range strings.Split(t.Render(), "\n") {
		if _, err := io.WriteString(w, strings.TrimRight(line, " ")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// vertical puts the fields of one object below one another, empty ones left out.
func (s *sheet) vertical(t table.Writer, colour bool) {
	for i, cell := range s.rows[0] {
		if cell != "" {
			t.AppendRow(tableRow([]string{s.columns[i], cell}, colour))
		}
	}
}

func tableRow(cells []string, colour bool) table.Row {
	row := make(table.Row, len(cells))
	for i, cell := range cells {
		if cell == "" {
			cell = "-"
		}
		row[i] = paintWord(colour, printable(cell))
	}
	return row
}

// paintWord colours the words of state, so that trouble is seen first.
func paintWord(on bool, word string) string {
	switch word {
	case "good", "active", "ok", "yes", "created":
		return paint(on, green, word)
	case "held", "expected", "warning", "changed", "unknown":
		return paint(on, yellow, word)
	case "revoked", "decommissioned", "scrapped", "failed", "error", "void", "expired":
		return paint(on, red, word)
	}
	return word
}

// plainTable has no borders: columns that a person reads and awk splits.
func plainTable() table.Style {
	style := table.StyleDefault
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = "   "
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatUpper
	style.Format.HeaderVAlign = text.VAlignTop
	return style
}

// when is a time as people read it, empty for none.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// list is several words in one cell.
func list(words []string) string { return strings.Join(words, ",") }
