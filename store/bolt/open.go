package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"

	"go.etcd.io/bbolt"

	"github.com/assay-pki/assay/store"
)

// Create makes a new, empty store and opens it. It fails with fs.ErrExist if
// something of that name is there. A crash leaves either the whole file or a
// file whose name ends in ".new", which is in nobody's way.
func Create(cfg Config) (*Store, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if err := create(cfg.Path); err != nil {
		return nil, fmt.Errorf("create store %s: %w", cfg.Path, err)
	}
	return Open(cfg)
}

func create(path string) error {
	if err := refuseNetwork(filepath.Dir(path)); err != nil {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fs.ErrExist, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	if err := tmp.Close(); err != nil {
		return err
	}
	// Power loss within bbolt's first writes would tear the file: it gets its
	// name only when it is whole and on the disk.
	if err := initialise(tmp.Name()); err != nil {
		return err
	}
	if err := renameNew(tmp.Name(), path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// initialise writes buckets, schema and head, and returns when they are synced.
func initialise(path string) error {
	options := options(0, 0)
	db, err := bbolt.Open(path, 0o600, options)
	if err != nil {
		return err
	}
	err = db.Update(func(btx *bbolt.Tx) error {
		for _, name := range bucketNames() {
			if _, err := btx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		w := &writeTx{tx: tx{bolt: btx}}
		if err := w.put(metaBucket, []byte(schemaKey), numberValue(schemaVersion)); err != nil {
			return err
		}
		return w.put(metaBucket, []byte(headKey), w.state.encode())
	})
	return errors.Join(err, db.Close())
}

func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func options(mmap, maxSize int) *bbolt.Options {
	return &bbolt.Options{
		PageSize:        pageSize,
		FreelistType:    bbolt.FreelistMapType,
		NoFreelistSync:  false, // without it a cold start reads the whole file
		PreLoadFreelist: true,
		InitialMmapSize: mmap,
		MaxSize:         maxSize,
		NoStatistics:    true,
	}
}

// Open opens a store for reading and writing. A missing file is fs.ErrNotExist:
// it is never made here, for an empty store knows no certificate.
func Open(cfg Config) (*Store, error) { return open(cfg, false) }

// OpenReadOnly opens the store of a stopped node, to verify or to copy it: acts
// fail with store.ErrUnavailable. Several processes may do so at once.
func OpenReadOnly(cfg Config) (*Store, error) { return open(cfg, true) }

func open(cfg Config, readOnly bool) (*Store, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	s := &Store{
		readOnly:   readOnly,
		queue:      queue{ready: make(chan struct{}, 1)},
		writerDone: make(chan struct{}),
		closing:    make(chan struct{}),
		feed:       feed{changed: make(chan struct{})},
	}
	if err := s.open(cfg); err != nil {
		if errors.Is(err, store.ErrCorrupt) {
			err = fmt.Errorf("%w; keep the file, restore a backup into an empty directory", err)
		}
		return nil, fmt.Errorf("open store %s: %w", cfg.Path, err)
	}
	if readOnly {
		close(s.writerDone)
	} else {
		go s.write()
	}
	cfg.Log.LogAttrs(context.Background(), slog.LevelInfo, "store opened",
		slog.String("path", cfg.Path), slog.Int64("events", s.state.log.size), slog.Uint64("feed", s.state.feed))
	return s, nil
}

func (s *Store) open(cfg Config) (err error) {
	if err := refuseNetwork(filepath.Dir(cfg.Path)); err != nil {
		return err
	}
	o := options(cfg.InitialMmapSize, cfg.MaxSize)
	o.ReadOnly = s.readOnly
	var file *os.File
	var refusal error
	o.OpenFile = func(path string, _ int, _ fs.FileMode) (*os.File, error) {
		file, refusal = s.openFile(path, cfg.AcceptOlderMeta)
		return file, refusal
	}
	// bbolt trusts what it maps. If it stumbles, closing the file gives the
	// lock back; the mapping stays until the process ends.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if err != nil && file != nil {
			_ = file.Close()
		}
	}()
	defer recoverCorrupt(&err)
	if s.db, err = bbolt.Open(cfg.Path, 0o600, o); err != nil {
		if refusal != nil {
			return refusal
		}
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	if err := s.load(); err != nil {
		_ = s.db.Close()
		return err
	}
	return nil
}

// openFile opens an existing file, locks it and checks its pages before bbolt
// maps it. bbolt's own lock, on the same descriptor, then succeeds at once.
func (s *Store) openFile(path string, acceptOlder bool) (*os.File, error) {
	flag := os.O_RDWR
	if s.readOnly {
		flag = os.O_RDONLY
	}
	file, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	err = lock(file, !s.readOnly)
	if err == nil {
		err = checkFile(file, acceptOlder, false)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

func checkFile(file *os.File, acceptOlder, whole bool) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("not a regular file: %w", fs.ErrInvalid)
	}
	return checkPages(file, info.Size(), acceptOlder, whole)
}

// load reads what the writer keeps in memory and samples the invariants.
func (s *Store) load() error {
	return s.view(context.Background(), func(t *tx) error {
		if err := t.checkSchema(); err != nil {
			return err
		}
		loaded, err := t.loadState()
		if err != nil {
			return err
		}
		s.state = loaded
		s.feed.head = loaded.feed
		return t.sample()
	})
}

// checkSchema reads the schema's number first: a newer one may have other
// buckets.
func (t *tx) checkSchema() error {
	names := bucketNames()
	if t.bolt.Bucket([]byte(names[metaBucket])) == nil {
		return damaged("bucket %q is missing, or this is no store", names[metaBucket])
	}
	schema, err := t.number(metaBucket, []byte(schemaKey))
	if err != nil {
		return err
	}
	if schema > schemaVersion {
		return fmt.Errorf("schema %d, this program knows %d: install the newer version: %w", schema, schemaVersion, ErrNewerSchema)
	}
	if schema != schemaVersion {
		return damaged("schema %d was never in use", schema)
	}
	for _, name := range names {
		if t.bolt.Bucket([]byte(name)) == nil {
			return damaged("bucket %q is missing", name)
		}
	}
	return nil
}

// loadState compares the head record with the buckets it counts.
func (t *tx) loadState() (s state, err error) {
	h, err := t.head()
	if err != nil {
		return s, err
	}
	size, err := t.lastSeq(eventBucket)
	if err != nil {
		return s, err
	}
	if s.feed, err = t.lastSeq(feedBucket); err != nil {
		return s, err
	}
	if h.size < 0 || uint64(h.size) != size || h.feed != s.feed {
		return s, damaged("the head counts %d events and %d changes of status, there are %d and %d", h.size, h.feed, size, s.feed)
	}
	if s.log, err = t.loadTree(h.size); err != nil {
		return s, err
	}
	if s.log.root() != h.root {
		return s, damaged("the audit log's root hash is not that of the last commit")
	}
	s.mark = h.mark
	return s, nil
}
