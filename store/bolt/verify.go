package bolt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-pki/assay/store"
)

// Verify reads the whole file of a stopped node: every page, every record,
// every reference from one record to another, the counters of batches and
// stations, the Merkle tree from its leaves, and each certificate against the
// digest in its certificate.issued event. It changes nothing. The error is
// store.ErrCorrupt and tells up to twenty faults.
func Verify(ctx context.Context, cfg Config) error {
	s, err := OpenReadOnly(cfg)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	file, err := os.Open(cfg.Path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if err := checkFile(file, cfg.AcceptOlderMeta, true); err != nil {
		return fmt.Errorf("verify store %s: %w", cfg.Path, err)
	}
	if err := s.Verify(ctx); err != nil {
		return fmt.Errorf("verify store %s: %w", cfg.Path, err)
	}
	return nil
}

// Verify is the function Verify on an open store, for all but the pages.
func (s *Store) Verify(ctx context.Context) error {
	return s.view(ctx, func(t *tx) error {
		var faults []error
		for id := range bucketCount {
			err := t.scan(id, nil, func(k, v []byte) (bool, error) {
				if err := t.checkRecord(id, k, v); err != nil {
					faults = append(faults, fmt.Errorf("%s %x: %w", bucketNames()[id], k, err))
				}
				return len(faults) < maxFaults, ctx.Err()
			})
			if err != nil {
				return err
			}
		}
		for _, check := range []func(context.Context) error{t.checkCounters, t.checkLog} {
			if err := check(ctx); err != nil {
				faults = append(faults, err)
			}
		}
		return errors.Join(faults...)
	})
}

// checkRecord decodes one record and looks at what it refers to.
func (t *tx) checkRecord(id bucketID, k, v []byte) error {
	if len(v) == 0 {
		return damaged("empty value")
	}
	switch id {
	case certificateBucket:
		ref, ok := parseRefKey(k)
		if !ok {
			return badKey(id, k)
		}
		return t.checkCertificate(ref, v)
	case keyBucket:
		return t.checkKeyIndex(k, v)
	case expiryBucket:
		e, ok := parseExpiryKey(k)
		if !ok || t.get(certificateBucket, refKey(e.Ref)) == nil {
			return badKey(id, k)
		}
		return nil
	case revocationBucket:
		return t.checkRevocation(k, v)
	case deviceBucket:
		return t.checkDevice(k, v)
	case stationBucket:
		return t.checkStation(k, v)
	case eventBucket:
		_, err := decodeRecord(k, v)
		return err
	case newestBucket:
		return t.checkNewest(k)
	case vendorBucket:
		return t.checkVendor(k, v)
	case openBucket:
		return t.checkOpen(k)
	}
	return decodeRest(id, k, v)
}

// decodeRest decodes the records that refer to no other.
func decodeRest(id bucketID, k, v []byte) (err error) {
	short := len(k) < 2
	switch id {
	case operatorBucket:
		_, err = store.DecodeOperator(string(k), v)
	case feedBucket:
		_, err = store.DecodeFeedEntry(0, v)
	case tokenBucket:
		_, err = store.DecodeToken([32]byte{}, v)
	case blockBucket:
		_, err = store.DecodeBlock(0, 0, v)
	case issuerBucket:
		if short {
			return badKey(id, k)
		}
		_, err = store.DecodeIssuer(store.IssuerID(binary.BigEndian.Uint16(k)), v)
	case crlBucket:
		_, err = store.DecodeCRL(0, "", v)
	case documentBucket:
		_, err = store.DecodeDocument("", "", 0, v)
	case batchBucket:
		_, err = store.DecodeBatch(string(k), v)
	case nonceKeyBucket:
		_, err = store.DecodeNonceKey(v)
	case nonceBucket:
		_, _, err = store.DecodeRedemption(k, v)
	case incidentBucket:
		_, err = store.DecodeIncident(0, v)
	case metaBucket:
		if string(k) == authorityKey {
			_, err = store.DecodeAuthority(v)
		}
	}
	return err
}

func (t *tx) checkKeyIndex(k, v []byte) error {
	ref, ok := parseRefKey(v[1:])
	if !ok || len(k) != 16 {
		return badKey(keyBucket, k)
	}
	c, err := t.certificate(ref)
	if err != nil {
		return damaged("key index names %d/%d (%v)", ref.Issuer, ref.Index, err)
	}
	if hash := sha256.Sum256(c.SPKI); !bytes.Equal(hash[:16], k) {
		return damaged("key index names %d/%d, which has another key", ref.Issuer, ref.Index)
	}
	return nil
}

func (t *tx) checkRevocation(k, v []byte) error {
	ref, ok := parseRefKey(k)
	if !ok {
		return badKey(revocationBucket, k)
	}
	r, err := store.DecodeRevocation(ref, v)
	if err != nil {
		return err
	}
	c, err := t.certificate(ref)
	entry := c.Revocation()
	if err != nil || c.Status == store.Good || !bytes.Equal(entry.Encode(), r.Encode()) {
		return damaged("revocation %d/%d is not that of the certificate (%v)", ref.Issuer, ref.Index, err)
	}
	return nil
}

func (t *tx) checkDevice(k, v []byte) error {
	id, ok := parseDeviceKey(k)
	if !ok {
		return badKey(deviceBucket, k)
	}
	d, err := store.DecodeDevice(id, v)
	if err != nil {
		return err
	}
	if d.Batch != "" && t.get(batchBucket, []byte(d.Batch)) == nil {
		return damaged("device %s is of batch %q, which is missing", id, d.Batch)
	}
	for _, ref := range d.Lineage {
		c, err := t.certificate(ref)
		if err != nil || c.Holder.Name != id.String() {
			return damaged("device %s names certificate %d/%d (%v)", id, ref.Issuer, ref.Index, err)
		}
	}
	return nil
}

func (t *tx) checkNewest(k []byte) error {
	kind, name, ok := bytes.Cut(k, []byte{0})
	if !ok {
		return badKey(newestBucket, k)
	}
	revision, err := t.newestRevision(store.DocumentKind(kind), string(name))
	if err == nil {
		_, err = t.document(store.DocumentKind(kind), string(name), revision)
	}
	return err
}

// checkLog recomputes the tree from the leaves and compares every stored hash,
// and every certificate with the digest in the log.
func (t *tx) checkLog(ctx context.Context) error {
	h, err := t.head()
	if err != nil {
		return err
	}
	var again tree
	issued := 0
	err = t.scan(eventBucket, nil, func(k, v []byte) (bool, error) {
		seq, ok := parseSeqKey(k)
		if !ok || seq != uint64(again.size)+1 {
			return false, damaged("record %d of the audit log is missing", again.size+1)
		}
		stored, event, err := splitRecord(seq, v)
		if err != nil {
			return false, err
		}
		for i, want := range again.add(tlog.RecordHash(event)) {
			if !bytes.Equal(want[:], stored[i*tlog.HashSize:(i+1)*tlog.HashSize]) {
				return false, damaged("record %d of the audit log: hash %d differs", seq, i)
			}
		}
		e, err := store.DecodeEvent(seq, event)
		if err != nil {
			return false, err
		}
		if e.Name == store.CertificateIssued {
			issued++
			err = t.checkIssued(&e)
		}
		return err == nil, errors.Join(err, ctx.Err())
	})
	if err != nil {
		return err
	}
	if again.size != h.size || again.root() != h.root {
		return damaged("the audit log's root hash does not recompute")
	}
	return t.checkCount(issued)
}

func (t *tx) checkIssued(e *store.Event) error {
	if len(e.Serial) != 16 {
		return damaged("event %d names no certificate", e.Seq)
	}
	var low [8]byte
	copy(low[3:], e.Serial[11:])
	ref := store.Ref{Issuer: e.Issuer, Index: binary.BigEndian.Uint64(low[:])}
	c, err := t.certificate(ref)
	if err != nil {
		return damaged("event %d: certificate %d/%d (%v)", e.Seq, ref.Issuer, ref.Index, err)
	}
	digest := sha256.Sum256(c.DER)
	if !bytes.Equal(c.Serial[:], e.Serial) || !bytes.Equal(digest[:], e.Digest) {
		return damaged("event %d: certificate %d/%d is not the one that was issued", e.Seq, ref.Issuer, ref.Index)
	}
	return nil
}

// checkCount: each certificate has exactly one event.
func (t *tx) checkCount(issued int) error {
	stored := 0
	err := t.scan(certificateBucket, nil, func(_, _ []byte) (bool, error) {
		stored++
		return true, nil
	})
	if err == nil && stored != issued {
		err = damaged("%d certificates, %d in the audit log", stored, issued)
	}
	return err
}
