package bolt

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-pki/assay/store"
)

// state is what the writer keeps in memory between commits; the head record
// holds it too, so that a file whose buckets disagree is found when it is opened.
type state struct {
	log  tree
	feed uint64
	// mark is the latest time that any act carried, in Unix microseconds.
	mark int64
	// swept is the redeemed nonce after which the next sweep goes on; not stored.
	swept []byte
}

const headSize = 1 + 8 + 8 + 8 + tlog.HashSize

func (s *state) encode() []byte {
	b := append(make([]byte, 0, headSize), format)
	b = binary.BigEndian.AppendUint64(b, uint64(s.log.size))
	b = binary.BigEndian.AppendUint64(b, s.feed)
	b = binary.BigEndian.AppendUint64(b, uint64(s.mark))
	root := s.log.root()
	return append(b, root[:]...)
}

// head is the decoded head record.
type head struct {
	size int64
	feed uint64
	mark int64
	root tlog.Hash
}

func (t *tx) head() (h head, err error) {
	v := t.get(metaBucket, []byte(headKey))
	if len(v) != headSize || v[0] != format {
		return h, fmt.Errorf("head record of %d octets: %w", len(v), store.ErrCorrupt)
	}
	h.size = int64(binary.BigEndian.Uint64(v[1:]))
	h.feed = binary.BigEndian.Uint64(v[9:])
	h.mark = int64(binary.BigEndian.Uint64(v[17:]))
	copy(h.root[:], v[25:])
	return h, nil
}

// writeTx is the transaction of one group.
type writeTx struct {
	tx
	state state
	// wrote: the present act has begun to write. dirty: any act has. ruled: what
	// Version stands for has changed.
	wrote, dirty, ruled bool
}

func (w *writeTx) put(id bucketID, key, value []byte) error {
	w.wrote = true
	return w.bucket(id).Put(key, value)
}

func (w *writeTx) delete(id bucketID, key []byte) error {
	w.wrote = true
	return w.bucket(id).Delete(key)
}

// all runs writes until one fails.
func all(writes ...func() error) error {
	for _, write := range writes {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

func (w *writeTx) putCertificate(c *store.Certificate) error {
	return w.put(certificateBucket, refKey(c.Ref), c.Encode())
}

func (w *writeTx) putDevice(d *store.Device) error {
	return w.put(deviceBucket, deviceKey(d.DeviceID), d.Encode())
}

func (w *writeTx) putBatch(b *store.Batch) error {
	return w.put(batchBucket, []byte(b.Name), b.Encode())
}

func (w *writeTx) putStation(s *store.Station) error {
	return w.put(stationBucket, []byte(s.Name), s.Encode())
}

// putStatus stores a certificate whose status changed, its place in the CRLs
// and the next entry of the feed.
func (w *writeTx) putStatus(c *store.Certificate) error {
	if err := w.putCertificate(c); err != nil {
		return err
	}
	key := refKey(c.Ref)
	if c.Status == store.Good {
		if err := w.delete(revocationBucket, key); err != nil {
			return err
		}
	} else {
		r := c.Revocation()
		if err := w.put(revocationBucket, key, r.Encode()); err != nil {
			return err
		}
	}
	w.state.feed++
	e := store.FeedEntry{Seq: w.state.feed, Ref: c.Ref, Status: c.Status}
	return w.put(feedBucket, seqKey(e.Seq), e.Encode())
}

// touch moves the clock mark forward.
func (w *writeTx) touch(at time.Time) {
	w.state.mark = max(w.state.mark, store.StoredTime(at).UnixMicro())
}
