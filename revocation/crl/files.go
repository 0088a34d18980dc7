package crl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/assay-pki/assay/store"
)

// write makes file durable with the given bytes (PUB-01). swap runs together
// with the rename, under the lock that readers take.
//
// A crash before the rename leaves the old file and a temporary one that load
// removes; after it, the new file or, the directory not being synced, the old.
func (p *Publisher) write(file string, b []byte, swap func()) error {
	dir := filepath.Dir(file)
	if err := p.makeDir(dir); err != nil {
		return err
	}
	pending, err := renameio.NewPendingFile(file, renameio.WithTempDir(dir), renameio.WithStaticPermissions(0o644))
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	defer pending.Cleanup() //nolint:errcheck // nothing is left to do when it fails
	if _, err := pending.Write(b); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	// Synced here, so that readers don't wait for the disk below.
	if err := pending.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if err := p.replace(pending, swap); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return syncDir(dir)
}

func (p *Publisher) replace(pending *renameio.PendingFile, swap func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return err
	}
	swap()
	return nil
}

// makeDir makes a directory durable, with those above it up to Dir.
func (p *Publisher) makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of lists: %w", err)
	}
	for above := filepath.Dir(dir); ; above = filepath.Dir(above) {
		if err := syncDir(above); err != nil {
			return err
		}
		if above == p.cfg.Dir || len(above) <= len(p.cfg.Dir) {
			return nil
		}
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// The bookmark file says up to which sequence of the feed every list on disk is
// complete.
const bookmarkForm = "assay crl feed 1\n%d\n"

func (p *Publisher) bookmarkFile() string { return filepath.Join(p.cfg.Dir, "crl", ".feed") }

// saveBookmark is called when everything up to seen is durable.
func (p *Publisher) saveBookmark(seen uint64) error {
	return p.write(p.bookmarkFile(), fmt.Appendf(nil, bookmarkForm, seen), func() {})
}

// loadBookmark returns false when there is none that can be read: everything is
// made anew then.
func (p *Publisher) loadBookmark() (uint64, bool) {
	b, err := os.ReadFile(p.bookmarkFile())
	if err != nil || len(b) > maxBookmark {
		return 0, false
	}
	var seen uint64
	if _, err := fmt.Sscanf(string(b), bookmarkForm, &seen); err != nil {
		return 0, false
	}
	return seen, string(b) == fmt.Sprintf(bookmarkForm, seen)
}

// load takes up the lists in the directory that are ours, whole and no older
// than what the store numbered last. All others are made anew (PUB-07).
func (p *Publisher) load(ctx context.Context) error {
	numbered, err := p.cfg.Store.CRLs(ctx)
	if err != nil {
		return fmt.Errorf("list CRL numbers: %w", err)
	}
	numbers := make(map[key]uint64, len(numbered))
	for _, c := range numbered {
		if k, ok := keyOf(c); ok {
			numbers[k] = c.Number
		}
	}
	for _, i := range p.allIssuers() {
		if err := p.loadIssuer(i, numbers); err != nil {
			return err
		}
	}
	head, err := p.cfg.Store.FeedHead(ctx)
	if err != nil {
		return fmt.Errorf("read the feed's head: %w", err)
	}
	seen, ok := p.loadBookmark()
	if !ok || seen > head {
		// No bookmark, or one that is ahead of a restored store: nothing is known
		// of what the lists contain.
		for k := range p.published {
			p.dirty[k] = struct{}{}
		}
		seen, ok = head, false
	}
	p.seen, p.saved, p.bookmarked = seen, seen, ok
	return nil
}

func keyOf(c store.CRL) (key, bool) {
	if c.Scope == scopeComplete {
		return completeKey(c.Issuer), true
	}
	shard, ok := parseShard(c.Scope)
	return shardKey(c.Issuer, shard), ok
}

// parseShard reads a shard number as it is written: decimal, no leading zeros.
func parseShard(s string) (uint64, bool) {
	shard, err := strconv.ParseUint(s, 10, 64)
	return shard, err == nil && strconv.FormatUint(shard, 10) == s
}

// loadIssuer reads an issuer's files and removes what a crash left half written.
func (p *Publisher) loadIssuer(i *issuer, numbers map[key]uint64) error {
	root := filepath.Join(p.cfg.Dir, "crl")
	p.loadFile(i, completeKey(i.id), filepath.Join(root, i.name+".crl"), numbers)
	removeUnfinished(root)
	entries, err := os.ReadDir(filepath.Join(root, i.name))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("read the directory of lists: %w", err)
	}
	removeUnfinished(filepath.Join(root, i.name))
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".crl")
		if !ok {
			continue
		}
		if shard, ok := parseShard(name); ok {
			p.loadFile(i, shardKey(i.id, shard), filepath.Join(root, i.name, e.Name()), numbers)
		}
	}
	return nil
}

// removeUnfinished removes renameio's temporary files, ".NAME.crl" and digits.
func removeUnfinished(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, ".*.crl*")) // the pattern is good
	for _, file := range left {
		_ = os.Remove(file) // one that stays does no harm
	}
}

// loadFile takes up one list. One that can't be trusted is passed over, so that
// it is made anew.
func (p *Publisher) loadFile(i *issuer, k key, file string, numbers map[key]uint64) {
	der, err := readLimited(file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var pub *publication
	if err == nil {
		pub, err = p.verify(i, k, der)
	}
	switch {
	case err != nil:
		p.cfg.Log.Warn("list on disk is not usable and will be made anew",
			logIssuer, i.name, logScope, k.scope(), logError, err)
		return
	case pub.number < numbers[k]:
		// A crash between the number and the file, or somebody put an old file
		// back: it is served while its successor is made.
		p.dirty[k] = struct{}{}
	}
	p.published[k] = pub
	p.paths[pub.path] = k
}

func readLimited(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("open a list: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read a list: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%w: no file of at most %d octets", errNotOurs, maxFile)
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("read a list: %w", err)
	}
	return b, nil
}
