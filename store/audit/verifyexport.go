package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/fxamacker/cbor/v2"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-pki/assay/store"
)

// VerifyExport checks a copy that Export made, without the store. vkey is the
// log's verifier text; when it is empty the copy's own log.pub is believed, and
// the result says only that the copy agrees with itself. Errors are those of
// Verify. It only reads, in constant memory.
func VerifyExport(ctx context.Context, dir, vkey string) (Report, error) {
	own, err := readSmall(filepath.Join(dir, keyFile), maxKeyBytes)
	if err != nil {
		return Report{}, fmt.Errorf("verify export: %w", err)
	}
	ownKey, ok := strings.CutSuffix(string(own), "\n")
	if !ok || vkey != "" && ownKey != vkey {
		return Report{}, fmt.Errorf("verify export: %s is not the expected key: %w", filepath.Join(dir, keyFile), ErrKey)
	}
	signed, err := readSmall(filepath.Join(dir, checkpointFile), maxCheckpointBytes)
	if err != nil {
		return Report{}, fmt.Errorf("verify export: %w", err)
	}
	checkpoint, err := OpenCheckpoint(signed, ownKey)
	if err != nil {
		return Report{}, fmt.Errorf("verify export: %w", err)
	}
	events, err := os.Open(filepath.Join(dir, eventsFile))
	if err != nil {
		return Report{}, fmt.Errorf("verify export: %w", err)
	}
	defer events.Close()
	hashes, err := os.Open(filepath.Join(dir, hashesFile))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return verifyCopy(ctx, checkpoint, events, nil)
	case err != nil:
		return Report{}, fmt.Errorf("verify export: %w", err)
	}
	defer hashes.Close()
	return verifyCopy(ctx, checkpoint, events, hashes)
}

// verifyCopy checks records against a verified checkpoint; hashes is nil when
// the copy has none.
func verifyCopy(ctx context.Context, checkpoint Checkpoint, events, hashes io.Reader) (Report, error) {
	c := copyCheck{checkpoint: checkpoint, events: newRecordReader(events)}
	if hashes != nil {
		c.hashes = bufio.NewReader(hashes)
	}
	return c.run(ctx)
}

func readSmall(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("read %s: longer than %d octets", path, most)
	}
	return b, nil
}

// copyCheck reads records and leaf hashes side by side.
type copyCheck struct {
	checkpoint Checkpoint
	events     *recordReader
	// hashes is nil when the copy has none.
	hashes *bufio.Reader

	// fromEvents and fromHashes are the trees of either file.
	fromEvents, fromHashes tree
	// signedEvents and signedHashes tell that the root at the checkpoint's
	// size is the signed one.
	signedEvents, signedHashes bool
	// bad is the first record at which the files are not two views of one log.
	bad *BadRecord
}

func (c *copyCheck) run(ctx context.Context) (Report, error) {
	c.note()
	for c.bad == nil {
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		if done, err := c.step(); done || err != nil {
			if err != nil {
				return Report{}, fmt.Errorf("verify export: %w", err)
			}
			break
		}
	}
	if c.bad != nil {
		// Whether the hashes are the signed ones decides whom to believe.
		if err := c.restOfHashes(); err != nil {
			return Report{}, fmt.Errorf("verify export: %w", err)
		}
		return Report{}, c.judge()
	}
	if c.fromEvents.size < c.checkpoint.Size {
		return Report{}, badRecord(uint64(c.fromEvents.size)+1,
			fmt.Sprintf("missing: the checkpoint covers %d records, the copy has %d", c.checkpoint.Size, c.fromEvents.size))
	}
	if !c.signedEvents {
		return Report{}, &BadRecord{
			First: 1, Last: uint64(max(c.checkpoint.Size, 1)),
			What: "not those of the signed root, and the copy has no hashes that tell which",
		}
	}
	return Report{Checkpoint: c.checkpoint, Beyond: uint64(c.fromEvents.size - c.checkpoint.Size)}, nil
}

// step takes the next record and its hash. It sets bad at a disagreement, and
// tells when both files have ended.
func (c *copyCheck) step() (done bool, err error) {
	n := uint64(c.fromEvents.size) + 1
	record, recordErr := c.events.next()
	if recordErr != nil && !errors.Is(recordErr, io.EOF) && !errors.Is(recordErr, errNotCBOR) {
		return false, recordErr
	}
	hash, hashErr := c.nextHash()
	if hashErr != nil && !errors.Is(hashErr, io.EOF) {
		return false, hashErr
	}
	noHash := hashErr != nil && c.hashes != nil
	switch {
	case errors.Is(recordErr, io.EOF):
		if c.hashes != nil && !noHash {
			c.fromHashes.add(hash)
			c.bad = badRecord(n, "missing: there is a hash for it")
		} else if errors.Is(hashErr, io.ErrUnexpectedEOF) {
			c.bad = badRecord(n, "the file of hashes does not end with a whole hash")
		}
		c.note()
		return c.bad == nil, nil
	case recordErr != nil:
		c.bad = &BadRecord{First: n, Last: n, What: "is not a CBOR item", Err: recordErr}
	case noHash:
		c.bad = badRecord(n, "there is no hash for it: something was appended, or the hashes were cut")
	case c.hashes != nil && tlog.RecordHash(record) != hash:
		c.bad = badRecord(n, "its bytes do not hash to its leaf")
	default:
		if _, err := store.DecodeEvent(n, record); err != nil {
			c.bad = &BadRecord{First: n, Last: n, What: "is not an event", Err: err}
		}
		c.fromEvents.add(tlog.RecordHash(record))
	}
	if c.hashes != nil && hashErr == nil {
		c.fromHashes.add(hash)
	}
	c.note()
	return false, nil
}

// nextHash reads one hash; io.EOF wrapped by a torn one too.
func (c *copyCheck) nextHash() (tlog.Hash, error) {
	var h tlog.Hash
	if c.hashes == nil {
		return h, io.EOF
	}
	_, err := io.ReadFull(c.hashes, h[:])
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.Join(err, io.EOF)
	}
	return h, err
}

// note remembers whether the trees pass the signed root.
func (c *copyCheck) note() {
	if c.fromEvents.size == c.checkpoint.Size {
		c.signedEvents = c.fromEvents.root() == c.checkpoint.Root
	}
	if c.fromHashes.size == c.checkpoint.Size {
		c.signedHashes = c.fromHashes.root() == c.checkpoint.Root
	}
}

func (c *copyCheck) restOfHashes() error {
	for c.hashes != nil {
		h, err := c.nextHash()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		c.fromHashes.add(h)
		c.note()
	}
	return nil
}

// judge says whether the first bad record was named by signed hashes.
func (c *copyCheck) judge() error {
	if !c.signedHashes {
		c.bad.What += " (the hashes are not those of the signed root either)"
	}
	return c.bad
}

// errNotCBOR: the octets at the reader's place are no CBOR item.
var errNotCBOR = errors.New("not a well-formed CBOR item")

// recordReader cuts a CBOR sequence into its items.
type recordReader struct {
	r    *bufio.Reader
	mode cbor.DecMode
	err  error
}

func newRecordReader(r io.Reader) *recordReader {
	mode, err := cbor.DecOptions{
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  maxNesting,
		MaxMapPairs:      maxPairs,
		MaxArrayElements: maxPairs,
	}.DecMode()
	return &recordReader{r: bufio.NewReaderSize(r, 2*maxRecordBytes), mode: mode, err: err}
}

// next returns the bytes of the next item; io.EOF after the last, errNotCBOR if
// there is none within maxRecordBytes.
func (r *recordReader) next() ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	window, err := r.r.Peek(maxRecordBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(window) == 0 {
		return nil, io.EOF
	}
	var item cbor.RawMessage
	if _, err := r.mode.UnmarshalFirst(window, &item); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotCBOR, err)
	}
	if _, err := r.r.Discard(len(item)); err != nil {
		return nil, err
	}
	return item, nil
}
