package audit_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/audit"
	"github.com/assay-pki/assay/store/bolt"
)

// TestBolt: a log that the real engine keeps is signed, verified, exported and
// proved.
func TestBolt(t *testing.T) {
	ctx := t.Context()
	db, err := bolt.Create(bolt.Config{Path: filepath.Join(t.TempDir(), "assay.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	const origin = "assay/6f1d2c3b4a596877/0"
	skey, vkey, err := audit.NewLogKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := audit.NewCheckpointer(audit.Config{
		Store: db, Key: skey, Origin: origin, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	var heads []audit.Checkpoint
	const steps, each = 5, 7
	for step := range steps {
		var events []store.Event
		for i := range each {
			events = append(events, store.Event{
				Name: store.EnrolmentRefused, Time: time.Date(2026, 3, 1, 12, step, i, 0, time.UTC),
				Actor: "node", Reason: "bad-csr", Count: uint64(i + 1), Object: fmt.Sprintf("sensor/%d-%d", step, i),
			})
		}
		if err := db.Record(ctx, events...); err != nil {
			t.Fatal(err)
		}
		if did, err := signer.Sign(ctx); !did || err != nil {
			t.Fatalf("Sign = %t, %v", did, err)
		}
		report, err := audit.Verify(ctx, db, vkey)
		if err != nil || report.Checkpoint.Size != int64(each*(step+1)) || report.Beyond != 0 {
			t.Fatalf("Verify = %+v, %v", report, err)
		}
		heads = append(heads, report.Checkpoint)
	}
	dir := filepath.Join(t.TempDir(), "export")
	if _, err := audit.Export(ctx, db, vkey, dir); err != nil {
		t.Fatal(err)
	}
	if report, err := audit.VerifyExport(ctx, dir, vkey); err != nil || report.Checkpoint != heads[steps-1] {
		t.Fatalf("VerifyExport = %+v, %v, want %+v", report, err, heads[steps-1])
	}
	events, err := db.Events(ctx, 0, store.MaxPage)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range heads {
		for _, e := range events[:at.Size] {
			proof, err := audit.ProveRecord(ctx, db, at, e.Seq)
			if err != nil {
				t.Fatal(err)
			}
			if err := audit.CheckRecord(proof, at, e.Seq, e.Bytes); err != nil {
				t.Error(err)
			}
		}
		proof, err := audit.ProveTree(ctx, db, at, heads[steps-1])
		if err != nil {
			t.Fatal(err)
		}
		if err := audit.CheckTree(proof, at, heads[steps-1]); err != nil {
			t.Error(err)
		}
	}
}
