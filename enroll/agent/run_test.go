package agent_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assay-pki/assay/enroll/agent"
	"github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/client/clienttest"
	"github.com/assay-pki/assay/enroll/wire"
)

// day is a Run under a clock that the waits move.
type day struct {
	t     *testing.T
	s     *clienttest.Server
	dir   string
	now   time.Time
	waits []time.Duration
	log   bytes.Buffer
	agent *agent.Agent
	// at is called before each wait; true ends the run.
	at func() bool
}

var errEnough = errors.New("enough")

func newDay(t *testing.T, change ...func(*agent.Config)) *day {
	d := &day{t: t, s: clienttest.New(t), dir: newDir(t), now: time.Now()}
	d.s.Nonces = true
	d.s.Validity = 10 * 24 * time.Hour
	d.s.Now = func() time.Time { return d.now }
	config := agent.Config{Dir: d.dir, Retries: -1, Now: func() time.Time { return d.now }}
	for _, f := range change {
		f(&config)
	}
	d.agent = agent.New(config)
	d.agent.SetWait(func(_ context.Context, w time.Duration) error {
		if d.at() {
			return errEnough
		}
		d.waits = append(d.waits, w)
		d.now = d.now.Add(w)
		return nil
	})
	if _, err := d.agent.Enroll(t.Context(), enrolment(d.s)); err != nil {
		t.Fatal(err)
	}
	return d
}

// run runs until the condition holds.
func (d *day) run(config agent.RunConfig, until func() bool) {
	d.t.Helper()
	config.Log = slog.New(slog.NewTextHandler(&d.log, nil))
	turns := 0
	d.at = func() bool {
		turns++
		if turns > 20_000 {
			d.t.Fatalf("does not come to an end:\n%s", d.log.String()[:min(d.log.Len(), 4000)])
		}
		return until()
	}
	if err := d.agent.Run(d.t.Context(), config); !errors.Is(err, errEnough) {
		d.t.Fatalf("got %v, want to be stopped; log:\n%s", err, d.log.String())
	}
}

func (d *day) status() agent.Status {
	d.t.Helper()
	s, err := d.agent.Status()
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

func TestRunRenewsAtTheDrawnTimeInTheWindow(t *testing.T) {
	d := newDay(t)
	for range 3 {
		before := d.status()
		d.run(agent.RunConfig{}, func() bool { return d.status().CertificateSerial != before.CertificateSerial })
		if d.now.Before(before.RenewAt) || d.now.After(before.RenewAt.Add(2*time.Second)) {
			t.Errorf("renewed at %v, want %v", d.now, before.RenewAt)
		}
		if before.RenewAt.Before(before.RenewFrom) || before.RenewAt.After(before.RenewUntil) {
			t.Errorf("drawn %v, want within %v and %v", before.RenewAt, before.RenewFrom, before.RenewUntil)
		}
	}
	for _, w := range d.waits {
		if w <= 0 || w > 10*time.Minute {
			t.Fatalf("slept %v at a stretch", w)
		}
	}
	if got := len(d.s.Issued()); got != 4 {
		t.Errorf("issued %d certificates, want 4", got)
	}
}

func TestRunDrawsOnceForACertificate(t *testing.T) {
	d := newDay(t)
	first := d.status().RenewAt
	for range 3 {
		d.run(agent.RunConfig{}, func() bool { return true })
		if got := d.status().RenewAt; !got.Equal(first) {
			t.Errorf("drawn anew: %v, want %v", got, first)
		}
	}
}

// late takes the day to the time of renewal.
func (d *day) late() agent.Status {
	s := d.status()
	d.now = s.RenewAt
	return s
}

// present lets whoever shows a certificate that is not old meet h at nonce.
func (d *day) refuseNew(old string, h http.HandlerFunc) {
	d.s.Gate = func(r *http.Request, operation string) http.HandlerFunc {
		if operation == "nonce" && len(r.TLS.PeerCertificates) > 0 &&
			fmt.Sprintf("%x", r.TLS.PeerCertificates[0].SerialNumber.Bytes()) != old {
			return h
		}
		return nil
	}
}

func TestOldPairStaysUntilTheNewOneWorked(t *testing.T) {
	d := newDay(t)
	old := d.late()
	d.refuseNew(old.CertificateSerial, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	tries := 0
	d.run(agent.RunConfig{}, func() bool { tries++; return tries > 3 })
	if got := d.status(); got.CertificateSerial != old.CertificateSerial || got.Pending != "renew" {
		t.Errorf("nobody answered: now %s (pending %q), want still %s", got.CertificateSerial, got.Pending, old.CertificateSerial)
	}
	if got := len(d.s.Issued()); got != 2 {
		t.Errorf("issued %d certificates, want 2: the issued one is tried again", got)
	}
	d.s.Gate = nil
	d.run(agent.RunConfig{}, func() bool { return d.status().CertificateSerial != old.CertificateSerial })
	if got := len(d.s.Issued()); got != 2 || len(leftovers(t, d.dir)) > 0 {
		t.Errorf("issued %d certificates, left over %v", got, leftovers(t, d.dir))
	}
	mustPair(t, d.dir)
}

// The old certificate may be closed once the new one was seen, and that answer
// may be the one that is lost: the old pair must not be needed any more.
func TestNewPairIsProvedWithoutTheOldOne(t *testing.T) {
	d := newDay(t)
	old := d.late()
	d.refuseNew(old.CertificateSerial, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := d.agent.Renew(t.Context(), agent.Renewal{}); !errors.Is(err, client.ErrUnreachable) {
		t.Fatalf("got %v, want %v", err, client.ErrUnreachable)
	}
	d.s.Gate = func(r *http.Request, _ string) http.HandlerFunc {
		if fmt.Sprintf("%x", r.TLS.PeerCertificates[0].SerialNumber.Bytes()) == old.CertificateSerial {
			return clienttest.Refuse(403, "certificate-superseded", "closed.", "")
		}
		return nil
	}
	if out, err := d.agent.Renew(t.Context(), agent.Renewal{}); err != nil || out.CertificateSerial == old.CertificateSerial {
		t.Errorf("got %s, %v", out.CertificateSerial, err)
	}
}

func TestRefusedNewPairIsDroppedAndTheOldOneStays(t *testing.T) {
	for name, row := range map[string]struct {
		refuse  http.HandlerFunc
		dropped bool
	}{
		"refused":    {clienttest.Refuse(403, "certificate-unknown", "not ours.", ""), true},
		"credential": {clienttest.Refuse(401, "credential-rejected", "no.", ""), true},
		"held":       {clienttest.Refuse(403, "device-held", "held.", "60"), false},
		"busy":       {clienttest.Refuse(503, "overloaded", "later.", "60"), false},
		"broken":     {clienttest.Refuse(500, "internal", "bug.", ""), false},
	} {
		d := newDay(t)
		old := d.late()
		d.refuseNew(old.CertificateSerial, row.refuse)
		_, err := d.agent.Renew(t.Context(), agent.Renewal{})
		if got := errors.Is(err, agent.ErrNewRefused); got != row.dropped || err == nil {
			t.Errorf("%s: got %v, want dropped %v", name, err, row.dropped)
		}
		if got := d.status(); got.CertificateSerial != old.CertificateSerial || (got.Pending == "") != row.dropped {
			t.Errorf("%s: now %s, pending %q", name, got.CertificateSerial, got.Pending)
		}
		d.s.Gate = nil
		if out, err := d.agent.Renew(t.Context(), agent.Renewal{}); err != nil || out.CertificateSerial == old.CertificateSerial {
			t.Errorf("%s: next attempt: %v", name, err)
		}
		want := 2
		if row.dropped {
			want = 3
		}
		if got := len(d.s.Issued()); got != want {
			t.Errorf("%s: issued %d certificates, want %d", name, got, want)
		}
	}
}

func TestServersWithoutNoncesProveTheNewPairToo(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"not found":  http.NotFound,
		"not JSON":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) },
		"not so":     clienttest.Refuse(405, "method-not-allowed", "no.", ""),
		"no content": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	} {
		d := newDay(t)
		old := d.late()
		d.refuseNew(old.CertificateSerial, h)
		if out, err := d.agent.Renew(t.Context(), agent.Renewal{}); err != nil || out.CertificateSerial == old.CertificateSerial {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExpiredOldPairGivesWayUnproved(t *testing.T) {
	d := newDay(t)
	old := d.late()
	d.refuseNew(old.CertificateSerial, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := d.agent.Renew(t.Context(), agent.Renewal{}); err == nil {
		t.Fatal("proved by nobody")
	}
	d.now = old.NotAfter.Add(time.Second)
	if out, err := d.agent.Renew(t.Context(), agent.Renewal{}); err != nil || out.CertificateSerial == old.CertificateSerial {
		t.Errorf("got %s, %v", out.CertificateSerial, err)
	}
}

func TestEnrolAgainGivesUpAnUnprovedRenewal(t *testing.T) {
	d := newDay(t)
	old := d.late()
	d.refuseNew(old.CertificateSerial, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := d.agent.Renew(t.Context(), agent.Renewal{}); err == nil {
		t.Fatal("proved by nobody")
	}
	d.s.Gate = nil
	again := enrolment(d.s)
	again.Again = true
	out, err := d.agent.Enroll(t.Context(), again)
	if err != nil || out.CertificateSerial != fmt.Sprintf("%x", d.s.Issued()[2].SerialNumber.Bytes()) {
		t.Errorf("got %s, %v", out.CertificateSerial, err)
	}
	mustPair(t, d.dir)
	if left := leftovers(t, d.dir); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestRunRetries(t *testing.T) {
	for name, row := range map[string]struct {
		refuse      http.HandlerFunc
		first, most time.Duration // of the wait after the first failure
	}{
		"as the server says": {clienttest.Refuse(503, "overloaded", "later.", "300"), 5 * time.Minute, 7 * time.Minute},
		"held":               {clienttest.Refuse(403, "device-held", "held.", "540"), 9 * time.Minute, 10 * time.Minute},
		"pending":            {clienttest.Refuse(202, "approval-pending", "wait.", "120"), 2 * time.Minute, 3 * time.Minute},
		"without advice":     {clienttest.Refuse(403, "firmware-recalled", "update.", ""), time.Minute, 2 * time.Minute},
		"cut":                {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, time.Minute, 2 * time.Minute},
	} {
		d := newDay(t)
		old := d.late()
		asked := 0
		d.s.Gate = func(_ *http.Request, operation string) http.HandlerFunc {
			if operation != wire.OpSimpleReenroll {
				return nil
			}
			if asked++; asked > 6 {
				return nil
			}
			return row.refuse
		}
		d.waits = nil
		d.run(agent.RunConfig{}, func() bool { return d.status().CertificateSerial != old.CertificateSerial })
		if w := d.waits[0]; w < row.first || w > row.most {
			t.Errorf("%s: first wait %v, want %v to %v", name, w, row.first, row.most)
		}
		if strings.Contains(d.log.String(), "PRIVATE") || !strings.Contains(d.log.String(), "renewal failed") {
			t.Errorf("%s: log: %s", name, d.log.String())
		}
	}
}

// A server that refuses for ever is asked less and less often, and not given
// up.
func TestRunWaitsLongerWithEachFailure(t *testing.T) {
	d := newDay(t)
	d.late()
	d.s.Decide = func(*wire.CSR) http.HandlerFunc { return clienttest.Refuse(403, "firmware-unknown", "no.", "") }
	asked := []time.Time{}
	d.s.Gate = func(_ *http.Request, operation string) http.HandlerFunc {
		if operation == wire.OpSimpleReenroll {
			asked = append(asked, d.now)
		}
		return nil
	}
	d.run(agent.RunConfig{}, func() bool { return len(asked) == 14 })
	for i := 1; i < len(asked); i++ {
		if gap := asked[i].Sub(asked[i-1]); gap < time.Minute || gap > 8*time.Hour {
			t.Errorf("attempt %d came %v after the one before", i, gap)
		}
	}
	if total := asked[len(asked)-1].Sub(asked[0]); total < 12*time.Hour {
		t.Errorf("14 attempts within %v", total)
	}
}

func TestRunEndsWhereThereIsNothingToKeep(t *testing.T) {
	if err := newAgent(newDir(t)).Run(t.Context(), agent.RunConfig{}); !errors.Is(err, agent.ErrNotEnrolled) {
		t.Errorf("got %v, want %v", err, agent.ErrNotEnrolled)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := newDay(t)
	if err := agent.New(agent.Config{Dir: d.dir}).Run(ctx, agent.RunConfig{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestRunWaitsInRealTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := agent.Sleep(t.Context(), time.Hour); err != nil || time.Since(start) != time.Hour {
			t.Errorf("slept %v, %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := agent.Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

// hookScript writes a program that notes each run, and fails while a file
// named fail is there.
func hookScript(t *testing.T) (script, notes, fail string) {
	t.Helper()
	dir := t.TempDir()
	script, notes, fail = filepath.Join(dir, "hook"), filepath.Join(dir, "notes"), filepath.Join(dir, "fail")
	text := fmt.Sprintf(`#!/bin/sh
if [ -e %q ]; then echo "cannot reload"; exit 3; fi
cmp -s "$ASSAY_CERT" "$ASSAY_DIR/device.crt" || exit 4
[ -r "$ASSAY_KEY" ] && [ -r "$ASSAY_CHAIN" ] && [ -r "$ASSAY_ROOTS" ] || exit 5
echo "$ASSAY_PRODUCT/$ASSAY_SERIAL $ASSAY_CERTIFICATE_SERIAL $1" >> %q
`, fail, notes)
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return script, notes, fail
}

func TestHookRunsOncePerCertificate(t *testing.T) {
	d := newDay(t)
	script, notes, _ := hookScript(t)
	config := agent.RunConfig{Hook: agent.Hook{Command: []string{script, "a;b $HOME"}}}
	first := d.status()
	d.run(config, func() bool { return true })
	d.run(config, func() bool { return true }) // started anew: it ran for this one
	d.late()
	d.run(config, func() bool { return true })
	b, err := os.ReadFile(notes)
	want := fmt.Sprintf("sensor/SN-1 %s a;b $HOME\nsensor/SN-1 %s a;b $HOME\n", first.CertificateSerial, d.status().CertificateSerial)
	if err != nil || string(b) != want {
		t.Errorf("the hook noted %q, %v; want %q", b, err, want)
	}
}

func TestFailingHookIsRunAgainAndHoldsNothingUp(t *testing.T) {
	d := newDay(t)
	script, notes, fail := hookScript(t)
	if err := os.WriteFile(fail, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	config := agent.RunConfig{Hook: agent.Hook{Command: []string{script}, Output: &output}}
	old := d.late()
	d.run(config, func() bool { return strings.Count(d.log.String(), "hook failed") == 3 })
	if d.status().CertificateSerial == old.CertificateSerial {
		t.Error("the renewal waited for the hook")
	}
	if !strings.Contains(output.String(), "cannot reload") {
		t.Errorf("output of the hook: %q", output.String())
	}
	if err := os.Remove(fail); err != nil {
		t.Fatal(err)
	}
	d.run(config, func() bool { _, err := os.Stat(notes); return err == nil })
}

func TestHookIsBoundedInTime(t *testing.T) {
	d := newDay(t)
	script := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	d.run(agent.RunConfig{Hook: agent.Hook{Command: []string{script}, Timeout: 10 * time.Millisecond}}, func() bool { return true })
	if !strings.Contains(d.log.String(), "deadline exceeded") {
		t.Errorf("log: %s", d.log.String())
	}
}

// seen is what a producer was asked for.
type seen struct {
	about []agent.About
}

func (s *seen) produce(_ context.Context, about agent.About) ([]byte, error) {
	s.about = append(s.about, about)
	return asn1.Marshal(about.Nonce)
}

// public is a key in a form that can be compared.
func public(t *testing.T, key any) string {
	t.Helper()
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func birthTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{SerialNumber: "SN-1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * 24 * time.Hour),
	}
}

func sha256Of(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

func TestEvidenceIsSignedByTheRightKey(t *testing.T) {
	var s seen
	d := newDay(t, func(c *agent.Config) { c.Evidence = s.produce })
	d.s.Evidence = true
	key := func(name string) string {
		b, err := os.ReadFile(filepath.Join(name, "device.key"))
		if err != nil {
			t.Fatal(err)
		}
		k, err := agent.ParseKey(b)
		if err != nil {
			t.Fatal(err)
		}
		return public(t, k)
	}
	first := key(d.dir)
	d.late()
	if _, err := d.agent.Renew(t.Context(), agent.Renewal{}); err != nil {
		t.Fatal(err)
	}
	second := key(d.dir)
	again := enrolment(d.s)
	again.Again = true
	if _, err := d.agent.Enroll(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	birth := filepath.Join(t.TempDir(), "birth")
	e := enrolment(d.s)
	e.Product = "sensor.birth"
	b := agent.New(agent.Config{Dir: birth, Evidence: s.produce, Now: d.s.Now})
	if _, err := b.Enroll(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	pair, err := b.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	again.Token, again.Certificate, again.KeyFile = "", pair, filepath.Join(birth, "device.key")
	if _, err := d.agent.Enroll(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{first, first, second, key(birth), key(birth)} {
		if got := public(t, s.about[i].Key); got != want {
			t.Errorf("evidence %d is signed by another key", i)
		}
		if s.about[i].Product != "sensor" || s.about[i].Serial != "SN-1" {
			t.Errorf("evidence %d is about %s/%s", i, s.about[i].Product, s.about[i].Serial)
		}
	}
}

func TestBirthKeySignsLaterRenewals(t *testing.T) {
	var s seen
	d := newDay(t, func(c *agent.Config) { c.Evidence = s.produce })
	key, err := os.ReadFile(filepath.Join(d.dir, "device.key"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := agent.ParseKey(key)
	if err != nil {
		t.Fatal(err)
	}
	birth := d.s.Issuer.Issue(t, birthTemplate(), signer.Public())
	file := filepath.Join(t.TempDir(), "birth.key")
	if err := os.WriteFile(file, key, 0o600); err != nil {
		t.Fatal(err)
	}
	e := enrolment(d.s)
	e.Again = true
	e.Certificate = &tls.Certificate{Certificate: [][]byte{birth.Raw}, PrivateKey: signer, Leaf: birth}
	e.KeyFile = file
	if _, err := d.agent.Enroll(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if got := d.status().BirthKey; got != file {
		t.Errorf("state keeps %q, want %q", got, file)
	}
	for range 2 {
		if _, err := d.agent.Renew(t.Context(), agent.Renewal{}); err != nil {
			t.Fatal(err)
		}
		if got := s.about[len(s.about)-1].Key; public(t, got) != public(t, signer) {
			t.Error("a renewal's evidence is not signed by the birth key")
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := d.agent.Renew(t.Context(), agent.Renewal{}); !errors.Is(err, agent.ErrConfig) {
		t.Errorf("without the birth key: got %v, want %v", err, agent.ErrConfig)
	}
}

func TestEvidenceIsMadeAnewAfterItWasRefused(t *testing.T) {
	var s seen
	d := newDay(t, func(c *agent.Config) { c.Evidence = s.produce })
	d.s.Evidence = true
	d.late()
	d.s.Decide = func(*wire.CSR) http.HandlerFunc { return clienttest.Refuse(403, "firmware-recalled", "update.", "") }
	if _, err := d.agent.Renew(t.Context(), agent.Renewal{}); err == nil {
		t.Fatal("renewed with recalled firmware")
	}
	d.s.Decide = nil
	if _, err := d.agent.Renew(t.Context(), agent.Renewal{}); err != nil {
		t.Fatal(err)
	}
	if len(s.about) != 3 || bytes.Equal(s.about[1].Nonce, s.about[2].Nonce) {
		t.Errorf("evidence was made %d times, want 3, each with a nonce of its own", len(s.about))
	}
}

func TestSelfEvidenceMeasuresTheFilesAtEachRenewal(t *testing.T) {
	d := newDay(t)
	d.s.Evidence = true
	firmware := filepath.Join(t.TempDir(), "firmware.bin")
	if err := os.WriteFile(firmware, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := enrolment(d.s)
	e.Again, e.Measure = true, []agent.Measure{{Component: "firmware", File: firmware}}
	var attributes [][]byte
	d.s.Decide = func(csr *wire.CSR) http.HandlerFunc {
		attributes = append(attributes, csr.Attributes[0].Values[0])
		return nil
	}
	if _, err := d.agent.Enroll(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(firmware, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.agent.Renew(t.Context(), agent.Renewal{}); err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"one", "two"} {
		if !bytes.Contains(attributes[i], sha256Of(text)) {
			t.Errorf("evidence %d does not hold the digest of the file", i)
		}
	}
	if err := os.Remove(firmware); err != nil {
		t.Fatal(err)
	}
	if _, err := d.agent.Renew(t.Context(), agent.Renewal{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: got %v, want %v", err, os.ErrNotExist)
	}
	e.Measure = []agent.Measure{{Component: "firmware"}}
	if _, err := d.agent.Enroll(t.Context(), e); !errors.Is(err, agent.ErrConfig) {
		t.Errorf("a measure without a file: got %v, want %v", err, agent.ErrConfig)
	}
}
