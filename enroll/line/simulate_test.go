package line_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-pki/assay/enroll/client/clienttest"
	"github.com/assay-pki/assay/enroll/line"
	"github.com/assay-pki/assay/enroll/wire"
)

func serials(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("SN-%04d", i+1)
	}
	return out
}

var firmware = []line.Digest{{Component: "firmware", SHA256: bytes.Repeat([]byte{0xab}, 32)}}

// simulate makes devices that keep their keys beside the certificates.
func (p *plant) simulate(n int, change ...func(*line.SimulationConfig)) *line.Simulation {
	p.t.Helper()
	config := line.SimulationConfig{
		Serials: serials(n), Dir: filepath.Join(filepath.Dir(p.out), "devices"), Product: "sensor",
		Evidence: line.EvidenceSelf, Digests: firmware, Station: p.open(),
	}
	for _, f := range change {
		f(&config)
	}
	s, err := line.NewSimulation(config)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *plant) nonces() (n int) {
	for _, r := range p.Requests() {
		if strings.HasSuffix(r.URL.Path, "/nonce") {
			n++
		}
	}
	return n
}

// 8 workers share the connections of one client; each uses the nonce that it
// asked for, over whatever connection.
func TestNoGoodNonceIsRefusedToAPooledClient(t *testing.T) {
	for _, kind := range []string{line.EvidenceSelf, line.EvidenceStation} {
		p := newPlant(t)
		p.Nonces, p.Evidence = true, true
		r := p.run(p.simulate(60, func(c *line.SimulationConfig) { c.Evidence = kind }))
		p.agree(r)
		if !r.Complete() || p.nonces() != 60 {
			t.Errorf("%s: %d nonces for 60 devices, %+v", kind, p.nonces(), r)
		}
	}
}

func TestSimulationRepeatsTheSameRequest(t *testing.T) {
	p := newPlant(t)
	p.Nonces, p.Evidence = true, true
	p.Gate = func(_ *http.Request, operation string) http.HandlerFunc {
		if operation == wire.OpSimpleEnroll {
			return clienttest.Refuse(503, "overloaded", "later.", "9000")
		}
		return nil
	}
	if _, err := p.line(p.simulate(4)).Run(t.Context()); !errors.Is(err, line.ErrUnavailable) {
		t.Fatalf("got %v, want %v", err, line.ErrUnavailable)
	}
	asked := p.nonces()
	first, err := p.simulate(4).Request("SN-0001")
	if err != nil || first.CSR == nil {
		t.Fatalf("no request was kept: %v", err)
	}
	p.Gate = nil
	r := p.run(p.simulate(4))
	p.agree(r)
	// The first was asked for; the others waited for its answer.
	if got := p.nonces() - asked; !r.Complete() || got != 3 {
		t.Errorf("%d nonces more, want 3; %+v", got, r)
	}
}

// Nonces expired between two runs: the request is made anew, with the same key.
func TestSimulationMakesStaleRequestsAnew(t *testing.T) {
	p := newPlant(t)
	p.Nonces, p.Evidence = true, true
	stop := clienttest.Refuse(403, "batch-paused", "paused.", "")
	p.Decide = func(*wire.CSR) http.HandlerFunc { return stop }
	if _, err := p.line(p.simulate(4)).Run(t.Context()); !errors.Is(err, line.ErrStopped) {
		t.Fatalf("got %v, want %v", err, line.ErrStopped)
	}
	p.Decide = nil
	p.DropNonces()
	r := p.run(p.simulate(4))
	p.agree(r)
	if !r.Complete() {
		t.Errorf("receipt: %+v", r)
	}
}

func TestWrongFirmwareIsSpreadEvenly(t *testing.T) {
	p := newPlant(t)
	p.Decide = func(csr *wire.CSR) http.HandlerFunc {
		if !bytes.Contains(csr.Attribute(wire.OIDAttestation)[0], firmware[0].SHA256) {
			return clienttest.Refuse(403, "firmware-unknown", "no.", "")
		}
		return nil
	}
	r := p.run(p.simulate(20, func(c *line.SimulationConfig) { c.Wrong = 4 }))
	p.agree(r)
	if r.Done != 16 || r.Refused["firmware-unknown"] != 4 {
		t.Errorf("receipt: %+v", r)
	}
	table := read(t, filepath.Join(p.out, "certificates.csv"))
	for _, serial := range []string{"SN-0001", "SN-0006", "SN-0011", "SN-0016"} {
		if !strings.Contains(table, serial+",refused") {
			t.Errorf("%s was not refused:\n%s", serial, table)
		}
	}
}

func TestNonceOfABatch(t *testing.T) {
	p := newPlant(t)
	nonce := bytes.Repeat([]byte{7}, 32)
	p.Decide = func(csr *wire.CSR) http.HandlerFunc {
		if !bytes.Contains(csr.Attribute(wire.OIDAttestation)[0], nonce) {
			return clienttest.Refuse(403, "nonce-invalid", "no.", "")
		}
		return nil
	}
	if r := p.run(p.simulate(3, func(c *line.SimulationConfig) { c.Nonce = nonce })); !r.Complete() || p.nonces() != 0 {
		t.Errorf("%d nonces fetched, %+v", p.nonces(), r)
	}
}

func TestSimulationRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]line.SimulationConfig{
		"nobody":              {Evidence: "none"},
		"twice":               {Serials: []string{"a", "a"}, Evidence: "none"},
		"empty serial":        {Serials: []string{""}, Evidence: "none"},
		"long serial":         {Serials: []string{strings.Repeat("x", 65)}, Evidence: "none"},
		"control characters":  {Serials: []string{"a\nb"}, Evidence: "none"},
		"evidence":            {Serials: []string{"a"}, Evidence: "dice", Digests: firmware},
		"no digest":           {Serials: []string{"a"}, Evidence: "self"},
		"digest for nothing":  {Serials: []string{"a"}, Evidence: "none", Digests: firmware},
		"no station":          {Serials: []string{"a"}, Evidence: "station", Digests: firmware},
		"more wrong than all": {Serials: []string{"a"}, Evidence: "self", Digests: firmware, Wrong: 2},
		"negative":            {Serials: []string{"a"}, Evidence: "self", Digests: firmware, Wrong: -1},
		"wrong of nothing":    {Serials: []string{"a"}, Evidence: "none", Wrong: 1},
	} {
		c.Dir = dir
		if _, err := line.NewSimulation(c); !errors.Is(err, line.ErrConfig) {
			t.Errorf("%s: got %v, want %v", name, err, line.ErrConfig)
		}
	}
}

func TestKeptDeviceThatIsDamagedStopsTheRun(t *testing.T) {
	p := newPlant(t)
	s := p.simulate(1, func(c *line.SimulationConfig) { c.Evidence, c.Digests = line.EvidenceNone, nil })
	write(t, filepath.Join(filepath.Dir(p.out), "devices", "SN-0001.pem"), []byte("x"))
	if r, err := p.line(s).Run(t.Context()); err == nil || r.Left != 1 {
		t.Errorf("got %v, %+v", err, r)
	}
}

// TestMain lets the tests kill a run that is a process of its own.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LINE_TEST_PLANT"); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

const killUnits = 120

func child(dir string) int {
	station, err := line.OpenStation(filepath.Join(dir, "station"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s, err1 := line.NewSimulation(line.SimulationConfig{
		Serials: serials(killUnits), Dir: filepath.Join(dir, "devices"), Product: "sensor",
		Evidence: line.EvidenceSelf, Digests: firmware,
	})
	l, err2 := line.New(line.Config{Station: station, Product: "sensor", Batch: "w47", Source: s, Out: filepath.Join(dir, "out")})
	if err := errors.Join(err1, err2); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if _, err := l.Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// killer ends a process at its so many-th request.
type killer struct {
	mu    sync.Mutex
	cmd   *exec.Cmd
	after int
}

func (k *killer) decide(*wire.CSR) http.HandlerFunc {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.after--; k.after == 0 {
		_ = k.cmd.Process.Kill()
	}
	return nil
}

// start starts a process that is killed after so many requests.
func (k *killer) start(cmd *exec.Cmd, after int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cmd, k.after = cmd, after
	return cmd.Start()
}

// The process is killed at moments of its work: when it asked and has no answer
// yet, so that certificates are issued that it does not know of.
func TestKilledRunGoesOn(t *testing.T) {
	p := newPlant(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var k killer
	p.Change(func(s *clienttest.Server) { s.Nonces, s.Evidence, s.Decide = true, true, k.decide })
	for _, after := range []int{1, 17, 40} {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), "LINE_TEST_PLANT="+filepath.Dir(p.out))
		var messages bytes.Buffer
		cmd.Stderr = &messages
		if err := k.start(cmd, after); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || messages.Len() > 0 {
			t.Fatalf("after %d: not killed: %v, %s", after, err, messages.String())
		}
	}
	before := len(p.Issued())
	if before == 0 || before >= killUnits {
		t.Fatalf("%d certificates issued before the last run", before)
	}
	r := p.run(p.simulate(killUnits))
	p.agree(r)
	if !r.Complete() || r.Done != killUnits || len(p.Issued()) != killUnits {
		t.Errorf("issued %d, %+v", len(p.Issued()), r)
	}
}

func TestSerialsOfTheReceiptAreThoseOfTheServer(t *testing.T) {
	p := newPlant(t)
	r := p.run(p.simulate(3, func(c *line.SimulationConfig) { c.Evidence, c.Digests = line.EvidenceNone, nil }))
	var want []string
	for _, cert := range p.Issued() {
		want = append(want, hex.EncodeToString(cert.SerialNumber.Bytes()))
	}
	var got []string
	for _, row := range strings.Split(strings.TrimSpace(read(t, filepath.Join(p.out, "certificates.csv"))), "\n")[1:] {
		got = append(got, strings.Split(row, ",")[2])
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || r.First.After(r.Last) || time.Since(r.Last) > time.Hour {
		t.Errorf("got %v, want %v; %+v", got, want, r)
	}
}
