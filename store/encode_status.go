package store

import "encoding/binary"

// Encode is the stored value of r, without its key (Ref).
func (r *Revocation) Encode() []byte {
	b := append(make([]byte, 0, 48), format1, r.Reason)
	b = append(b, r.Serial[:]...)
	b = appendTime(b, r.RevokedAt)
	b = appendTime(b, r.InvalidAt)
	return appendTime(b, r.NotAfter)
}

// DecodeRevocation reads a stored value.
func DecodeRevocation(ref Ref, value []byte) (Revocation, error) {
	d := decode(value)
	r := Revocation{Ref: ref, Reason: d.octet()}
	copy(r.Serial[:], d.fixed(len(r.Serial)))
	r.RevokedAt, r.InvalidAt, r.NotAfter = d.time(), d.time(), d.time()
	d.check(indexOf(r.Serial) == ref.Index)
	return r, d.finish("revocation")
}

// Encode is the stored value of e, without its key (Seq).
func (e *FeedEntry) Encode() []byte {
	return appendRef([]byte{format1, byte(e.Status)}, e.Ref)
}

// DecodeFeedEntry reads a stored value.
func DecodeFeedEntry(seq uint64, value []byte) (FeedEntry, error) {
	d := decode(value)
	e := FeedEntry{Seq: seq, Status: Status(d.octet()), Ref: d.ref()}
	d.check(e.Status <= Revoked)
	return e, d.finish("feed")
}

// Encode is the stored value of c, without its key (Issuer, Scope).
func (c *CRL) Encode() []byte {
	b := binary.AppendUvarint([]byte{format1}, c.Number)
	b = appendTime(b, c.ThisUpdate)
	return appendTime(b, c.SignedAt)
}

// DecodeCRL reads a stored value.
func DecodeCRL(issuer IssuerID, scope string, value []byte) (CRL, error) {
	d := decode(value)
	c := CRL{Issuer: issuer, Scope: scope, Number: d.uvarint(1<<64 - 1)}
	c.ThisUpdate, c.SignedAt = d.time(), d.time()
	return c, d.finish("crl")
}
