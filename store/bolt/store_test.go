package bolt

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/storetest"
)

func testConfig(t testing.TB) Config {
	t.Helper()
	return Config{Path: filepath.Join(t.TempDir(), "assay.db"), InitialMmapSize: 1 << 24}
}

// create makes an empty store; the test closes it.
func createTest(t testing.TB, cfg Config) *Store {
	t.Helper()
	s, err := Create(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		cfg := testConfig(t)
		s := createTest(t, cfg)
		t.Cleanup(func() { checkClosed(t, cfg) })
		return s
	})
}

// checkClosed looks at a closed file in two ways: bbolt's own check, and ours.
func checkClosed(t testing.TB, cfg Config) {
	t.Helper()
	db, err := bbolt.Open(cfg.Path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Errorf("open with bbolt: %v", err)
		return
	}
	err = db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("bbolt check: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if err := Verify(context.Background(), cfg); err != nil {
		t.Errorf("verify: %v", err)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(cfg.Path), "*.new"))
	if len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
	if info, err := os.Stat(cfg.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the file: %v, %v", info, err)
	}
}
