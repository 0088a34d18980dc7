package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/line"
)

// TestLineKilled: a simulated line with wrong firmware and with serials that
// nobody ordered; client and server are killed by turns. In the end journal,
// receipt, certificates, batch, devices and the audit log agree to the unit.
func TestLineKilled(t *testing.T) {
	units, rounds := 2000, 2
	if torture() {
		units, rounds = 20_000, 20
	}
	w := newWorks(t)
	digest := w.goods("meter", "--evidence", "self")
	want := map[string]string{} // by serial
	manifest := new(strings.Builder)
	manifest.WriteString("serial\n")
	wrong := units / 40
	for i := range wrong {
		want[demoSerial(i*units/wrong+1)] = "firmware-unknown"
	}
	for n := 1; n <= units; n++ {
		if n%50 == 7 {
			want[demoSerial(n)] = "serial-not-in-manifest"
			continue
		}
		if want[demoSerial(n)] == "" {
			want[demoSerial(n)] = "done"
		}
		fmt.Fprintln(manifest, demoSerial(n))
	}
	w.write("w47.csv", manifest.String())
	w.want(exitOK, "batch", "create", "w47", "--product", "meter", "--manifest", "w47.csv", "--site", "leipzig", "--line", "l3")
	w.makeStation()

	command := w.simulate("meter", "w47", units, "--digest", digest, "--bad-firmware", strconv.Itoa(wrong))
	w.killByTurns(command, 2*units, 2*rounds)
	receipt := shownAs[line.Receipt](w, exitPartial, command...)
	again := shownAs[line.Receipt](w, exitPartial, command...)
	if d := cmp.Diff(receipt, again); d != "" {
		t.Errorf("with nothing left to do the receipt changes:\n%s", d)
	}

	w.wantOutcome("w47", receipt, want)
	w.wantServer("meter", "w47", want, 8*2*rounds)
	w.want(exitOK, "audit", "verify")
}

// killByTurns runs the line and kills, so many times, client and server by
// turns, at random lengths of the journal spread over the run.
func (w *works) killByTurns(command []string, lines, kills int) {
	w.t.Helper()
	client := w.start(command...)
	for i := range kills {
		step := lines * 9 / 10 / kills
		at := i*step + 1 + rand.N(step)
		w.awaitJournal(client, "line-w47/journal.jsonl", at)
		if i%2 == 0 {
			w.t.Logf("kill the line at %d of %d lines", at, lines)
			w.kill(client)
			client = w.start(command...)
			continue
		}
		w.t.Logf("kill the server at %d of %d lines", at, lines)
		w.kill(w.node)
		w.serve()
	}
	if code := w.await(client); code != exitPartial {
		w.t.Fatalf("the line ends with %d, want %d\n%s", code, exitPartial, client.stderr.String())
	}
}

// awaitJournal waits until a journal has so many lines, with its writer alive.
func (w *works) awaitJournal(writer *process, name string, lines int) {
	w.t.Helper()
	seen, octets := 0, int64(0)
	w.eventually(fmt.Sprintf("%d lines of the journal", lines), func() error {
		text, err := readFrom(w.path(name), octets)
		if err != nil {
			w.t.Fatal(err)
		}
		octets += int64(len(text))
		if seen += bytes.Count(text, []byte("\n")); seen >= lines {
			return nil
		}
		select {
		case err := <-writer.ended:
			w.t.Fatalf("the line ended before it could be killed: %v\n%s", err, writer.stderr.String())
		default:
		}
		return fmt.Errorf("%d", seen)
	})
}

// readFrom is what stands in a file from an offset on; nothing if there is none.
func readFrom(path string, offset int64) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// journalLine is what a journal says of one unit.
type journalLine struct{ Serial, State, Certificate, SHA256, Reason string }

// journal reads the journal of a line: what each unit came to, and that none
// was done twice.
func (w *works) journal(batch string) map[string]journalLine {
	w.t.Helper()
	text, err := os.ReadFile(w.path("line-" + batch + "/journal.jsonl"))
	if err != nil {
		w.t.Fatal(err)
	}
	last := map[string]journalLine{}
	for i, s := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		var e journalLine
		if err := json.Unmarshal([]byte(s), &e); err != nil {
			w.t.Fatalf("journal line %d: %v", i+1, err)
		}
		if i == 0 {
			continue // the heading
		}
		if before := last[e.Serial].State; before == "done" || before == "refused" {
			w.t.Errorf("%s was %s, and then %s", e.Serial, before, e.State)
		}
		last[e.Serial] = e
	}
	return last
}

// wantOutcome wants the line's own files to say what became of each unit: done,
// or the reason of a refusal.
func (w *works) wantOutcome(batch string, receipt line.Receipt, want map[string]string) {
	t := w.t
	t.Helper()
	got, refused, done := map[string]string{}, map[string]int{}, 0
	journal := w.journal(batch)
	for serial, e := range journal {
		got[serial] = e.State + e.Reason
		if e.State == "refused" {
			got[serial] = e.Reason
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("journal: -want +got\n%s", d)
	}
	for serial, outcome := range want {
		if outcome != "done" {
			refused[outcome]++
			continue
		}
		done++
		text, err := os.ReadFile(w.path("line-" + batch + "/" + serial + ".crt"))
		if err != nil {
			t.Error(err)
			continue
		}
		block, _ := pem.Decode(text)
		cert, err := x509.ParseCertificate(block.Bytes)
		sum := sha256.Sum256(block.Bytes)
		if e := journal[serial]; err != nil || cert.Subject.SerialNumber != serial ||
			hex.EncodeToString(cert.SerialNumber.Bytes()) != e.Certificate || hex.EncodeToString(sum[:]) != e.SHA256 {
			t.Errorf("%s.crt is not the certificate of the journal: %v", serial, err)
		}
	}
	files, err := filepath.Glob(w.path("line-" + batch + "/*.crt"))
	if err != nil || len(files) != done {
		t.Errorf("%d certificate files, want %d (%v)", len(files), done, err)
	}
	if receipt.Units != len(want) || receipt.Done != done || receipt.Pending+receipt.Left != 0 || !maps.Equal(receipt.Refused, refused) {
		t.Errorf("receipt: %+v; want %d units, %d done, refused %v", receipt, len(want), done, refused)
	}
}

// wantServer wants batch, devices, certificates and events of the server to
// agree with what became of the units. lost is how many answers may have been.
func (w *works) wantServer(product, batch string, want map[string]string, lost int) {
	t := w.t
	t.Helper()
	journal := w.journal(batch)
	done := 0
	devices := map[string]string{} // state by serial, of the manifest
	for serial, outcome := range want {
		switch outcome {
		case "done":
			done++
			devices[serial] = "active"
		case "firmware-unknown":
			devices[serial] = "expected"
		}
	}
	b := shownAs[v1.Batch](w, exitOK, "batch", "show", batch)
	if b.Used != uint64(done) || b.Limit != uint64(len(devices)) || b.Left != b.Limit-b.Used {
		t.Errorf("batch: used %d, left %d, limit %d; want %d used of %d", b.Used, b.Left, b.Limit, done, len(devices))
	}
	got := map[string]string{}
	for _, d := range allOf[v1.Device](w, "device", "list", "--product", product) {
		got[d.Serial] = d.State
	}
	if d := cmp.Diff(devices, got); d != "" {
		t.Errorf("devices: -want +got\n%s", d)
	}
	certificates := map[string]int{}
	for _, c := range allOf[v1.Certificate](w, "cert", "list", "--product", product) {
		_, serial, _ := strings.Cut(c.Device, "/")
		certificates[serial]++
		if e := journal[serial]; c.Serial != e.Certificate || c.SHA256 != e.SHA256 {
			t.Errorf("%s has certificate %s, the journal says %s", serial, c.Serial, e.Certificate)
		}
	}
	wantOneEach(t, "certificates", certificates, done)
	w.wantEvents(product, done, lost)
}

func wantOneEach(t *testing.T, what string, got map[string]int, want int) {
	t.Helper()
	for serial, n := range got {
		if n != 1 {
			t.Errorf("%s has %d %s", serial, n, what)
		}
	}
	if len(got) != want {
		t.Errorf("%d devices have %s, want %d", len(got), what, want)
	}
}

// wantEvents wants the audit log to tell of each device once, and of no refusal
// but those that the units earned.
func (w *works) wantEvents(product string, done, lost int) {
	t := w.t
	t.Helper()
	issued, activated, repeated := map[string]int{}, map[string]int{}, 0
	for _, e := range allOf[v1.Event](w, "audit", "log") {
		if !strings.HasPrefix(e.Object, product+"/") {
			continue
		}
		switch e.Name {
		case "certificate.issued":
			issued[e.Object]++
		case "device.activated":
			activated[e.Object]++
		case "certificate.repeated":
			repeated++
		case "enrolment.refused":
			if e.Reason != "firmware-unknown" && e.Reason != "serial-not-in-manifest" {
				t.Errorf("%s was refused: %s", e.Object, e.Reason)
			}
		case "incident.opened":
			t.Errorf("an incident of %s: %v", e.Object, e.Detail)
		}
	}
	wantOneEach(t, "certificate.issued", issued, done)
	wantOneEach(t, "device.activated", activated, done)
	if repeated > lost {
		t.Errorf("%d answers were repeated, only %d can have been lost", repeated, lost)
	}
	t.Logf("%d answers were lost and repeated", repeated)
}
