package manifest

import (
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/assay-pki/assay/store"
)

// WriteCSV writes rows with the columns that any of them has. Cells that a
// spreadsheet would take for a formula are escaped.
func WriteCSV(w io.Writer, rows []store.Expectation) error {
	columns := columnsOf(rows)
	header := make([]string, len(columns))
	for i := range columns {
		header[i] = columns[i].name
	}
	out := csv.NewWriter(w)
	if err := out.Write(header); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	record := make([]string, len(columns))
	for i := range rows {
		for j := range columns {
			record[j] = EscapeCell(columns[j].get(&rows[i]))
		}
		if err := out.Write(record); err != nil {
			return fmt.Errorf("write the manifest: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	return nil
}

// EscapeCell puts a ' before a cell that begins with = + - @ TAB or CR.
func EscapeCell(s string) string {
	if s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
		return "'" + s
	}
	return s
}

// written is a column of an export.
type written struct {
	name string
	get  func(*store.Expectation) string
}

func columnsOf(rows []store.Expectation) []written {
	list := []written{{"serial", func(e *store.Expectation) string { return e.Serial }}}
	for _, col := range []written{
		{"vendor_id", func(e *store.Expectation) string { return e.VendorID }},
		{"public_key_sha256", func(e *store.Expectation) string { return hex.EncodeToString(e.KeySHA256) }},
		{"ak_name", func(e *store.Expectation) string { return hex.EncodeToString(e.AKName) }},
		{"dice_key_sha256", func(e *store.Expectation) string { return hex.EncodeToString(e.DICEKeySHA256) }},
		{"eat_id", func(e *store.Expectation) string { return hex.EncodeToString(e.EATID) }},
		{"site", func(e *store.Expectation) string { return e.Site }},
		{"line", func(e *store.Expectation) string { return e.Line }},
	} {
		for i := range rows {
			if col.get(&rows[i]) != "" {
				list = append(list, col)
				break
			}
		}
	}
	return append(list, attributeColumns(rows)...)
}

func attributeColumns(rows []store.Expectation) (list []written) {
	var names []string
	for i := range rows {
		for _, a := range rows[i].Attributes {
			if !slices.Contains(names, a.Name) {
				names = append(names, a.Name)
			}
		}
	}
	slices.Sort(names)
	for _, name := range names {
		list = append(list, written{attrPrefix + name, func(e *store.Expectation) string {
			for _, a := range e.Attributes {
				if a.Name == name {
					return a.Value
				}
			}
			return ""
		}})
	}
	return list
}
