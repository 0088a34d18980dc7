package agent_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-pki/assay/enroll/agent"
	"github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/client/clienttest"
)

func newDir(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "id")
}

func newAgent(dir string) *agent.Agent {
	return agent.New(agent.Config{Dir: dir, Retries: -1})
}

func enrolment(s *clienttest.Server) agent.Enrolment {
	return agent.Enrolment{
		Server: s.URL, Roots: []*x509.Certificate{s.Root.Certificate},
		Product: "sensor", Serial: "SN-1", Token: s.Token,
	}
}

func mustEnroll(t *testing.T, dir string, s *clienttest.Server) agent.Outcome {
	t.Helper()
	out, err := newAgent(dir).Enroll(t.Context(), enrolment(s))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// pair reads certificate and key as a broker's client does. ok is false when
// neither is there; one without the other, or of another key, is an error.
func pair(dir string) (serial string, ok bool, err error) {
	crt, err1 := os.ReadFile(filepath.Join(dir, "device.crt"))
	key, err2 := os.ReadFile(filepath.Join(dir, "device.key"))
	if errors.Is(err1, os.ErrNotExist) && errors.Is(err2, os.ErrNotExist) {
		return "", false, nil
	}
	if err := errors.Join(err1, err2); err != nil {
		return "", false, err
	}
	certs, err := agent.ParseCertificates(crt)
	if err != nil {
		return "", false, err
	}
	signer, err := agent.ParseKey(key)
	if err != nil {
		return "", false, err
	}
	if !signer.Public().(*ecdsa.PublicKey).Equal(certs[0].PublicKey) {
		return "", false, errors.New("device.key is not the key of device.crt")
	}
	for _, name := range []string{"chain.crt", "roots.crt", "state.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", false, err
		}
	}
	return certs[0].SerialNumber.String(), true, nil
}

func mustPair(t *testing.T, dir string) string {
	t.Helper()
	serial, ok, err := pair(dir)
	if err != nil || !ok {
		t.Fatalf("pair: %v, %v", ok, err)
	}
	return serial
}

func TestEnrollWritesTheDirectory(t *testing.T) {
	s := clienttest.New(t)
	s.Token = "assay_secret"
	dir := newDir(t)
	out := mustEnroll(t, dir, s)
	if out.Unchanged || out.Serial != "SN-1" || out.Product != "sensor" || out.KeyType != "ec-p256" {
		t.Errorf("outcome: %+v", out)
	}
	mustPair(t, dir)
	for name, want := range map[string]os.FileMode{
		".": 0o700, "device.key": 0o600, "device.crt": 0o644, "gen-000001": 0o700,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %v", name, info.Mode().Perm(), err, want)
		}
	}
	for name, want := range map[string]*x509.Certificate{"chain.crt": s.Issuer.Certificate, "roots.crt": s.Root.Certificate} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := agent.ParseCertificates(b); err != nil || len(got) != 1 || !got[0].Equal(want) {
			t.Errorf("%s holds %d certificates, %v; want %s", name, len(got), err, want.Subject)
		}
	}
	var state agent.State
	b, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &state); err != nil || state.Server != s.URL || strings.Contains(string(b), s.Token) {
		t.Errorf("state.json: %s, %v", b, err)
	}
	if state.RenewAt.Before(state.RenewFrom) || state.RenewAt.After(state.RenewUntil) {
		t.Errorf("renewal drawn at %v, want within %v and %v", state.RenewAt, state.RenewFrom, state.RenewUntil)
	}
	if left := leftovers(t, dir); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// leftovers are entries that a finished run must not leave.
func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tmp") || e.Name() == "pending" {
			left = append(left, e.Name())
		}
	}
	return left
}

func TestEnrollIsIdempotent(t *testing.T) {
	s := clienttest.New(t)
	dir := newDir(t)
	mustEnroll(t, dir, s)
	first := mustPair(t, dir)
	if out := mustEnroll(t, dir, s); !out.Unchanged || mustPair(t, dir) != first || len(s.Issued()) != 1 {
		t.Errorf("second enrolment: unchanged %v, issued %d", out.Unchanged, len(s.Issued()))
	}
	again := enrolment(s)
	again.Again = true
	out, err := newAgent(dir).Enroll(t.Context(), again)
	if err != nil || out.Unchanged || mustPair(t, dir) == first {
		t.Errorf("again: %+v, %v", out, err)
	}
	other := enrolment(s)
	other.Serial, other.Again = "SN-2", true
	if _, err := newAgent(dir).Enroll(t.Context(), other); !errors.Is(err, agent.ErrEnrolled) {
		t.Errorf("another device: got %v, want %v", err, agent.ErrEnrolled)
	}
}

func TestLostAnswerIsFetchedWithTheSameRequest(t *testing.T) {
	s := clienttest.New(t)
	s.Token = "assay_secret"
	dir := newDir(t)
	s.LoseAnswers(2)
	if _, err := newAgent(dir).Enroll(t.Context(), enrolment(s)); !errors.Is(err, client.ErrUnreachable) {
		t.Fatalf("got %v, want %v", err, client.ErrUnreachable)
	}
	if st, err := newAgent(dir).Status(); !errors.Is(err, agent.ErrNotEnrolled) || st.Pending != "enroll" {
		t.Errorf("status: pending %q, %v", st.Pending, err)
	}
	mustEnroll(t, dir, s)
	if got := len(s.Issued()); got != 1 {
		t.Errorf("issued %d certificates, want 1", got)
	}
	s.LoseAnswers(2)
	if _, err := newAgent(dir).Renew(t.Context(), agent.Renewal{}); !errors.Is(err, client.ErrUnreachable) {
		t.Fatalf("renewal: got %v, want %v", err, client.ErrUnreachable)
	}
	mustPair(t, dir)
	if _, err := newAgent(dir).Renew(t.Context(), agent.Renewal{}); err != nil {
		t.Fatal(err)
	}
	if got := len(s.Issued()); got != 2 {
		t.Errorf("issued %d certificates, want 2", got)
	}
	mustPair(t, dir)
}

// errCut stands for the end of the process.
var errCut = errors.New("cut")

// cutAfter lets n changes through.
func cutAfter(n int) (hook func(string) error, cut *string) {
	cut = new(string)
	return func(step string) error {
		if n--; n >= 0 {
			return nil
		}
		if *cut == "" {
			*cut = step
		}
		return errCut
	}, cut
}

func TestKillAtEachStepOfEnroll(t *testing.T) {
	s := clienttest.New(t)
	steps := 0
	for n := 0; ; n++ {
		dir := newDir(t)
		before := len(s.Issued())
		hook, cut := cutAfter(n)
		a := newAgent(dir)
		a.CutAt(hook)
		_, err := a.Enroll(t.Context(), enrolment(s))
		if *cut == "" {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		steps++
		if !errors.Is(err, errCut) {
			t.Fatalf("cut before %s: got %v, want %v", *cut, err, errCut)
		}
		if _, _, err := pair(dir); err != nil {
			t.Errorf("cut before %s: a reader meets: %v", *cut, err)
		}
		mustEnroll(t, dir, s)
		mustPair(t, dir)
		if got := len(s.Issued()) - before; got != 1 {
			t.Errorf("cut before %s: %d certificates issued, want 1", *cut, got)
		}
		if left := leftovers(t, dir); len(left) > 0 {
			t.Errorf("cut before %s: left over: %v", *cut, left)
		}
	}
	if steps < 20 {
		t.Errorf("only %d steps were cut", steps)
	}
}

func TestKillAtEachStepOfRenew(t *testing.T) {
	s := clienttest.New(t)
	for _, r := range []agent.Renewal{{}, {SameKey: true}} {
		for n := 0; ; n++ {
			dir := newDir(t)
			mustEnroll(t, dir, s)
			old, before := mustPair(t, dir), len(s.Issued())
			hook, cut := cutAfter(n)
			a := newAgent(dir)
			a.CutAt(hook)
			_, err := a.Renew(t.Context(), r)
			if *cut == "" {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			at := fmt.Sprintf("same key %v, cut before %s", r.SameKey, *cut)
			if !errors.Is(err, errCut) {
				t.Fatalf("%s: got %v, want %v", at, err, errCut)
			}
			if _, ok, err := pair(dir); !ok || err != nil {
				t.Errorf("%s: a reader meets %v, %v", at, ok, err)
			}
			if _, err := newAgent(dir).Renew(t.Context(), r); err != nil {
				t.Fatalf("%s: %v", at, err)
			}
			if mustPair(t, dir) == old {
				t.Errorf("%s: still the old certificate", at)
			}
			// A kill after everything was tidied up cannot be told from none.
			if got := len(s.Issued()) - before; got != 1 && !strings.HasPrefix(*cut, "remove pending-gone") &&
				!strings.HasPrefix(*cut, "sync pending-gone") {
				t.Errorf("%s: %d certificates issued, want 1", at, got)
			}
			if left := leftovers(t, dir); len(left) > 0 {
				t.Errorf("%s: left over: %v", at, left)
			}
		}
	}
}

func TestRenewManyTimesUnderAReader(t *testing.T) {
	s := clienttest.New(t)
	dir := newDir(t)
	mustEnroll(t, dir, s)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			// Certificate resolves the link once. With the one generation kept
			// behind, a reader would have to sleep through two renewals.
			if _, err := newAgent(dir).Certificate(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 20 {
		if _, err := newAgent(dir).Renew(t.Context(), agent.Renewal{}); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	wg.Wait()
	entries, err := filepath.Glob(filepath.Join(dir, "gen-*"))
	if err != nil || len(entries) != 2 {
		t.Errorf("generations kept: %v, %v; want 2", entries, err)
	}
}

func TestRenewKeepsOrChangesTheKey(t *testing.T) {
	s := clienttest.New(t)
	dir := newDir(t)
	e := enrolment(s)
	e.KeyType = "ec-p384"
	if _, err := newAgent(dir).Enroll(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	key := func() string {
		b, err := os.ReadFile(filepath.Join(dir, "device.key"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := key()
	if _, err := newAgent(dir).Renew(t.Context(), agent.Renewal{SameKey: true}); err != nil || key() != first {
		t.Errorf("same key: changed %v, %v", key() != first, err)
	}
	out, err := newAgent(dir).Renew(t.Context(), agent.Renewal{})
	if err != nil || key() == first || out.KeyType != "ec-p384" {
		t.Errorf("new key: changed %v, type %s, %v", key() != first, out.KeyType, err)
	}
}

func TestRenewIfDue(t *testing.T) {
	s := clienttest.New(t)
	dir := newDir(t)
	out := mustEnroll(t, dir, s)
	renew := func(at time.Time) bool {
		a := agent.New(agent.Config{Dir: dir, Now: func() time.Time { return at }})
		out, err := a.Renew(t.Context(), agent.Renewal{IfDue: true})
		if err != nil {
			t.Fatal(err)
		}
		return !out.Unchanged
	}
	if renew(out.RenewAt.Add(-time.Second)) {
		t.Error("renewed before the time")
	}
	if !renew(out.RenewAt) {
		t.Error("not renewed at the time")
	}
}

func TestRefusalsKeepOrDropTheRequest(t *testing.T) {
	for reason, row := range map[string]struct {
		status int
		kept   bool
	}{
		"credential-rejected":   {401, true},
		"device-held":           {403, true},
		"serial-has-identity":   {409, true},
		"product-ambiguous":     {400, true},
		"key-type-not-allowed":  {400, false},
		"key-of-another-device": {403, false},
		"key-blocked":           {403, false},
		"approval-pending":      {202, true},
	} {
		s := clienttest.New(t)
		dir := newDir(t)
		s.Next(s.ServeCACerts, clienttest.Refuse(row.status, reason, "no.", "5"))
		_, err := newAgent(dir).Enroll(t.Context(), enrolment(s))
		if err == nil {
			t.Fatalf("%s: enrolled", reason)
		}
		_, err = os.Stat(filepath.Join(dir, "pending"))
		if kept := err == nil; kept != row.kept {
			t.Errorf("%s: request kept %v, want %v", reason, kept, row.kept)
		}
		mustEnroll(t, dir, s)
	}
}

func TestRefuses(t *testing.T) {
	s := clienttest.New(t)
	dir := newDir(t)
	if _, err := newAgent(dir).Renew(t.Context(), agent.Renewal{}); !errors.Is(err, agent.ErrNotEnrolled) {
		t.Errorf("renew of nothing: got %v, want %v", err, agent.ErrNotEnrolled)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("renew of nothing made the directory: %v", err)
	}
	if _, err := newAgent(dir).Certificate(); !errors.Is(err, agent.ErrNotEnrolled) {
		t.Errorf("certificate of nothing: got %v, want %v", err, agent.ErrNotEnrolled)
	}
	if _, err := newAgent(dir).Enroll(t.Context(), agent.Enrolment{Server: s.URL}); !errors.Is(err, agent.ErrConfig) {
		t.Errorf("no serial: got %v, want %v", err, agent.ErrConfig)
	}
	e := enrolment(s)
	e.KeyType = "dsa"
	if _, err := newAgent(dir).Enroll(t.Context(), e); !errors.Is(err, agent.ErrConfig) {
		t.Errorf("key type: got %v, want %v", err, agent.ErrConfig)
	}
	open := newDir(t)
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	if _, err := newAgent(open).Enroll(t.Context(), enrolment(s)); !errors.Is(err, agent.ErrDirectory) {
		t.Errorf("directory that others write to: got %v, want %v", err, agent.ErrDirectory)
	}
	if err := os.WriteFile(filepath.Join(dir, "current"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newAgent(dir).Enroll(t.Context(), enrolment(s)); !errors.Is(err, agent.ErrDirectory) {
		t.Errorf("foreign directory: got %v, want %v", err, agent.ErrDirectory)
	}
}

func TestTwoAtOnce(t *testing.T) {
	s := clienttest.New(t)
	dir := newDir(t)
	mustEnroll(t, dir, s)
	a, tried := newAgent(dir), false
	a.CutAt(func(string) error {
		if !tried {
			tried = true
			if _, err := newAgent(dir).Renew(t.Context(), agent.Renewal{}); !errors.Is(err, agent.ErrBusy) {
				t.Errorf("second process: got %v, want %v", err, agent.ErrBusy)
			}
		}
		return nil
	})
	if _, err := a.Renew(t.Context(), agent.Renewal{}); err != nil || !tried {
		t.Errorf("first process: %v, tried %v", err, tried)
	}
}

func TestRenewWaitsForAnUnfinishedEnrolment(t *testing.T) {
	s := clienttest.New(t)
	dir := newDir(t)
	mustEnroll(t, dir, s)
	again := enrolment(s)
	again.Again = true
	s.LoseAnswers(2)
	if _, err := newAgent(dir).Enroll(t.Context(), again); !errors.Is(err, client.ErrUnreachable) {
		t.Fatal(err)
	}
	if _, err := newAgent(dir).Renew(t.Context(), agent.Renewal{}); !errors.Is(err, agent.ErrUnfinished) {
		t.Errorf("got %v, want %v", err, agent.ErrUnfinished)
	}
	if _, err := newAgent(dir).Enroll(t.Context(), again); err != nil {
		t.Error(err)
	}
}

// The EST server stands under a CA that is not in /cacerts.
func TestServerUnderAnotherCA(t *testing.T) {
	s := clienttest.New(t)
	web := s.Root
	s.Root = clienttest.NewCA(t, "device root", nil)
	s.Issuer = clienttest.NewCA(t, "devices-1", &s.Root)
	dir := newDir(t)
	e := enrolment(s)
	e.Roots = []*x509.Certificate{web.Certificate}
	if _, err := newAgent(dir).Enroll(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := newAgent(dir).Renew(t.Context(), agent.Renewal{}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "roots.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if roots, err := agent.ParseCertificates(b); err != nil || len(roots) != 1 || !roots[0].Equal(s.Root.Certificate) {
		t.Errorf("roots.crt: %d certificates, %v; want the root of the devices", len(roots), err)
	}
}

func TestThreat50EnrollByFingerprint(t *testing.T) {
	s, rogue := clienttest.New(t), clienttest.New(t)
	dir := newDir(t)
	e := enrolment(s)
	e.Roots, e.Fingerprint = nil, s.Fingerprint()
	e.Server = rogue.URL
	if _, err := newAgent(dir).Enroll(t.Context(), e); !errors.Is(err, client.ErrUntrusted) {
		t.Errorf("rogue server: got %v, want %v", err, client.ErrUntrusted)
	}
	e.Server = s.URL
	if _, err := newAgent(dir).Enroll(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if _, err := newAgent(dir).Renew(t.Context(), agent.Renewal{}); err != nil {
		t.Fatal(err)
	}
}

func TestStatus(t *testing.T) {
	s := clienttest.New(t)
	dir := newDir(t)
	out := mustEnroll(t, dir, s)
	st, err := newAgent(dir).Status()
	if err != nil || st.Expired || st.Due || st.Pending != "" || st.CertificateSerial != out.CertificateSerial {
		t.Errorf("fresh: %+v, %v", st, err)
	}
	later := agent.New(agent.Config{Dir: dir, Now: func() time.Time { return out.NotAfter.Add(time.Hour) }})
	if st, err := later.Status(); err != nil || !st.Expired || !st.Due || st.Left != -3600 {
		t.Errorf("late: %+v, %v", st, err)
	}
	if out, err := later.Enroll(t.Context(), enrolment(s)); err == nil {
		t.Errorf("enrolled with a clock beyond every certificate: %+v", out)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if certs, err := agent.ParseCertificates(b); err == nil && len(certs) == 0 {
			t.Fatal("no certificates and no error")
		}
		if key, err := agent.ParseKey(b); err == nil && key == nil {
			t.Fatal("no key and no error")
		}
	})
}

func TestDamagedPairIsReplaced(t *testing.T) {
	for _, name := range []string{"device.key", "device.crt", "state.json"} {
		t.Run(name, func(t *testing.T) {
			s := clienttest.New(t)
			dir := newDir(t)
			mustEnroll(t, dir, s)
			before := mustPair(t, dir)
			if err := os.WriteFile(filepath.Join(dir, "current", name), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
			e := enrolment(s)
			_, status := newAgent(dir).Status()
			_, once := newAgent(dir).Enroll(t.Context(), e)
			_, renewed := newAgent(dir).Renew(t.Context(), agent.Renewal{})
			for what, err := range map[string]error{"status": status, "enroll": once, "renew": renewed} {
				if !errors.Is(err, agent.ErrDamaged) {
					t.Errorf("%s: %v, want ErrDamaged", what, err)
				}
			}
			e.Again = true
			if out, err := newAgent(dir).Enroll(t.Context(), e); err != nil || out.Unchanged {
				t.Fatalf("enroll again: %+v, %v", out, err)
			}
			if mustPair(t, dir) == before {
				t.Error("the same certificate as before")
			}
			if _, err := newAgent(dir).Renew(t.Context(), agent.Renewal{}); err != nil {
				t.Errorf("renew: %v", err)
			}
		})
	}
}
