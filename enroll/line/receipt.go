package line

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// receiptFormat names the document.
const receiptFormat = "assay-line-receipt/v1"

// Receipt says what became of the units, those of earlier runs included. The
// same journal and the same units give the same receipt.
type Receipt struct {
	Format    string `json:"receipt"`
	Authority string `json:"authority,omitempty"`
	Batch     string `json:"batch"`
	Product   string `json:"product"`
	Station   string `json:"station"`
	Site      string `json:"site,omitempty"`
	Line      string `json:"line,omitempty"`
	// Units is the sum of the counts below. Refused is by reason; Pending
	// waits for an operator; Left had no answer yet.
	Units   int            `json:"units"`
	Done    int            `json:"done"`
	Refused map[string]int `json:"refused"`
	Pending int            `json:"pending"`
	Left    int            `json:"left"`
	// First and Last are the times of the journal's first and last entry.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Journal and Certificates are the SHA-256 of the two files, in hex.
	Journal      string `json:"journal_sha256"`
	Certificates string `json:"certificates_sha256"`
}

// RefusedUnits is the sum of Refused.
func (r *Receipt) RefusedUnits() (n int) {
	for _, units := range r.Refused {
		n += units
	}
	return n
}

// Complete says that every unit has a certificate.
func (r *Receipt) Complete() bool { return r.Done == r.Units }

// Plan is the receipt as it would be if a run were stopped at once: units that
// have no answer yet are left. It changes nothing, and has no hashes.
func (l *Line) Plan() (*Receipt, error) {
	l.journal = &journal{units: map[string]entry{}}
	f, err := os.Open(l.path(journalName))
	if err == nil {
		defer f.Close()
		_, err = l.journal.read(f, l.heading)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	r := l.blank()
	_, err = l.table(r)
	return r, err
}

// blank has no counts yet.
func (l *Line) blank() *Receipt {
	h := l.heading
	return &Receipt{
		Format: receiptFormat, Authority: l.config.Station.Authority, Batch: h.Batch, Product: h.Product,
		Station: h.Station, Site: h.Site, Line: h.Line,
		Refused: map[string]int{}, First: l.journal.first, Last: l.journal.last,
	}
}

// receipt is made when the journal is closed, and written.
func (l *Line) receipt() (*Receipt, error) {
	r := l.blank()
	table, err := l.table(r)
	if err != nil {
		return r, fmt.Errorf("make the receipt: %w", err)
	}
	r.Certificates = hashOf(table)
	if r.Journal, err = hashFile(l.path(journalName)); err != nil {
		return r, fmt.Errorf("make the receipt: %w", err)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return r, fmt.Errorf("make the receipt: %w", err)
	}
	err = errors.Join(
		writeFile(l.path(tableName), table, publicMode),
		writeFile(l.path(receiptName), append(text, '\n'), publicMode),
	)
	if err != nil {
		return r, fmt.Errorf("write the receipt: %w", err)
	}
	return r, nil
}

// table is the CSV of all units, by serial, and counts them.
func (l *Line) table(r *Receipt) ([]byte, error) {
	units := maps.Clone(l.journal.units)
	for _, serial := range l.config.Source.Units() {
		if _, ok := units[serial]; !ok {
			units[serial] = entry{Serial: serial}
		}
	}
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	err := w.Write([]string{"serial", "state", "certificate", "sha256", "reason", "at"})
	for _, serial := range slices.Sorted(maps.Keys(units)) {
		e := units[serial]
		state, at := e.State, ""
		switch state {
		case stateDone:
			r.Done++
		case stateRefused:
			r.Refused[e.Reason]++
		case statePending:
			r.Pending++
		default:
			r.Left++
			state = "left"
		}
		r.Units++
		if !e.At.IsZero() {
			at = e.At.Format(time.RFC3339)
		}
		err = errors.Join(err, w.Write([]string{cell(serial), state, e.Certificate, e.SHA256, cell(e.Reason), at}))
	}
	w.Flush()
	return text.Bytes(), errors.Join(err, w.Error())
}

// cell defuses what a spreadsheet would take for a formula.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
