package bolt

import (
	"slices"

	"github.com/assay-pki/assay/store"
)

// sample looks at the first and last record of every bucket and at certificates
// spread over the whole file: do they decode, and do the records that name each
// other agree? It finds gross damage in about a millisecond; verify reads all.
func (t *tx) sample() error {
	for id := range bucketCount {
		c := t.bucket(id).Cursor()
		for _, step := range []func() ([]byte, []byte){c.First, c.Last} {
			if k, v := step(); k != nil {
				if err := t.checkRecord(id, k, v); err != nil {
					return err
				}
			}
		}
	}
	return t.sampleCertificates()
}

// sampleCertificates takes steps of equal size between the first and the last.
func (t *tx) sampleCertificates() error {
	c := t.bucket(certificateBucket).Cursor()
	k, _ := c.Last()
	for k != nil {
		last, ok := parseRefKey(k)
		if !ok {
			return badKey(certificateBucket, k)
		}
		lowest, _ := c.Seek(refKey(store.Ref{Issuer: last.Issuer}))
		first, ok := parseRefKey(lowest)
		if !ok {
			return badKey(certificateBucket, lowest)
		}
		stride := (last.Index-first.Index)/maxSamples + 1
		for index := first.Index; index <= last.Index; index += stride {
			k, v := c.Seek(refKey(store.Ref{Issuer: last.Issuer, Index: index}))
			if k == nil {
				break
			}
			if err := t.checkRecord(certificateBucket, k, v); err != nil {
				return err
			}
		}
		c.Seek(refKey(store.Ref{Issuer: last.Issuer}))
		k, _ = c.Prev()
	}
	return nil
}

// checkCertificate compares a certificate with the records around it.
func (t *tx) checkCertificate(ref store.Ref, v []byte) error {
	c, err := store.DecodeCertificate(ref, v)
	if err != nil {
		return err
	}
	if !t.hasIssuer(ref.Issuer) {
		return damaged("certificate %d/%d has no issuer", ref.Issuer, ref.Index)
	}
	listed := t.get(revocationBucket, refKey(ref)) != nil
	if listed != (c.Status != store.Good) {
		return damaged("certificate %d/%d: status %d, in the revocations %t", ref.Issuer, ref.Index, c.Status, listed)
	}
	if t.get(expiryBucket, expiryKey(store.Expiry{Day: store.DayOf(c.NotAfter), Ref: ref})) == nil {
		return damaged("certificate %d/%d is missing in the calendar", ref.Issuer, ref.Index)
	}
	return t.checkHolder(&c)
}

func (t *tx) checkHolder(c *store.Certificate) error {
	var lineage []store.Ref
	switch c.Holder.Kind {
	case store.HolderDevice:
		id, ok := store.ParseDeviceID(c.Holder.Name)
		d, err := t.device(id)
		if !ok || err != nil {
			return damaged("certificate %d/%d: device %q (%v)", c.Issuer, c.Index, c.Holder.Name, err)
		}
		lineage = d.Lineage
	case store.HolderOperator:
		o, err := t.operator(c.Holder.Name)
		if err != nil {
			return damaged("certificate %d/%d: operator %q (%v)", c.Issuer, c.Index, c.Holder.Name, err)
		}
		lineage = o.Certificates
	case store.HolderStation:
		st, err := t.station(c.Holder.Name)
		if err != nil {
			return damaged("certificate %d/%d: station %q (%v)", c.Issuer, c.Index, c.Holder.Name, err)
		}
		lineage = st.Certificates
	default:
		return nil
	}
	if !slices.Contains(lineage, c.Ref) {
		return damaged("certificate %d/%d is not in the lineage of %s", c.Issuer, c.Index, c.Holder.Name)
	}
	return nil
}
