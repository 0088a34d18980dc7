package line_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/client/clienttest"
	"github.com/assay-pki/assay/enroll/line"
	"github.com/assay-pki/assay/enroll/wire"
)

// plant is a server, a station's directory, and the two directories of a line.
type plant struct {
	*clienttest.Server
	t                *testing.T
	station, in, out string
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	p := &plant{Server: clienttest.New(t), t: t}
	p.Batch, p.Left = "w47", 1000
	dir := t.TempDir()
	p.station, p.in, p.out = filepath.Join(dir, "station"), filepath.Join(dir, "in"), filepath.Join(dir, "out")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := p.Issuer.Issue(t, &x509.Certificate{
		SerialNumber: big.NewInt(99), Subject: pkix.Name{CommonName: "leipzig-l3-1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, key.Public())
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	info, err := json.Marshal(line.Info{
		EST: p.URL, Authority: "plant", Station: "leipzig-l3-1", Site: "leipzig", Line: "l3",
		Products: []string{"sensor"}, Batches: []string{"w47"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"station.crt":  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}),
		"station.key":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		"ca.crt":       p.RootPEM(),
		"station.json": info,
	} {
		write(t, filepath.Join(p.station, name), text)
	}
	return p
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// requests writes n CSRs, alternately as DER and PEM.
func (p *plant) requests(n int) {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := range n {
		serial := fmt.Sprintf("SN-%04d", i+1)
		csr, err := client.NewCSR(key, pkix.Name{CommonName: serial, SerialNumber: serial})
		if err != nil {
			p.t.Fatal(err)
		}
		if i%2 == 0 {
			csr = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})
		}
		write(p.t, filepath.Join(p.in, fmt.Sprintf("%d.csr", i)), csr)
	}
}

func (p *plant) open() *line.Station {
	p.t.Helper()
	s, err := line.OpenStation(p.station)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *plant) directory() *line.Directory {
	p.t.Helper()
	d, faults, err := line.OpenDirectory(p.in)
	if err != nil || len(faults) > 0 {
		p.t.Fatal(faults, err)
	}
	return d
}

func (p *plant) line(source line.Source, change ...func(*line.Config)) *line.Line {
	p.t.Helper()
	config := line.Config{Station: p.open(), Product: "sensor", Batch: "w47", Source: source, Out: p.out}
	for _, f := range change {
		f(&config)
	}
	l, err := line.New(config)
	if err != nil {
		p.t.Fatal(err)
	}
	l.SetWait(func(ctx context.Context, _ time.Duration) error { return ctx.Err() })
	return l
}

// run runs to the end.
func (p *plant) run(source line.Source, change ...func(*line.Config)) *line.Receipt {
	p.t.Helper()
	r, err := p.line(source, change...).Run(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// agree fails unless server, certificates, journal and receipt say the same.
func (p *plant) agree(r *line.Receipt) {
	p.t.Helper()
	bySerial := map[string]*x509.Certificate{}
	for _, cert := range p.Issued() {
		serial := cert.Subject.SerialNumber
		if bySerial[serial] != nil {
			p.t.Errorf("%s has two certificates", serial)
		}
		bySerial[serial] = cert
	}
	files, err := filepath.Glob(filepath.Join(p.out, "*.crt"))
	if err != nil {
		p.t.Fatal(err)
	}
	if len(files) != r.Done || len(bySerial) != r.Done {
		p.t.Errorf("receipt: %d done; %d files, %d devices at the server", r.Done, len(files), len(bySerial))
	}
	table := read(p.t, filepath.Join(p.out, "certificates.csv"))
	for serial, cert := range bySerial {
		want := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
		if got := read(p.t, filepath.Join(p.out, serial+".crt")); got != want {
			p.t.Errorf("%s.crt is not the certificate that was issued", serial)
		}
		row := serial + ",done," + hex.EncodeToString(cert.SerialNumber.Bytes()) + ","
		if !strings.Contains(table, row) {
			p.t.Errorf("certificates.csv has no row %q", row)
		}
	}
	if sum := r.Done + r.RefusedUnits() + r.Pending + r.Left; sum != r.Units {
		p.t.Errorf("receipt: the counts sum up to %d, want %d", sum, r.Units)
	}
	left, err := filepath.Glob(filepath.Join(p.out, ".*"))
	if err != nil || len(left) > 0 {
		p.t.Errorf("left over: %v, %v", left, err)
	}
}

// files are all files of the output, with their octets.
func (p *plant) files() map[string]string {
	p.t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(p.out)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		all[e.Name()] = read(p.t, filepath.Join(p.out, e.Name()))
	}
	return all
}

func TestRunEnrolsADirectory(t *testing.T) {
	p := newPlant(t)
	p.requests(20)
	var last line.Count
	r := p.run(p.directory(), func(c *line.Config) { c.Progress = func(n line.Count) { last = n } })
	p.agree(r)
	if !r.Complete() || r.Units != 20 || r.Batch != "w47" || r.Station != "leipzig-l3-1" || r.Site != "leipzig" {
		t.Errorf("receipt: %+v", r)
	}
	if want := (line.Count{Done: 20, BatchLeft: 1000}); last != want {
		t.Errorf("progress: %+v, want %+v", last, want)
	}
	for _, request := range p.Requests() {
		if !strings.HasPrefix(request.URL.Path, "/.well-known/est/sensor/") {
			t.Errorf("asked %s, want the product's label", request.URL.Path)
		}
	}
	if got := p.Connections(); got > 16 { // net/http may dial one in vain
		t.Errorf("8 workers used %d connections", got)
	}
}

func TestRerunChangesNothing(t *testing.T) {
	p := newPlant(t)
	p.requests(5)
	p.run(p.directory())
	before, asked := p.files(), len(p.Requests())
	later := func(c *line.Config) { c.Now = func() time.Time { return time.Now().Add(time.Hour) } }
	p.run(p.directory(), later)
	if diff := cmp.Diff(before, p.files()); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
	if got := len(p.Requests()) - asked; got != 0 {
		t.Errorf("asked the server %d times for nothing", got)
	}
}

func TestPlanTellsAndTouchesNothing(t *testing.T) {
	p := newPlant(t)
	p.requests(5)
	r, err := p.line(p.directory()).Plan()
	if err != nil || r.Left != 5 || r.Units != 5 {
		t.Errorf("fresh: %+v, %v", r, err)
	}
	if _, err := os.Stat(p.out); !errors.Is(err, os.ErrNotExist) || len(p.Requests()) > 0 {
		t.Errorf("the directory was made: %v; asked %d times", err, len(p.Requests()))
	}
	p.refuse(map[string]string{"SN-0002": "firmware-unknown"})
	p.run(p.directory())
	before := p.files()
	r, err = p.line(p.directory()).Plan()
	if err != nil || r.Done != 4 || r.Refused["firmware-unknown"] != 1 || r.Left != 0 {
		t.Errorf("after a run: %+v, %v", r, err)
	}
	if diff := cmp.Diff(before, p.files()); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
}

func TestMoreUnitsJoinTheSameJournal(t *testing.T) {
	p := newPlant(t)
	p.requests(3)
	p.run(p.directory())
	first := read(t, filepath.Join(p.out, "SN-0001.crt"))
	p.requests(6) // other CSRs for the first three: they are done
	r := p.run(p.directory())
	p.agree(r)
	if r.Done != 6 || read(t, filepath.Join(p.out, "SN-0001.crt")) != first {
		t.Errorf("receipt: %+v", r)
	}
}

// Answers are lost, connections cut, the server is busy, and broken for a time.
func TestRunGoesThroughWhatPassesByItself(t *testing.T) {
	p := newPlant(t)
	p.requests(40)
	p.LoseAnswers(17)
	var mu sync.Mutex
	n := 0
	p.Gate = func(_ *http.Request, operation string) http.HandlerFunc {
		mu.Lock()
		defer mu.Unlock()
		n++
		switch {
		case operation != wire.OpSimpleEnroll:
		case n%11 == 0:
			return clienttest.Refuse(503, "overloaded", "later.", "3")
		case n%13 == 0:
			return clienttest.Refuse(429, "rate-limited", "later.", "60")
		case n%17 == 0:
			return clienttest.Refuse(500, "internal", "bug.", "")
		case n%7 == 0:
			panic(http.ErrAbortHandler)
		}
		return nil
	}
	r := p.run(p.directory())
	p.agree(r)
	if !r.Complete() || r.Done != 40 {
		t.Errorf("receipt: %+v", r)
	}
}

func TestWaitIsAsTheServerSays(t *testing.T) {
	for name, row := range map[string]struct {
		answer      http.HandlerFunc
		least, most time.Duration
	}{
		"advised": {clienttest.Refuse(429, "rate-limited", "later.", "60"), time.Minute, 90 * time.Second},
		"bare":    {clienttest.Refuse(503, "", "later.", ""), time.Second, 1500 * time.Millisecond},
	} {
		p := newPlant(t)
		p.requests(1)
		p.Next(p.ServeCACerts, row.answer)
		told := 0
		l := p.line(p.directory(), func(c *line.Config) { c.Waiting = func(error) { told++ } })
		var waits []time.Duration
		l.SetWait(func(_ context.Context, d time.Duration) error {
			waits = append(waits, d)
			return nil
		})
		if _, err := l.Run(t.Context()); err != nil || len(waits) != 1 || waits[0] < row.least || waits[0] > row.most || told != 1 {
			t.Errorf("%s: waited %v, told %d times, %v; want once %v to %v", name, waits, told, err, row.least, row.most)
		}
	}
}

// refuse lets the server refuse some serials.
func (p *plant) refuse(reasons map[string]string) {
	p.Decide = func(csr *wire.CSR) http.HandlerFunc {
		serial, _ := csr.SubjectSerial()
		if reason := reasons[serial]; reason != "" {
			return clienttest.Refuse(403, reason, "no.", "")
		}
		return nil
	}
}

func TestRefusedUnitsAreListedAndAskedForAgainOnlyOnRequest(t *testing.T) {
	p := newPlant(t)
	p.requests(6)
	p.refuse(map[string]string{"SN-0002": "firmware-unknown", "SN-0003": "serial-not-in-manifest", "SN-0005": "firmware-unknown"})
	r := p.run(p.directory())
	p.agree(r)
	want := map[string]int{"firmware-unknown": 2, "serial-not-in-manifest": 1}
	if diff := cmp.Diff(want, r.Refused); diff != "" || r.Done != 3 || r.Complete() {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if table := read(t, filepath.Join(p.out, "certificates.csv")); !strings.Contains(table, "SN-0002,refused,,,firmware-unknown,") {
		t.Errorf("certificates.csv:\n%s", table)
	}
	p.refuse(nil)
	if r := p.run(p.directory()); r.Done != 3 {
		t.Errorf("asked again for refused units: %+v", r)
	}
	r = p.run(p.directory(), func(c *line.Config) { c.RetryRefused = true })
	p.agree(r)
	if r.Done != 6 || !r.Complete() || len(r.Refused) != 0 {
		t.Errorf("receipt: %+v", r)
	}
}

// Quota N, unit N+1 refused: the others go on, for one of them may have had its
// certificate before.
func TestQuotaRefusesUnitsOneByOne(t *testing.T) {
	p := newPlant(t)
	p.requests(10)
	issued := 0
	p.Decide = func(*wire.CSR) http.HandlerFunc {
		if issued++; issued > 7 {
			return clienttest.Refuse(403, "quota-exhausted", "full.", "")
		}
		return nil
	}
	p.LoseAnswers(5)
	r := p.run(p.directory())
	p.agree(r)
	if r.Done != 7 || r.Refused["quota-exhausted"] != 3 {
		t.Errorf("receipt: %+v", r)
	}
}

func TestWhatConcernsEveryUnitStopsTheRun(t *testing.T) {
	for reason, status := range map[string]int{
		"batch-paused": 403, "batch-closed": 403, "station-out-of-scope": 403, "certificate-revoked": 403,
		"no-open-batch": 403, "label-not-yours": 403, "credential-missing": 401, "not-found": 404, "nonce-length": 503,
	} {
		p := newPlant(t)
		p.requests(12)
		n := 0
		p.Decide = func(*wire.CSR) http.HandlerFunc {
			if n++; n > 4 {
				return clienttest.Refuse(status, reason, "no.", "")
			}
			return nil
		}
		r, err := p.line(p.directory(), func(c *line.Config) { c.Workers = 1 }).Run(t.Context())
		refusal, ok := errors.AsType[*client.Refusal](err)
		if !errors.Is(err, line.ErrStopped) || !ok || refusal.Reason != reason {
			t.Errorf("%s: got %v", reason, err)
			continue
		}
		p.agree(r)
		if r.Done != 4 || r.Left != 8 || len(r.Refused) != 0 {
			t.Errorf("%s: %+v", reason, r)
		}
		p.Decide = nil
		if r := p.run(p.directory()); !r.Complete() {
			t.Errorf("%s: after it was mended: %+v", reason, r)
		}
	}
}

func TestServerThatBreaksOnOneUnit(t *testing.T) {
	p := newPlant(t)
	p.requests(5)
	p.Decide = func(csr *wire.CSR) http.HandlerFunc {
		if serial, _ := csr.SubjectSerial(); serial == "SN-0002" {
			return clienttest.Refuse(500, "internal", "bug.", "")
		}
		return nil
	}
	r := p.run(p.directory())
	p.agree(r)
	if r.Done != 4 || r.Refused["internal"] != 1 {
		t.Errorf("receipt: %+v", r)
	}
}

func TestOneThatIsNoESTServerStopsTheRun(t *testing.T) {
	p := newPlant(t)
	p.requests(5)
	p.Gate = func(*http.Request, string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }
	}
	if r, err := p.line(p.directory()).Run(t.Context()); !errors.Is(err, client.ErrAnswer) || r.Left != 5 {
		t.Errorf("got %v, %+v", err, r)
	}
}

func TestPendingUnitsAreLeftForTheNextRun(t *testing.T) {
	p := newPlant(t)
	p.requests(3)
	p.Decide = func(*wire.CSR) http.HandlerFunc { return clienttest.Refuse(202, "approval-pending", "wait.", "60") }
	if r := p.run(p.directory()); r.Pending != 3 || r.Complete() {
		t.Errorf("receipt: %+v", r)
	}
	p.Decide = nil
	r := p.run(p.directory())
	p.agree(r)
	if !r.Complete() {
		t.Errorf("receipt: %+v", r)
	}
}

// A batch that was mistaken costs one unit, however many workers there are.
func TestAnotherBatchStopsTheRun(t *testing.T) {
	p := newPlant(t)
	p.requests(30)
	p.Batch = "w48"
	p.refuse(map[string]string{"SN-0001": "serial-not-in-manifest"})
	r, err := p.line(p.directory(), func(c *line.Config) { c.Workers = 8 }).Run(t.Context())
	if !errors.Is(err, line.ErrOtherBatch) || r.Done != 1 {
		t.Errorf("got %v, %+v", err, r)
	}
	p.agree(r)
}

func TestRunGivesUpWhenNothingSucceeds(t *testing.T) {
	p := newPlant(t)
	p.requests(3)
	p.Gate = func(*http.Request, string) http.HandlerFunc {
		return clienttest.Refuse(503, "starting", "later.", "20")
	}
	var mu sync.Mutex
	now := time.Now()
	began := now
	l := p.line(p.directory(), func(c *line.Config) {
		c.Patience = time.Minute
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	l.SetWait(func(_ context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
		return nil
	})
	r, err := l.Run(t.Context())
	if !errors.Is(err, line.ErrUnavailable) || r.Left != 3 || now.Sub(began) > 3*time.Minute {
		t.Errorf("got %v after %v, %+v", err, now.Sub(began), r)
	}
}

// The last attempt is when patience ends, not one wait before.
func TestRunIsPatientToTheEnd(t *testing.T) {
	for name, row := range map[string]struct {
		retry string
		want  error
	}{
		"a wait is cut":         {"", nil},
		"one of the server not": {"3", line.ErrUnavailable},
	} {
		p := newPlant(t)
		p.requests(1)
		began := time.Now()
		now := began
		p.Gate = func(*http.Request, string) http.HandlerFunc {
			if now.Sub(began) < 2*time.Second {
				return clienttest.Refuse(503, "starting", "later.", row.retry)
			}
			return nil
		}
		l := p.line(p.directory(), func(c *line.Config) {
			c.Patience = 2 * time.Second
			c.Now = func() time.Time { return now }
		})
		l.SetWait(func(_ context.Context, d time.Duration) error {
			now = now.Add(d)
			return nil
		})
		if _, err := l.Run(t.Context()); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v after %v, want %v", name, err, now.Sub(began), row.want)
		}
	}
}

func TestCancelLeavesWhatTheNextRunNeeds(t *testing.T) {
	p := newPlant(t)
	p.requests(30)
	// Set once: a cancelled request may still be read by the server.
	var stop atomic.Pointer[context.CancelFunc]
	n := 0
	p.Decide = func(*wire.CSR) http.HandlerFunc {
		if cancel := stop.Load(); cancel != nil {
			if n++; n%5 == 0 {
				(*cancel)()
			}
		}
		return nil
	}
	for range 4 {
		ctx, cancel := context.WithCancel(t.Context())
		stop.Store(&cancel)
		r, err := p.line(p.directory()).Run(ctx)
		cancel()
		if !errors.Is(err, context.Canceled) || r == nil || r.Left == 0 {
			t.Fatalf("got %v, %+v", err, r)
		}
	}
	stop.Store(nil)
	r := p.run(p.directory())
	p.agree(r)
	if !r.Complete() || r.Done != 30 {
		t.Errorf("receipt: %+v", r)
	}
}

func TestTwoAtOnce(t *testing.T) {
	p := newPlant(t)
	p.requests(1)
	var err error
	p.Decide = func(*wire.CSR) http.HandlerFunc {
		_, err = p.line(p.directory()).Run(t.Context())
		return nil
	}
	p.run(p.directory())
	if !errors.Is(err, line.ErrBusy) {
		t.Errorf("second run: got %v, want %v", err, line.ErrBusy)
	}
}

func TestNewRefuses(t *testing.T) {
	p := newPlant(t)
	p.requests(1)
	good := line.Config{Station: p.open(), Product: "sensor", Batch: "w47", Source: p.directory(), Out: p.out}
	for name, change := range map[string]func(*line.Config){
		"no station":       func(c *line.Config) { c.Station = nil },
		"no units":         func(c *line.Config) { c.Source = nil },
		"no product":       func(c *line.Config) { c.Product = "" },
		"no batch":         func(c *line.Config) { c.Batch = "" },
		"no directory":     func(c *line.Config) { c.Out = "" },
		"workers":          func(c *line.Config) { c.Workers = 257 },
		"negative workers": func(c *line.Config) { c.Workers = -1 },
		"url":              func(c *line.Config) { c.Station = &line.Station{} },
	} {
		config := good
		change(&config)
		if _, err := line.New(config); !errors.Is(err, line.ErrConfig) {
			t.Errorf("%s: got %v, want %v", name, err, line.ErrConfig)
		}
	}
}

func TestStationDirectory(t *testing.T) {
	p := newPlant(t)
	s := p.open()
	if got, err := s.Product(""); got != "sensor" || err != nil {
		t.Errorf("the only product: %q, %v", got, err)
	}
	for _, products := range [][]string{nil, {"sensor", "meter"}} {
		s.Products = products
		if _, err := s.Product(""); !errors.Is(err, line.ErrNoProduct) {
			t.Errorf("of %v: got %v, want %v", products, err, line.ErrNoProduct)
		}
	}
	if got, err := s.Product("other"); got != "other" || err != nil {
		t.Errorf("named: %q, %v", got, err)
	}
	for name, text := range map[string]string{
		"station.json": "{}", "station.crt": "x", "station.key": "x", "ca.crt": "x",
	} {
		q := newPlant(t)
		write(t, filepath.Join(q.station, name), []byte(text))
		if _, err := line.OpenStation(q.station); err == nil {
			t.Errorf("%s of %q was read", name, text)
		}
		if err := os.Remove(filepath.Join(q.station, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := line.OpenStation(q.station); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("without %s: got %v", name, err)
		}
	}
}

func TestDirectoryNamesFaults(t *testing.T) {
	p := newPlant(t)
	p.requests(3)
	write(t, filepath.Join(p.in, "z-again.csr"), []byte(read(t, filepath.Join(p.in, "0.csr"))))
	write(t, filepath.Join(p.in, "notes.txt"), []byte("hello"))
	write(t, filepath.Join(p.in, "long"), make([]byte, 100<<10))
	write(t, filepath.Join(p.in, ".hidden"), nil)
	write(t, filepath.Join(p.in, "sub", "x"), nil)
	elsewhere := filepath.Join(t.TempDir(), "x.csr")
	err := errors.Join(
		os.Rename(filepath.Join(p.in, "2.csr"), elsewhere),
		os.Symlink(elsewhere, filepath.Join(p.in, "2.csr")),
		os.Symlink("nowhere", filepath.Join(p.in, "lost.csr")),
		syscall.Mkfifo(filepath.Join(p.in, "pipe"), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	d, faults, err := line.OpenDirectory(p.in)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, f := range faults {
		got[f.File] = f.Reason != ""
	}
	if diff := cmp.Diff(map[string]bool{
		"z-again.csr": true, "notes.txt": true, "long": true, "lost.csr": true, "pipe": true,
	}, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"SN-0001", "SN-0002", "SN-0003"}, d.Units()); diff != "" {
		t.Errorf("units (-want +got):\n%s", diff)
	}
	if err := os.Rename(filepath.Join(p.in, "0.csr"), filepath.Join(p.in, "1.csr")); err != nil {
		t.Fatal(err)
	}
	for _, serial := range []string{"SN-0001", "SN-0002"} {
		if _, err := d.Request(serial); err == nil {
			t.Errorf("%s: a file that changed meanwhile was taken", serial)
		}
	}
}

func TestFileNames(t *testing.T) {
	for serial, want := range map[string]string{
		"SN-00000001": "SN-00000001", "a.b_c:d": "a.b_c:d", "../x": "%2E.%2Fx", ".": "%2E", "a b": "a%20b", "50%": "50%25",
	} {
		if got := line.FileName(serial); got != want {
			t.Errorf("%q: got %q, want %q", serial, got, want)
		}
	}
}

func TestStatementsAboutRequestsOfOthers(t *testing.T) {
	p := newPlant(t)
	p.Nonces = true
	p.requests(4)
	d := p.directory()
	say, err := line.ReadBack(p.open(), "sensor", 1, []line.Digest{{Component: "firmware", SHA256: make([]byte, 32)}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	d.Statement(say)
	var fields []string
	p.Gate = func(r *http.Request, operation string) http.HandlerFunc {
		if operation == wire.OpSimpleEnroll {
			fields = append(fields, r.Header.Get(wire.HeaderStationEvidence))
		}
		return nil
	}
	p.agree(p.run(d, func(c *line.Config) { c.Workers = 1 }))
	seen := map[string]bool{}
	for _, f := range fields {
		if statement, err := wire.ParseStationEvidence(f); err != nil || len(statement) < 100 {
			t.Errorf("field %q: %v", f, err)
		}
		seen[f] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d statements differ, want 4", len(seen))
	}
	if _, err := line.ReadBack(p.open(), "sensor", 1, nil, time.Now); !errors.Is(err, line.ErrConfig) {
		t.Errorf("no digest: got %v", err)
	}
	if _, err := line.ReadBack(&line.Station{Certificate: tls.Certificate{}}, "sensor", 1, nil, time.Now); !errors.Is(err, line.ErrConfig) {
		t.Errorf("no key: got %v", err)
	}
}
