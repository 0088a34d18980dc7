package bolt

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/storetest"
)

func TestOpenMakesNothing(t *testing.T) {
	cfg := testConfig(t)
	for _, open := range []func(Config) (*Store, error){Open, OpenReadOnly} {
		if _, err := open(cfg); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open a missing file: %v, want %v", err, fs.ErrNotExist)
		}
	}
	if _, err := os.Lstat(cfg.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made: %v", err)
	}
}

func TestCreateReplacesNothing(t *testing.T) {
	cfg := testConfig(t)
	if err := os.WriteFile(cfg.Path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(cfg); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create over a file: %v, want %v", err, fs.ErrExist)
	}
	if err := renameNew(cfg.Path, t.TempDir()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("rename over a directory: %v, want %v", err, fs.ErrExist)
	}
	if b, err := os.ReadFile(cfg.Path); string(b) != "mine" {
		t.Errorf("file holds %q, %v", b, err)
	}
}

func TestNoStore(t *testing.T) {
	foreign := func(t *testing.T, path string) {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: pageSize})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, make := range map[string]func(t *testing.T, path string){
		"empty file":          func(t *testing.T, path string) { write(t, path, nil) },
		"text":                func(t *testing.T, path string) { write(t, path, []byte(strings.Repeat("text ", 10000))) },
		"other bbolt file":    foreign,
		"only its first page": func(t *testing.T, path string) { foreign(t, path); _ = os.Truncate(path, pageSize) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t)
			make(t, cfg.Path)
			for _, open := range []func(Config) (*Store, error){Open, OpenReadOnly} {
				_, err := open(cfg)
				if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "restore a backup") {
					t.Errorf("error is %v, want %v and the next step", err, store.ErrCorrupt)
				}
			}
		})
	}
}

func TestReopen(t *testing.T) {
	cfg := testConfig(t)
	s := createTest(t, cfg)
	found(t, s)
	for index := range uint64(20) {
		i := simpleIssuance(index)
		if _, err := s.Issue(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Hold(t.Context(), store.Hold{Device: i.Device, By: i.By}); err != nil {
			t.Fatal(err)
		}
		before := memory(s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, _ = Open(cfg); s == nil {
			t.Fatal("store does not open again")
		}
		if diff := cmp.Diff(before, memory(s)); diff != "" {
			t.Fatalf("state after %d (-before +after):\n%s", index, diff)
		}
		if err := s.WaitFeed(t.Context(), index); err != nil {
			t.Fatalf("feed after a restart: %v", err)
		}
	}
	storetest.Check(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkClosed(t, cfg)
}

type remembered struct {
	Size       int64
	Root       [32]byte
	Feed, Head uint64
	Mark       int64
}

func memory(s *Store) remembered {
	head, _ := s.feed.now()
	return remembered{s.state.log.size, s.state.log.root(), s.state.feed, head, s.state.mark}
}

func TestReadOnly(t *testing.T) {
	cfg := testConfig(t)
	s := createTest(t, cfg)
	found(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	var readers []*Store
	for range 2 { // several at once
		r, err := OpenReadOnly(cfg)
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, r)
	}
	for _, r := range readers {
		storetest.Check(t, r)
		if _, err := r.Issue(t.Context(), simpleIssuance(1)); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("issue: %v, want %v", err, store.ErrUnavailable)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if after, err := os.ReadFile(cfg.Path); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed (%v)", err)
	}
}

func TestNewerSchema(t *testing.T) {
	cfg := testConfig(t)
	s := createTest(t, cfg)
	err := s.do(t.Context(), func(w *writeTx) error {
		return w.put(metaBucket, []byte(schemaKey), numberValue(schemaVersion+1))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(cfg); !errors.Is(err, ErrNewerSchema) || errors.Is(err, store.ErrCorrupt) {
		t.Errorf("error is %v, want %v", err, ErrNewerSchema)
	}
}

// TestOneMeta: with one damaged meta page the newest commit may be gone, so a
// person has to say that the file may be opened.
func TestOneMeta(t *testing.T) {
	for page := range 2 {
		cfg := testConfig(t)
		s := createTest(t, cfg)
		found(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		file, err := os.OpenFile(cfg.Path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt([]byte{0xff}, int64(page*pageSize+pageHeaderSize+metaSize-1)); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(cfg); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("meta page %d: %v, want %v", page, err, store.ErrCorrupt)
		}
		cfg.AcceptOlderMeta = true
		s, err = Open(cfg)
		if err != nil {
			t.Fatalf("meta page %d, accepted: %v", page, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []Config{{}, {Path: "x", InitialMmapSize: -1}, {Path: "x", MaxSize: -1}} {
		if _, err := Open(cfg); err == nil {
			t.Errorf("config %+v was accepted", cfg)
		}
	}
}

func TestIndexExhausted(t *testing.T) {
	s := createTest(t, testConfig(t))
	defer s.Close()
	found(t, s)
	err := s.do(t.Context(), func(w *writeTx) error { return w.put(shardBucket, issuerKey(1), numberValue(store.MaxShard)) })
	if err != nil {
		t.Fatal(err)
	}
	l := store.Lease{Issuer: 1, Class: store.ShortLived, Shard: store.MaxShard, By: store.Actor{Principal: "node", At: time.Unix(1, 0)}}
	b, err := s.LeaseBlock(t.Context(), l)
	if err != nil || b.End != store.MaxIndex+1 {
		t.Fatalf("last block: %+v, %v", b, err)
	}
	if _, err := s.Issue(t.Context(), simpleIssuance(store.MaxIndex)); err != nil {
		t.Fatalf("last index: %v", err)
	}
	if blocks, err := s.Blocks(t.Context()); err != nil || blocks[0].Next != store.MaxIndex+1 {
		t.Errorf("blocks: %+v, %v", blocks, err)
	}
	l.Shard++
	if _, err := s.LeaseBlock(t.Context(), l); !errors.Is(err, store.ErrIndexExhausted) {
		t.Errorf("lease after the last shard: %v, want %v", err, store.ErrIndexExhausted)
	}
}
