package bolt

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-pki/assay/store"
)

// damage is a way to spoil a file of which the first used octets count.
type damage struct {
	name string
	do   func(r *rand.Rand, b []byte, used int) []byte
}

func damages() []damage {
	flip := func(b []byte, at int, r *rand.Rand) { b[at] ^= 1 << r.IntN(8) }
	return []damage{
		{"one bit", func(r *rand.Rand, b []byte, used int) []byte {
			flip(b, r.IntN(used), r)
			return b
		}},
		{"many bits", func(r *rand.Rand, b []byte, used int) []byte {
			for range 1 + r.IntN(50) {
				flip(b, r.IntN(used), r)
			}
			return b
		}},
		{"header of a page", func(r *rand.Rand, b []byte, used int) []byte {
			flip(b, r.IntN(used/pageSize)*pageSize+r.IntN(64), r)
			return b
		}},
		{"random page", func(r *rand.Rand, b []byte, used int) []byte {
			at := r.IntN(used/pageSize) * pageSize
			for i := range pageSize {
				b[at+i] = byte(r.Uint32())
			}
			return b
		}},
		{"page of zeros", func(r *rand.Rand, b []byte, used int) []byte {
			at := r.IntN(used/pageSize) * pageSize
			clear(b[at : at+pageSize])
			return b
		}},
		{"page in another's place", func(r *rand.Rand, b []byte, used int) []byte {
			from, to := r.IntN(used/pageSize)*pageSize, r.IntN(used/pageSize)*pageSize
			copy(b[to:to+pageSize], b[from:from+pageSize])
			return b
		}},
		{"cut off", func(r *rand.Rand, b []byte, used int) []byte { return b[:r.IntN(used)] }},
	}
}

// TestDamage spoils copies of a store and lets a child open each: it never
// panics, it never takes a store for an empty one, and whatever a read misses or
// gets wrong, Verify finds.
func TestDamage(t *testing.T) {
	count := 21
	if torture() {
		count = 210
	}
	whole, used, list := sound(t)
	outcomes := map[string]int{}
	for n := range count {
		seed := rand.Uint64()
		d := damages()[n%len(damages())]
		t.Run(fmt.Sprintf("%d %s", n, d.name), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "assay.db")
			spoilt := d.do(rand.New(rand.NewPCG(seed, 0)), append([]byte(nil), whole...), used)
			write(t, path, spoilt)
			write(t, path+".expected", list)
			out, err := child(t, "inspect", path).Output()
			if err != nil {
				t.Fatalf("seed %d: the child died: %v\n%s", seed, err, out)
			}
			outcome := judge(t, seed, string(out), strings.Count(string(list), "\n"))
			outcomes[outcome]++
		})
	}
	t.Logf("outcomes: %v", outcomes)
}

func judge(t *testing.T, seed uint64, out string, all int) string {
	t.Helper()
	var verify, open string
	var found, corrupt, missing, wrong int
	if _, err := fmt.Sscanf(out, "verify=%s open=%s found=%d corrupt=%d missing=%d wrong=%d",
		&verify, &open, &found, &corrupt, &missing, &wrong); err != nil {
		t.Fatalf("seed %d: child says %q: %v", seed, out, err)
	}
	if verify != "ok" && verify != "corrupt" || open != "ok" && open != "corrupt" {
		t.Errorf("seed %d: %s, want ok or corrupt", seed, out)
	}
	if open == "ok" && missing == all {
		t.Errorf("seed %d: everything is unknown: %s", seed, out)
	}
	if corrupt+missing+wrong > 0 && verify == "ok" {
		t.Errorf("seed %d: verify found nothing: %s", seed, out)
	}
	return fmt.Sprintf("open %s, verify %s", open, verify)
}

// sound makes a store with something in every bucket. It returns the file, how
// much of it is in use, and the list of certificates for the child.
func sound(t *testing.T) (file []byte, used int, list []byte) {
	t.Helper()
	cfg := testConfig(t)
	s := createTest(t, cfg)
	found(t, s)
	by := store.Actor{Principal: "node", At: testTime()}
	for index := range uint64(400) {
		i := simpleIssuance(index)
		if _, err := s.Issue(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		if index%4 == 0 {
			if _, err := s.Revoke(t.Context(), store.Revoke{Device: i.Device, Reason: 1, By: by}); err != nil {
				t.Fatal(err)
			}
		}
		list = fmt.Appendf(list, "%d %x\n", index, sha256.Sum256(i.Certificate.DER))
	}
	fillRest(t, s, by)
	used = int(size(t, s))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkClosed(t, cfg)
	file, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	return file, used, list
}

func fillRest(t *testing.T, s *Store, by store.Actor) {
	t.Helper()
	ctx := t.Context()
	_, errLease := s.LeaseBlock(ctx, store.Lease{Issuer: 1, Class: store.ShortLived, By: by})
	errToken := s.CreateToken(ctx, store.Token{Hash: [32]byte{1}, Product: "sensor", Uses: 1, ExpiresAt: testTime()}, by)
	_, errDocument := s.PutDocument(ctx, store.PutDocument{Kind: store.KindProduct, Name: "sensor", Body: []byte("{}"), By: by})
	_, errOperator := s.PutOperator(ctx, store.PutOperator{Name: "alice", Role: store.RoleAdmin, By: by})
	expected := []store.Expectation{{Serial: "E1", Identity: store.Identity{VendorID: "V1"}}, {Serial: "E2"}}
	_, errBatch := s.CreateBatch(ctx, store.NewBatch{
		Batch: store.Batch{Name: "w47", Product: "sensor", Manifest: store.Manifest{Rows: 2, Format: "csv"}}, Devices: expected, By: by,
	})
	_, errStation := s.PutStation(ctx, store.PutStation{Name: "s1", Spec: store.StationSpec{Site: "leipzig"}, By: by})
	errKey := s.AddNonceKey(ctx, store.NonceKey{Key: [32]byte{1}, MadeAt: testTime()})
	first := simpleIssuance(1000)
	first.Station, first.Nonce = "s1", &store.Redemption{Nonce: []byte("nonce"), Expires: testTime()}
	_, errIssue := s.Issue(ctx, first)
	errRecord := s.Record(ctx, store.Event{Name: store.IncidentOpened, Time: testTime(), Object: first.Device.String()})
	_, errCRL := s.NextCRL(ctx, store.CRL{Issuer: 1, Scope: "complete", SignedAt: testTime()})
	for _, err := range []error{
		errBatch, errStation, errKey, errIssue, errRecord, errLease, errToken, errDocument, errOperator, errCRL, s.PutCheckpoint(ctx, []byte("checkpoint")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// size is the file up to its highest page in use.
func size(t testing.TB, s *Store) int64 {
	t.Helper()
	btx, err := s.db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	defer rollback(btx)
	return btx.Size()
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// FuzzPages walks the pages of a sound file with a few words changed; the
// checksums of the meta pages are made right again, so that the walk goes deep.
func FuzzPages(f *testing.F) {
	path := filepath.Join(f.TempDir(), "assay.db")
	s, err := Create(Config{Path: path})
	if err != nil {
		f.Fatal(err)
	}
	found(f, s)
	used := size(f, s)
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	sound = sound[:used]
	if err := checkPages(bytes.NewReader(sound), used, false, true); err != nil {
		f.Fatalf("sound file: %v", err)
	}
	f.Add([]byte{}, uint32(used))
	f.Add([]byte{3, 0, 10, 0xff, 0xff}, uint32(used))
	f.Add([]byte{0, 0, 32, 4, 0}, uint32(used-1))
	f.Add([]byte{1, 0, 48, 9, 0}, uint32(0))
	f.Fuzz(func(t *testing.T, edits []byte, cut uint32) {
		b := bytes.Clone(sound[:min(int(cut), len(sound))])
		for ; len(edits) >= 5; edits = edits[5:] { // page, place, value
			at := int(edits[0])*pageSize + int(edits[1]&0x0f)<<8 + int(edits[2])
			if at+2 <= len(b) {
				copy(b[at:at+2], edits[3:5])
			}
		}
		for page := range 2 {
			if at := page*pageSize + pageHeaderSize; at+metaSize <= len(b) {
				h := fnv.New64a()
				_, _ = h.Write(b[at : at+metaSize-8])
				word().PutUint64(b[at+metaSize-8:], h.Sum64())
			}
		}
		whole := checkPages(bytes.NewReader(b), int64(len(b)), false, true)
		quick := checkPages(bytes.NewReader(b), int64(len(b)), true, false)
		if whole == nil && quick != nil {
			t.Errorf("the whole walk finds nothing, the quick one %v", quick)
		}
	})
}
