package profile

import (
	"fmt"
	"strings"
)

// Fault is one thing wrong with a document.
type Fault struct {
	// At is the field's path: operational.san.dns[1]. Empty for the whole.
	At string `json:"at"`
	// Reason says what is wrong and what to write instead.
	Reason string `json:"reason"`
}

// FaultsError is everything that is wrong with a document, in its order; at
// most 100 are listed.
type FaultsError struct {
	Faults []Fault
}

// Error lists the faults on one line.
func (e *FaultsError) Error() string {
	parts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		parts[i] = f.Reason
		if f.At != "" {
			parts[i] = f.At + ": " + f.Reason
		}
	}
	return strings.Join(parts, "; ")
}

// faults collects what is wrong.
type faults struct {
	list []Fault
	more int
}

func (f *faults) add(at, format string, args ...any) {
	if len(f.list) >= maxFaults {
		f.more++
		return
	}
	f.list = append(f.list, Fault{At: at, Reason: fmt.Sprintf(format, args...)})
}

// has tells whether a field or something in it is faulty already.
func (f *faults) has(at string) bool {
	for _, x := range f.list {
		rest, ok := strings.CutPrefix(x.At, at)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	list := f.list
	if f.more > 0 {
		list = append(list, Fault{Reason: fmt.Sprintf("and %d more", f.more)})
	}
	return &FaultsError{Faults: list}
}

// at joins a path and a key.
func at(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
