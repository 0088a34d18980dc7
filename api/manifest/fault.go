package manifest

import (
	"fmt"
	"strings"
)

// Fault is one thing wrong with a file.
type Fault struct {
	// Line counts from 1; in JSON it is where the device begins.
	Line int
	// Column counts the columns of CSV from 1; 0 for the whole row, and in JSON.
	Column int
	// Name is the column's or the member's, as devices[0].serial; empty for the
	// whole row of CSV.
	Name   string
	Reason string
}

// String is on one line: line 3, column 1 (serial): reason.
func (f Fault) String() string {
	s := fmt.Sprintf("line %d", f.Line)
	switch {
	case f.Column > 0 && f.Name != "":
		s += fmt.Sprintf(", column %d (%s)", f.Column, f.Name)
	case f.Column > 0:
		s += fmt.Sprintf(", column %d", f.Column)
	case f.Name != "":
		s += ", " + f.Name
	}
	return s + ": " + f.Reason
}

// FaultsError is what is wrong with a file: the first MaxFaults in its order, and
// how many there are.
type FaultsError struct {
	Faults []Fault
	Total  int
}

// Error lists the faults on one line.
func (e *FaultsError) Error() string {
	parts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		parts[i] = f.String()
	}
	if more := e.Total - len(e.Faults); more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}

func (e *FaultsError) add(f Fault) {
	e.Total++
	if len(e.Faults) < MaxFaults {
		e.Faults = append(e.Faults, f)
	}
}
