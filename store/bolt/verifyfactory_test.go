package bolt

import (
	"errors"
	"testing"

	"github.com/assay-pki/assay/store"
)

// TestVerifyFactory: records that decode and contradict each other are found.
func TestVerifyFactory(t *testing.T) {
	for name, spoil := range map[string]func(*writeTx) error{
		"counter of a batch": func(w *writeTx) error {
			b, _ := w.batch("w47")
			b.Used = 2
			return w.putBatch(&b)
		},
		"counter of a station": func(w *writeTx) error {
			st, _ := w.station("s1")
			st.Used++
			return w.putStation(&st)
		},
		"batch of a device": func(w *writeTx) error { return w.delete(batchBucket, []byte("w47")) },
		"vendor id":         func(w *writeTx) error { return w.put(vendorBucket, pairKey("sensor", "V2"), []byte("\x01E1")) },
		"open incident":     func(w *writeTx) error { return w.put(openBucket, pairKey("clock", ""), numberValue(1)) },
		"station's certificate": func(w *writeTx) error {
			st, _ := w.station("s1")
			st.Certificates = []store.Ref{{Issuer: 1, Index: 1000}}
			return w.putStation(&st)
		},
	} {
		s := createTest(t, testConfig(t))
		found(t, s)
		fillRest(t, s, store.Actor{Principal: "node", At: testTime()})
		if err := s.Verify(t.Context()); err != nil {
			t.Fatalf("sound store: %v", err)
		}
		if err := s.do(t.Context(), spoil); err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(t.Context()); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: error is %v, want %v", name, err, store.ErrCorrupt)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
