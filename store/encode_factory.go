package store

import (
	"encoding/binary"
	"net/netip"
)

func manifestWords() []string { return []string{"csv", "json"} }

// Encode is the stored value of b, without its key (Name).
func (b *Batch) Encode() []byte {
	manifest := b.Manifest.Rows > 0
	v := []byte{format1, byte(b.State), flags(manifest)}
	v = binary.AppendUvarint(v, uint64(b.Revision))
	for _, s := range []string{b.Product, b.Site, b.Line} {
		v = appendString(v, s)
	}
	v = appendTime(appendTime(v, b.From), b.Until)
	for _, n := range []uint64{b.Quota, b.Used, b.Scrapped} {
		v = binary.AppendUvarint(v, n)
	}
	if manifest {
		v = append(v, b.Manifest.SHA256[:]...)
		v = binary.AppendUvarint(v, b.Manifest.Rows)
		v = appendWord(v, manifestWords(), b.Manifest.Format)
	}
	v = appendBytes(v, b.Nonce)
	v = appendTime(v, b.CreatedAt)
	v = appendString(v, b.CreatedBy)
	return appendTime(v, b.ClosedAt)
}

// DecodeBatch reads a stored value. Nonce aliases it.
func DecodeBatch(name string, value []byte) (Batch, error) {
	d := decode(value)
	b := Batch{Name: name, State: BatchState(d.octet())}
	manifest := d.flags(1) != 0
	b.Revision = uint32(d.uvarint(1<<32 - 1))
	b.Product, b.Site, b.Line = d.string(), d.string(), d.string()
	b.From, b.Until = d.time(), d.time()
	b.Quota, b.Used, b.Scrapped = d.uvarint(1<<63-1), d.uvarint(1<<63-1), d.uvarint(1<<63-1)
	if manifest {
		b.Manifest.SHA256 = d.hash()
		b.Manifest.Rows = d.uvarint(MaxManifestRows)
		b.Manifest.Format = d.word(manifestWords())
		d.check(b.Manifest.Rows > 0)
	}
	b.Nonce = d.someBytes()
	b.CreatedAt, b.CreatedBy, b.ClosedAt = d.time(), d.string(), d.time()
	d.check(b.State >= BatchOpen && b.State <= BatchHasClosed && b.Used <= b.Limit())
	return b, d.finish("batch")
}

// Encode is the stored value of s, without its key (Name).
func (s *Station) Encode() []byte {
	b := binary.AppendUvarint([]byte{format1, flags(s.Revoked, s.ClientAuth)}, uint64(s.Revision))
	b = appendString(appendString(b, s.Site), s.Line)
	b = appendStrings(b, s.Products)
	b = binary.AppendUvarint(b, s.Quota)
	b = binary.AppendUvarint(b, uint64(s.Rate))
	b = binary.AppendUvarint(b, uint64(len(s.From)))
	for _, network := range s.From {
		b = appendString(b, network.String())
	}
	b = appendTime(b, s.Until)
	b = binary.AppendUvarint(b, s.Used)
	b = appendString(appendTime(b, s.CreatedAt), s.CreatedBy)
	return appendRefs(b, s.Certificates)
}

// DecodeStation reads a stored value.
func DecodeStation(name string, value []byte) (Station, error) {
	d := decode(value)
	f := d.flags(2)
	s := Station{Name: name, Revoked: f&1 != 0, Revision: uint32(d.uvarint(1<<32 - 1))}
	s.ClientAuth = f&2 != 0
	s.Site, s.Line = d.string(), d.string()
	s.Products = d.strings()
	s.Quota, s.Rate = d.uvarint(1<<63-1), uint32(d.uvarint(1<<32-1))
	for _, text := range d.strings() {
		network, err := netip.ParsePrefix(text)
		d.check(err == nil && network.String() == text)
		s.From = append(s.From, network)
	}
	s.Until = d.time()
	s.Used = d.uvarint(1<<63 - 1)
	s.CreatedAt, s.CreatedBy = d.time(), d.string()
	s.Certificates = d.refs()
	return s, d.finish("station")
}

// Encode is the stored value of k.
func (k *NonceKey) Encode() []byte {
	return appendTime(append([]byte{format1}, k.Key[:]...), k.MadeAt)
}

// DecodeNonceKey reads a stored value.
func DecodeNonceKey(value []byte) (NonceKey, error) {
	d := decode(value)
	k := NonceKey{Key: d.hash(), MadeAt: d.time()}
	return k, d.finish("nonce key")
}

// EncodeFor is the stored value of a redemption for a CSR, without its key
// (Nonce).
func (r *Redemption) EncodeFor(csrHash [32]byte) []byte {
	return appendTime(append([]byte{format1}, csrHash[:]...), r.Expires)
}

// DecodeRedemption reads a stored value, and the CSR hash beside it. Nonce is
// the key as it was given.
func DecodeRedemption(nonce, value []byte) (Redemption, [32]byte, error) {
	d := decode(value)
	csrHash := d.hash()
	r := Redemption{Nonce: nonce, Expires: d.time()}
	return r, csrHash, d.finish("redeemed nonce")
}

// Encode is the stored value of i, without its key (ID).
func (i *Incident) Encode() []byte {
	b := []byte{format1, byte(i.State)}
	for _, s := range []string{i.Kind, i.Object, i.Other, i.Actor, i.Source} {
		b = appendString(b, s)
	}
	b = appendTime(b, i.OpenedAt)
	b = binary.AppendUvarint(b, i.LastSeq)
	b = appendTime(b, i.LastAt)
	b = binary.AppendUvarint(b, i.Count)
	b = appendTime(b, i.ClosedAt)
	return appendString(appendString(b, i.ClosedBy), i.Comment)
}

// DecodeIncident reads a stored value.
func DecodeIncident(id uint64, value []byte) (Incident, error) {
	d := decode(value)
	i := Incident{ID: id, State: IncidentState(d.octet())}
	i.Kind, i.Object, i.Other, i.Actor, i.Source = d.string(), d.string(), d.string(), d.string(), d.string()
	i.OpenedAt = d.time()
	i.LastSeq, i.LastAt, i.Count = d.uvarint(1<<63-1), d.time(), d.uvarint(1<<63-1)
	i.ClosedAt, i.ClosedBy, i.Comment = d.time(), d.string(), d.string()
	d.check(i.State >= IncidentIsOpen && i.State <= IncidentIsClosed)
	return i, d.finish("incident")
}
