package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
)

// The files of an export.
const (
	eventsFile     = "events.cbor"
	hashesFile     = "hashes"
	checkpointFile = "checkpoint"
	keyFile        = "log.pub"
)

// Export writes a copy of the log that VerifyExport can check without the
// store: see the package comment for the files. vkey is the log's verifier
// text; the newest checkpoint must verify by it. Records and hashes are copied
// as they are, for the reader to judge: first every record, in order and once,
// then the hash of every leaf, in order.
//
// dir must not exist, or be empty. It appears whole, with mode 0700, and is
// durable when Export returns nil; after an error it is as it was.
func Export(ctx context.Context, source Source, vkey, dir string) (Report, error) {
	signed, checkpoint, err := newestCheckpoint(ctx, source, vkey)
	if err != nil {
		return Report{}, err
	}
	head, err := source.Log(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("export: read the log's head: %w", err)
	}
	files := []struct {
		name string
		fill func(io.Writer) error
	}{
		{keyFile, func(w io.Writer) error { _, err := io.WriteString(w, vkey+"\n"); return err }},
		{checkpointFile, func(w io.Writer) error { _, err := w.Write(signed); return err }},
		{eventsFile, func(w io.Writer) error { return copyRecords(ctx, source, head.Size, w) }},
		{hashesFile, func(w io.Writer) error { return copyLeafHashes(ctx, source, head.Size, w) }},
	}
	err = writeDir(dir, func(tmp string) error {
		for _, file := range files {
			if err := writeFile(filepath.Join(tmp, file.name), file.fill); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Report{}, fmt.Errorf("export to %s: %w", dir, err)
	}
	return Report{Checkpoint: checkpoint, Beyond: uint64(max(0, head.Size-checkpoint.Size))}, nil
}

func copyRecords(ctx context.Context, source Source, size int64, w io.Writer) error {
	for after := int64(0); after < size; {
		limit := min(pageRecords, size-after)
		events, err := source.Events(ctx, uint64(after), int(limit))
		if err != nil {
			return fmt.Errorf("read records after %d: %w", after, err)
		}
		if len(events) == 0 {
			return badRecord(uint64(after)+1, "missing")
		}
		for _, event := range events {
			if _, err := w.Write(event.Bytes); err != nil {
				return err
			}
		}
		after += int64(len(events))
	}
	return nil
}

func copyLeafHashes(ctx context.Context, source Source, size int64, w io.Writer) error {
	read := reader(ctx, source)
	for first := int64(0); first < size; first += pageRecords {
		var indexes []int64
		for leaf := first; leaf < min(first+pageRecords, size); leaf++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, leaf))
		}
		hashes, err := read(indexes)
		if err != nil {
			return err
		}
		for _, h := range hashes {
			if _, err := w.Write(h[:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeDir makes a directory appear whole: it is filled under a temporary name
// next to it, then renamed.
func writeDir(dir string, fill func(tmp string) error) error {
	dir = filepath.Clean(dir)
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("it is there and not empty; choose another directory: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".export-*")
	if err != nil {
		return err
	}
	if err := fill(tmp); err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	if err := errors.Join(syncDir(tmp), os.Rename(tmp, dir)); err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	return syncDir(filepath.Dir(dir))
}

func writeFile(path string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	err = fill(w)
	return errors.Join(err, w.Flush(), f.Sync(), f.Close())
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
