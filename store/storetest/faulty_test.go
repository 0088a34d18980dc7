package storetest

import (
	"errors"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/bolt"
)

func engine(t *testing.T) store.Store {
	t.Helper()
	s, err := bolt.Create(bolt.Config{Path: filepath.Join(t.TempDir(), "assay.db"), InitialMmapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFaultyIsAStore: without orders it passes the suite.
func TestFaultyIsAStore(t *testing.T) {
	Run(t, func(t *testing.T) store.Store { return NewFaulty(engine(t)) })
}

func TestFaultyPairs(t *testing.T) {
	for _, fault := range Faults() {
		t.Run(fault.String(), func(t *testing.T) {
			f := NewFaulty(engine(t))
			defer f.Close()
			w := newWorld(t, f)
			f.Fail("Issue", fault)
			i := w.issuance(order{serial: "A1"})
			_, err := f.Issue(t.Context(), i)
			w.is(err, store.ErrUnavailable)
			_, err = f.Certificate(t.Context(), i.Certificate.Ref)
			if stored := err == nil; stored != (fault == Stored) {
				t.Errorf("stored %t (%v)", stored, err)
			}
			if f.Pending() != 0 || f.Calls("Issue") != 1 {
				t.Errorf("%d faults are pending after %d calls", f.Pending(), f.Calls("Issue"))
			}
			w.issue(order{serial: "A2"})
		})
	}
}

// TestFaultyRefusal: what the store refuses was stored nowhere, and is refused.
func TestFaultyRefusal(t *testing.T) {
	f := NewFaulty(engine(t))
	defer f.Close()
	w := newWorld(t, f)
	f.Fail("Found", Stored)
	w.is(f.Found(t.Context(), w.founding()), store.ErrExists)
}

// TestFaultyNamesEveryMethod calls each method of the contract with a fault: it
// must fail before the store behind it, which is none, is asked.
func TestFaultyNamesEveryMethod(t *testing.T) {
	contract := reflect.TypeFor[store.Store]()
	for m := range contract.Methods() {
		f := NewFaulty(nil)
		if m.Name == "Close" {
			continue // a method value of no store cannot be taken
		}
		f.Fail(m.Name, NotStored)
		method := reflect.ValueOf(f).MethodByName(m.Name)
		var in []reflect.Value
		for i := range method.Type().NumIn() {
			if p := method.Type().In(i); i == 0 {
				in = append(in, reflect.ValueOf(t.Context()))
			} else if !method.Type().IsVariadic() || i < method.Type().NumIn()-1 {
				in = append(in, reflect.Zero(p))
			}
		}
		out := method.Call(in)
		if err, _ := out[len(out)-1].Interface().(error); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, want %v", m.Name, err, store.ErrUnavailable)
		}
	}
}
