package line

import (
	"bytes"
	"context"
	"time"
)

// SetWait replaces how workers wait.
func (l *Line) SetWait(wait func(context.Context, time.Duration) error) { l.wait = wait }

// FileName is what is tested from outside.
var FileName = fileName

// ReadJournal reads the text of a journal: how much of it is good, and the
// last state of each unit.
func ReadJournal(text []byte) (good int64, states map[string]string, err error) {
	j := &journal{units: map[string]entry{}}
	good, err = j.read(bytes.NewReader(text), heading{journalFormat, "b", "p", "s", "", ""})
	states = map[string]string{}
	for serial, e := range j.units {
		states[serial] = e.State
	}
	return good, states, err
}
