package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/line"
)

// TestLineQuota: a batch of N devices gets N, however many workers ask at once,
// and the next unit is refused.
func TestLineQuota(t *testing.T) {
	const quota, over = 60, 20
	w := newWorks(t)
	w.want(exitOK, "product", "create", "gate")
	w.want(exitOK, "batch", "create", "q1", "--product", "gate", "--quota", fmt.Sprint(quota), "--site", "leipzig", "--line", "l3")
	w.makeStation()
	for _, row := range []struct {
		first, count int
		done         int
	}{
		{1, quota + over, quota},
		{1000, 1, quota},
	} {
		r := shownAs[line.Receipt](w, exitPartial, w.simulate("gate", "q1", row.count, "--first", fmt.Sprint(row.first), "--workers", "8")...)
		refused := map[string]int{"quota-exhausted": r.Units - quota}
		if r.Done != row.done || !maps.Equal(r.Refused, refused) {
			t.Errorf("from %d on: %d done, refused %v; want %d and %v", row.first, r.Done, r.Refused, row.done, refused)
		}
	}
	if b := shownAs[v1.Batch](w, exitOK, "batch", "show", "q1"); b.Used != quota || b.Left != 0 {
		t.Errorf("batch: %d used, %d left; want %d and 0", b.Used, b.Left, quota)
	}
	certificates := map[string]int{}
	for _, c := range allOf[v1.Certificate](w, "cert", "list", "--product", "gate") {
		certificates[c.Device]++
	}
	wantOneEach(t, "certificates", certificates, quota)
}

// TestLineNonces: eight workers over one pool of connections, with evidence of
// each kind. The server refuses no nonce: all are good, and each is its own.
func TestLineNonces(t *testing.T) {
	units := 400
	if torture() {
		units = 20_000
	}
	w := newWorks(t)
	digest := w.goods("meter", "--evidence", "station")
	w.want(exitOK, "batch", "create", "q2", "--product", "meter", "--quota", fmt.Sprint(3*units), "--site", "leipzig", "--line", "l3")
	w.makeStation()
	w.requests(units/2, 2*units+1)
	for _, row := range []struct {
		name    string
		units   int
		command []string
	}{
		{"the station says it in the request", units, w.simulate("meter", "q2", units, "--evidence", "station", "--digest", digest)},
		{"the station says it about a request", units / 2, []string{
			"line", "run", "--station", w.station, "--product", "meter", "--batch", "q2", "--in", "in", "--out", "out", "--digest", digest,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := w.answers()["simpleenroll issued"]
			r := shownAs[line.Receipt](w, exitOK, append(row.command, "--workers", "8")...)
			if r.Done != row.units || !r.Complete() {
				t.Errorf("receipt: %+v, want %d done", r, row.units)
			}
			if d := cmp.Diff(map[string]int{"simpleenroll issued": before + row.units}, w.answers()); d != "" {
				t.Errorf("answers of the server: -want +got\n%s", d)
			}
		})
	}
	for _, e := range allOf[v1.Event](w, "audit", "log") {
		if e.Name == "enrolment.refused" || e.Name == "incident.opened" {
			t.Errorf("%s of %s: %s %v", e.Name, e.Object, e.Reason, e.Detail)
		}
	}
}

// requests writes CSRs that devices made, into the directory in.
func (w *works) requests(count, first int) {
	w.t.Helper()
	for i := range count {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			w.t.Fatal(err)
		}
		csr, err := client.NewCSR(key, deviceName(demoSerial(first+i)))
		if err != nil {
			w.t.Fatal(err)
		}
		w.write(fmt.Sprintf("in/%d.csr", i), string(csr))
	}
}
