package bolt

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/storetest"
)

// The test binary is its own child: what may be killed, or meet a damaged file,
// runs in another process.
const (
	childEnv = "ASSAY_BOLT_CHILD" // which child to be
	fileEnv  = "ASSAY_BOLT_FILE"
	roundEnv = "ASSAY_BOLT_ROUND"
	// tortureEnv set to 1 makes the tests of damage and death long.
	tortureEnv = "ASSAY_TORTURE"
)

func TestMain(m *testing.M) {
	cfg := Config{Path: os.Getenv(fileEnv), InitialMmapSize: 1 << 26}
	switch os.Getenv(childEnv) {
	case "":
		os.Exit(m.Run())
	case "issue":
		issueForEver(cfg)
	case "inspect":
		inspect(cfg)
	case "keep":
		keepOpen(cfg)
	}
}

// child starts the test binary as a child.
func child(t *testing.T, kind, path string, env ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), append(env, childEnv+"="+kind, fileEnv+"="+path)...)
	cmd.Stderr = os.Stderr
	return cmd
}

func torture() bool { return os.Getenv(tortureEnv) == "1" }

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// issueForEver issues with 64 writers and prints the index of each certificate
// when it was acknowledged, and "held" with it after a hold was. All are first
// certificates of one batch and one station.
func issueForEver(cfg Config) {
	s, err := Open(cfg)
	fail(err)
	round, err := strconv.ParseUint(os.Getenv(roundEnv), 10, 16)
	fail(err)
	var next atomic.Uint64
	var wait sync.WaitGroup
	for range 64 {
		wait.Go(func() {
			for {
				index := round<<20 | next.Add(1)
				i := simpleIssuance(index)
				i.Batch, i.Station = killedBatch, killedStation
				i.Nonce = &store.Redemption{Nonce: fmt.Append(nil, index), Expires: testTime().Add(time.Hour)}
				_, err := s.Issue(context.Background(), i)
				fail(err)
				fmt.Printf("%d\n", index)
				if index%5 != 0 {
					continue
				}
				_, err = s.Hold(context.Background(), store.Hold{Device: i.Device, By: i.By})
				fail(err)
				fmt.Printf("%d held\n", index)
			}
		})
	}
	wait.Wait()
}

// What the killed line works on.
const (
	killedBatch   = "w47"
	killedStation = "s1"
)

func testTime() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// simpleIssuance is the first certificate of a device that is named by its index.
func simpleIssuance(index uint64) store.Issuance {
	id := store.DeviceID{Product: "sensor", Serial: fmt.Sprintf("%012d", index)}
	c := storetest.MakeCertificate(storetest.Spec{
		Ref:    store.Ref{Issuer: 1, Index: index},
		Holder: store.Holder{Kind: store.HolderDevice, Name: id.String()}, Profile: store.ProfileOperational,
		NotBefore: testTime(), NotAfter: testTime().Add(90 * 24 * time.Hour), Padding: 300,
	})
	return store.Issuance{Certificate: c, Device: id, By: store.Actor{Principal: "node", At: testTime()}}
}

// keepOpen holds the file until its standard input ends.
func keepOpen(cfg Config) {
	s, err := Open(cfg)
	fail(err)
	fmt.Println("open")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	fail(s.Close())
}

// expected lists what a damaged file held: "index digest" lines beside it.
func expected(path string) map[uint64]string {
	b, err := os.ReadFile(path + ".expected")
	fail(err)
	want := map[uint64]string{}
	for line := range strings.Lines(string(b)) {
		index, digest, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.ParseUint(index, 10, 64)
		fail(err)
		want[n] = digest
	}
	return want
}

// inspect opens a damaged file, reads everything and writes a little, and prints
// "verify=W open=W found=N corrupt=N missing=N wrong=N". It must never panic.
func inspect(cfg Config) {
	ctx := context.Background()
	fmt.Printf("verify=%s ", word1(Verify(ctx, cfg)))
	s, err := Open(cfg)
	fmt.Printf("open=%s ", word1(err))
	if err != nil {
		fmt.Println("found=0 corrupt=0 missing=0 wrong=0")
		return
	}
	var found, corrupt, missing, wrong int
	for index, digest := range expected(cfg.Path) {
		c, err := s.Certificate(ctx, store.Ref{Issuer: 1, Index: index})
		sum := sha256.Sum256(c.DER)
		switch {
		case errors.Is(err, store.ErrCorrupt):
			corrupt++
		case err != nil:
			missing++
		case hex.EncodeToString(sum[:]) != digest:
			wrong++
		default:
			found++
		}
	}
	touchEverything(ctx, s)
	fmt.Printf("found=%d corrupt=%d missing=%d wrong=%d\n", found, corrupt, missing, wrong)
	_ = s.Close()
}

// touchEverything reads every list and tries every kind of act; any error will do.
func touchEverything(ctx context.Context, s *Store) {
	_, _ = s.Certificates(ctx, store.Ref{}, store.MaxPage)
	_, _ = s.Devices(ctx, store.DeviceID{}, store.MaxPage)
	_, _ = s.Events(ctx, 0, store.MaxPage)
	_, _ = s.Revocations(ctx, 1, 0, store.MaxIndex, store.MaxPage)
	_, _ = s.RevokedSince(ctx, 0, store.MaxPage)
	_, _ = s.ExpiringBefore(ctx, store.Expiry{}, ^store.Day(0), store.MaxPage)
	_, _ = s.Blocks(ctx)
	_, _ = s.Log(ctx)
	for index := range uint64(40) {
		i := simpleIssuance(1<<30 + index)
		_, _ = s.Issue(ctx, i)
		d := simpleIssuance(index * 7).Device
		_, _ = s.Revoke(ctx, store.Revoke{Device: d, Reason: 1, By: i.By})
	}
}

// word1 is the kind of an error in one word.
func word1(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, store.ErrCorrupt):
		return "corrupt"
	}
	return "other:" + strings.ReplaceAll(err.Error(), " ", "_")
}
