package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/assay-pki/assay/store"
)

// tx reads one transaction. What it returns is copied: it outlives the
// transaction.
type tx struct {
	bolt    *bbolt.Tx
	buckets [bucketCount]*bbolt.Bucket
}

// bucket opens a bucket once. All exist: open checks that, so a missing one is
// damage, which the caller's recover turns into ErrCorrupt.
func (t *tx) bucket(id bucketID) *bbolt.Bucket {
	if b := t.buckets[id]; b != nil {
		return b
	}
	b := t.bolt.Bucket([]byte(bucketNames()[id]))
	if b == nil {
		panic(fmt.Sprintf("bucket %q is missing", bucketNames()[id]))
	}
	if fill := id.fill(); fill != 0 {
		b.FillPercent = fill
	}
	t.buckets[id] = b
	return b
}

// get is nil for a key that is not there. The value aliases the file.
func (t *tx) get(id bucketID, key []byte) []byte { return t.bucket(id).Get(key) }

func (t *tx) getCopy(id bucketID, key []byte) []byte { return clone(t.get(id, key)) }

// clone copies a value out of the file. Damage panics: see recoverCorrupt.
func clone(v []byte) []byte {
	if len(v) > maxValueBytes {
		panic(fmt.Sprintf("a value has %d octets", len(v)))
	}
	return bytes.Clone(v)
}

// scan calls fn for the keys after a cursor, in order, until it says stop.
func (t *tx) scan(id bucketID, after []byte, fn func(k, v []byte) (more bool, err error)) error {
	c := t.bucket(id).Cursor()
	k, v := c.Seek(after)
	if k != nil && bytes.Equal(k, after) {
		k, v = c.Next()
	}
	for ; k != nil; k, v = c.Next() {
		if more, err := fn(k, v); err != nil || !more {
			return err
		}
	}
	return nil
}

// lastSeq is the highest key of a bucket with sequence keys, 0 if it is empty.
func (t *tx) lastSeq(id bucketID) (uint64, error) {
	k, _ := t.bucket(id).Cursor().Last()
	if k == nil {
		return 0, nil
	}
	seq, ok := parseSeqKey(k)
	if !ok {
		return 0, badKey(id, k)
	}
	return seq, nil
}

// number reads a value of numberValue; 0 if it is not there.
func (t *tx) number(id bucketID, key []byte) (uint64, error) {
	v := t.get(id, key)
	if v == nil {
		return 0, nil
	}
	if len(v) != 9 || v[0] != format {
		return 0, fmt.Errorf("number at %s %x: %w", bucketNames()[id], key, store.ErrCorrupt)
	}
	return binary.BigEndian.Uint64(v[1:]), nil
}

func badKey(id bucketID, k []byte) error {
	return fmt.Errorf("key %x in bucket %s: %w", k, bucketNames()[id], store.ErrCorrupt)
}

func notFound(kind string, name any) error {
	return fmt.Errorf("%s %v: %w", kind, name, store.ErrNotFound)
}

func refName(r store.Ref) string { return fmt.Sprintf("%d/%d", r.Issuer, r.Index) }

func (t *tx) authority() (store.Authority, error) {
	v := t.get(metaBucket, []byte(authorityKey))
	if v == nil {
		return store.Authority{}, notFound("authority", "in this store")
	}
	return store.DecodeAuthority(v)
}

func (t *tx) hasIssuer(id store.IssuerID) bool { return t.get(issuerBucket, issuerKey(id)) != nil }

func (t *tx) certificate(ref store.Ref) (store.Certificate, error) {
	if ref.Index > store.MaxIndex {
		return store.Certificate{}, notFound("certificate", refName(ref))
	}
	v := t.getCopy(certificateBucket, refKey(ref))
	if v == nil {
		return store.Certificate{}, notFound("certificate", refName(ref))
	}
	return store.DecodeCertificate(ref, v)
}

// recent reads what a renewal has to know of a lineage, oldest first: back to the
// newest certificate of the profile that was presented, for that closed all
// before it, and at most maxRecent, so that a device in a loop of renewals does
// not slow the writer down. The certificate that authenticates is among them.
func (t *tx) recent(refs []store.Ref, profile string, presented store.Ref) ([]store.Certificate, error) {
	var list []store.Certificate
	seen := false
	for _, ref := range slices.Backward(refs[max(0, len(refs)-maxRecent):]) {
		c, err := t.named(ref)
		if err != nil {
			return nil, err
		}
		list, seen = append(list, c), seen || ref == presented
		if c.Profile == profile && c.Presented {
			break
		}
	}
	if !seen && slices.Contains(refs, presented) {
		c, err := t.named(presented)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	slices.Reverse(list)
	return list, nil
}

// referenced reads what another record names.
func (t *tx) referenced(refs []store.Ref) ([]store.Certificate, error) {
	list := make([]store.Certificate, 0, len(refs))
	for _, ref := range refs {
		c, err := t.named(ref)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// named reads a certificate that another record names: that it is missing is
// damage.
func (t *tx) named(ref store.Ref) (store.Certificate, error) {
	v := t.getCopy(certificateBucket, refKey(ref))
	if v == nil {
		return store.Certificate{}, fmt.Errorf("certificate %d/%d is named and missing: %w", ref.Issuer, ref.Index, store.ErrCorrupt)
	}
	return store.DecodeCertificate(ref, v)
}

func (t *tx) device(id store.DeviceID) (store.Device, error) {
	v := t.getCopy(deviceBucket, deviceKey(id))
	if v == nil {
		return store.Device{}, notFound("device", id)
	}
	return store.DecodeDevice(id, v)
}

func (t *tx) token(hash [32]byte) (store.Token, error) {
	v := t.get(tokenBucket, hash[:])
	if v == nil {
		return store.Token{}, notFound("token", (&store.Token{Hash: hash}).ID())
	}
	return store.DecodeToken(hash, v)
}

func (t *tx) operator(name string) (store.Operator, error) {
	v := t.get(operatorBucket, []byte(name))
	if v == nil {
		return store.Operator{}, notFound("operator", name)
	}
	return store.DecodeOperator(name, v)
}

func (t *tx) batch(name string) (store.Batch, error) {
	v := t.getCopy(batchBucket, []byte(name))
	if v == nil {
		return store.Batch{}, notFound("batch", name)
	}
	return store.DecodeBatch(name, v)
}

func (t *tx) station(name string) (store.Station, error) {
	v := t.get(stationBucket, []byte(name))
	if v == nil {
		return store.Station{}, notFound("station", name)
	}
	return store.DecodeStation(name, v)
}

func (t *tx) incident(id uint64) (store.Incident, error) {
	v := t.get(incidentBucket, seqKey(id))
	if v == nil {
		return store.Incident{}, notFound("incident", id)
	}
	return store.DecodeIncident(id, v)
}
