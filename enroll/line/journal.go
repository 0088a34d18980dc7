package line

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// journalFormat is the first line's word for what follows.
const journalFormat = "assay-line/v1"

// heading is the first line of a journal: whose it is.
type heading struct {
	Journal string `json:"journal"`
	Batch   string `json:"batch"`
	Product string `json:"product"`
	Station string `json:"station"`
	Site    string `json:"site,omitempty"`
	Line    string `json:"line,omitempty"`
}

// States of a unit. A pending unit waits for an operator.
const (
	stateSent    = "sent"
	stateDone    = "done"
	stateRefused = "refused"
	statePending = "pending"
)

// entry is any other line: what became of a unit. The last one counts.
type entry struct {
	At     time.Time `json:"at"`
	Serial string    `json:"serial"`
	State  string    `json:"state"`
	// Request is the SHA-256 of the CSR, in hex.
	Request string `json:"request_sha256,omitempty"`
	// Certificate is the serial number in hex, SHA256 that of its DER.
	Certificate string `json:"certificate,omitempty"`
	SHA256      string `json:"sha256,omitempty"`
	Reason      string `json:"reason,omitempty"`
	Text        string `json:"text,omitempty"`
}

func (e entry) valid() bool {
	switch e.State {
	case stateSent, stateDone, stateRefused, statePending:
		return e.Serial != "" && !e.At.IsZero()
	}
	return false
}

// journal is a file that only grows. Its methods may be called concurrently.
type journal struct {
	file  *os.File
	lines chan waiting
	// ended is closed when the writer has ended.
	ended chan struct{}

	mu sync.Mutex
	// units is the last entry of each serial, first and last when anything
	// was written at all.
	units       map[string]entry
	first, last time.Time
}

// waiting is a line on its way to the disk.
type waiting struct {
	entry   entry
	line    []byte
	durable chan error
}

// openJournal reads the journal at path, drops what a kill cut off its end,
// and appends from there. A new one gets the heading; one with another heading
// is ErrJournal.
func openJournal(path string, want heading) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, publicMode)
	if err != nil {
		return nil, err
	}
	j := &journal{file: f, lines: make(chan waiting), ended: make(chan struct{}), units: map[string]entry{}}
	if err := j.recover(path, want); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	go j.write()
	return j, nil
}

func (j *journal) recover(path string, want heading) error {
	good, err := j.read(j.file, want)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := j.file.Truncate(good); err != nil {
		return err
	}
	if _, err := j.file.Seek(good, io.SeekStart); err != nil {
		return err
	}
	if good == 0 {
		line, err := json.Marshal(want)
		if err != nil {
			return err
		}
		if _, err := j.file.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return errors.Join(j.file.Sync(), syncDir(filepath.Dir(path)))
}

// read returns how many octets from the beginning are good. A line is not good
// when it has no end or says nothing that we know; a good one behind such a
// one means damage, not a kill.
func (j *journal) read(file io.Reader, want heading) (good int64, err error) {
	in := bufio.NewReaderSize(file, maxJournalLine)
	cut := false
	for number := 1; ; number++ {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return good, nil // what stands behind the last line end
		case errors.Is(err, bufio.ErrBufferFull):
			line = nil
		case err != nil:
			return 0, err
		}
		ok, err := j.understand(number, line, want, !cut)
		switch {
		case err != nil:
			return 0, err
		case !ok:
			cut = true
		case cut:
			return 0, fmt.Errorf("%w: damaged before line %d: keep it, and go on in a new directory", ErrJournal, number)
		default:
			good += int64(len(line))
		}
	}
}

// understand reads one line; an entry is kept if keep says so.
func (j *journal) understand(number int, line []byte, want heading, keep bool) (bool, error) {
	if number == 1 {
		return isHeading(line, want)
	}
	var e entry
	if err := unmarshal(line, &e); err != nil || !e.valid() {
		return false, nil
	}
	if keep {
		j.keep(e)
	}
	return true, nil
}

func isHeading(line []byte, want heading) (bool, error) {
	var got heading
	if err := unmarshal(line, &got); err != nil || got.Journal == "" {
		return false, nil
	}
	if got != want {
		return false, fmt.Errorf("%w: it is of batch %s, product %s, station %s", ErrJournal, got.Batch, got.Product, got.Station)
	}
	return true, nil
}

// keep is called in the order of the file.
func (j *journal) keep(e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.first.IsZero() {
		j.first = e.At
	}
	j.last = e.At
	j.units[e.Serial] = e
}

func unmarshal(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// unit is the last entry of a serial; its State is empty without one.
func (j *journal) unit(serial string) entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.units[serial]
}

// add appends an entry; it is durable when add returns.
func (j *journal) add(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if len(line) >= maxJournalLine {
		return fmt.Errorf("%w: a line of %d octets", ErrJournal, len(line))
	}
	w := waiting{entry: e, line: append(line, '\n'), durable: make(chan error, 1)}
	j.lines <- w
	if err := <-w.durable; err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// write makes the lines durable, those that wait together with one fsync. After
// an error nothing more is written: what is on the disk is not known.
func (j *journal) write() {
	defer close(j.ended)
	var failed error
	for w := range j.lines {
		group := j.group(w)
		if failed == nil {
			var text []byte
			for _, w := range group {
				text = append(text, w.line...)
			}
			if _, failed = j.file.Write(text); failed == nil {
				failed = j.file.Sync()
			}
		}
		for _, w := range group {
			if failed == nil {
				j.keep(w.entry)
			}
			w.durable <- failed
		}
	}
}

// group is w and what waits besides it.
func (j *journal) group(w waiting) []waiting {
	group := []waiting{w}
	for len(group) < maxGroup {
		select {
		case next, ok := <-j.lines:
			if !ok {
				return group
			}
			group = append(group, next)
		default:
			return group
		}
	}
	return group
}

// close waits for the writer; nobody may add any more.
func (j *journal) close() error {
	close(j.lines)
	<-j.ended
	return j.file.Close()
}
