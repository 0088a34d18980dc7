package enroll_test

import (
	"context"
	"crypto"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/assay-pki/assay/ca"
	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/bolt"
)

var _ enroll.Issuer = (*ca.Authority)(nil)

// leaser leases blocks as the publisher of CRLs does, without the CRLs.
type leaser struct {
	store.Store
	w *world
}

func (l leaser) Lease(ctx context.Context, issuer store.IssuerID, class store.Class) (store.Block, error) {
	shard, err := l.NextShard(ctx, issuer)
	if err != nil {
		return store.Block{}, err
	}
	return l.LeaseBlock(ctx, store.Lease{Issuer: issuer, Class: class, Shard: shard, By: l.w.by("node")})
}

// newRealWorld is a world whose certificates are made by ca.
func newRealWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, clock: &clock{}, doubt: &atomic.Pointer[error]{}, outcomes: &sync.Map{}}
	w.clock.unix.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Unix())
	ring, err := keys.Open(w.ctx(), keys.Config{Dir: filepath.Join(t.TempDir(), "keys"), Passphrase: []byte("correct horse")})
	must(t, err)
	founding, err := ca.Found(w.ctx(), ca.FoundConfig{
		Name: "Testers", PublicURL: "http://pki.example.com", Hosts: []string{"localhost"}, Keys: ring, Now: w.clock.now,
	})
	must(t, err)
	founding.By = w.by("node")
	s, err := bolt.Create(bolt.Config{Path: filepath.Join(t.TempDir(), "assay.db"), InitialMmapSize: 1 << 28})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	must(t, s.Found(w.ctx(), founding))
	w.store = s
	w.product("sensor", `{}`)
	log := slog.New(slog.DiscardHandler)
	authority, err := ca.New(w.ctx(), ca.Config{Store: s, Keys: ring, Blocks: leaser{s, w}, Now: w.clock.now, Log: log})
	must(t, err)
	issuers, err := s.Issuers(w.ctx())
	must(t, err)
	certs, err := enroll.IssuerCerts(issuers)
	must(t, err)
	w.service, err = enroll.New(enroll.Config{Store: s, Issuer: authority, Issuers: certs, Now: w.clock.now, Log: log})
	must(t, err)
	return w
}

func TestWithTheAuthority(t *testing.T) {
	w := newRealWorld(t)
	d := w.enrolled("sensor", "SN-1")
	for range 4 {
		d = w.renewed(d)
	}
	if d.cert.Subject.SerialNumber != "SN-1" || d.cert.Subject.Organization[0] != "Testers" {
		t.Errorf("got %s", d.cert.Subject)
	}
}

// BenchmarkWhole is a first enrolment with the real authority and store, 16 at
// once, without TLS and HTTP: CPU of the process for one certificate in units of
// a P-256 verification, measured in the same run (budget of the whole path with
// TLS and HTTP: 3.75 v).
func BenchmarkWhole(b *testing.B) {
	w := newRealWorld(b)
	token := w.token("sensor", "", 1<<31)
	requests := make([]enroll.Request, b.N)
	for i, serial := range serials(b.N, "SN-%d") {
		requests[i] = withToken(token, csr(b, crypto.Signer(newKey(b)), subject(serial)))
	}
	v := verifyCost(b)
	var next atomic.Int64
	var all sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	for range 16 {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				if _, err := w.service.Enroll(w.ctx(), requests[i]); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	spent := cpuTime() - before
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/v, "cpu-v/op")
}

// cpuTime is what the process used, system time included.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A birth certificate as ca makes it enrols an operational one.
func TestBirthWithTheAuthority(t *testing.T) {
	w := newRealWorld(t)
	w.product("sensor", `{"birth":{"admit":["token"]}}`)
	d := &device{id: store.DeviceID{Product: "sensor", Serial: "SN-1"}, key: newKey(t)}
	r := withToken(w.token("sensor", "SN-1", 1), csr(t, d.key))
	r.Label = "sensor.birth"
	d.cert = w.gives(r)
	d.cert = w.gives(d.enrols(csr(t, newKey(t))))
	w.renewed(d)
}
