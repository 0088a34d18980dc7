package store

import (
	"encoding/binary"
	"time"
)

// Encode is the stored value of a.
func (a *Authority) Encode() []byte {
	b := []byte{format1, flags(a.Local)}
	b = appendString(b, a.ID)
	b = appendString(b, a.Name)
	b = appendString(b, a.BaseURL)
	b = appendTime(b, a.CreatedAt)
	b = appendString(b, a.LogKey)
	return appendStrings(b, a.Hosts)
}

// DecodeAuthority reads a stored value.
func DecodeAuthority(value []byte) (Authority, error) {
	d := decode(value)
	a := Authority{Local: d.flags(1) != 0}
	a.ID, a.Name, a.BaseURL = d.string(), d.string(), d.string()
	a.CreatedAt = d.time()
	a.LogKey = d.string()
	a.Hosts = d.strings()
	return a, d.finish("authority")
}

// Encode is the stored value of i, without its key (ID).
func (i *Issuer) Encode() []byte {
	b := appendString([]byte{format1}, i.Kind)
	b = binary.AppendUvarint(b, uint64(i.Generation))
	b = appendBytes(b, i.Certificate)
	b = appendString(b, i.Key)
	b = binary.AppendUvarint(b, uint64(max(i.MaxValidity, 0)))
	return appendTime(b, i.CreatedAt)
}

// DecodeIssuer reads a stored value. Certificate aliases it.
func DecodeIssuer(id IssuerID, value []byte) (Issuer, error) {
	d := decode(value)
	i := Issuer{ID: id, Kind: d.string(), Generation: uint32(d.uvarint(1<<32 - 1))}
	i.Certificate = d.bytes()
	i.Key = d.string()
	i.MaxValidity = time.Duration(d.uvarint(1<<63 - 1))
	i.CreatedAt = d.time()
	return i, d.finish("issuer")
}

// Encode is the stored value of b, without its key (Issuer, Class) and Next,
// which is counted.
func (b *Block) Encode() []byte {
	v := binary.AppendUvarint([]byte{format1}, b.First)
	return binary.AppendUvarint(v, b.End)
}

// DecodeBlock reads a stored value; Next is First.
func DecodeBlock(issuer IssuerID, class Class, value []byte) (Block, error) {
	d := decode(value)
	b := Block{Issuer: issuer, Class: class, First: d.uvarint(MaxIndex), End: d.uvarint(MaxIndex + 1)}
	b.Next = b.First
	d.check(b.First%ShardSize == 0 && b.End == b.First+ShardSize)
	return b, d.finish("block")
}

// Encode is the stored value of t, without its key (Hash).
func (t *Token) Encode() []byte {
	b := appendString([]byte{format1, flags(t.Voided)}, t.Product)
	b = appendString(b, t.Serial)
	b = binary.AppendUvarint(b, uint64(t.Uses))
	b = binary.AppendUvarint(b, uint64(t.Used))
	b = appendTime(b, t.CreatedAt)
	b = appendTime(b, t.ExpiresAt)
	return appendString(b, t.CreatedBy)
}

// DecodeToken reads a stored value.
func DecodeToken(hash [32]byte, value []byte) (Token, error) {
	d := decode(value)
	t := Token{Hash: hash, Voided: d.flags(1) != 0}
	t.Product, t.Serial = d.string(), d.string()
	t.Uses, t.Used = uint32(d.uvarint(1<<32-1)), uint32(d.uvarint(1<<32-1))
	t.CreatedAt, t.ExpiresAt = d.time(), d.time()
	t.CreatedBy = d.string()
	d.check(t.Used <= t.Uses)
	return t, d.finish("token")
}

// Encode is the stored value of d, without its key (Kind, Name, Revision).
func (d *Document) Encode() []byte {
	b := appendTime([]byte{format1}, d.At)
	b = appendString(b, d.By)
	return appendBytes(b, d.Body)
}

// DecodeDocument reads a stored value. Body aliases it.
func DecodeDocument(kind DocumentKind, name string, revision uint32, value []byte) (Document, error) {
	d := decode(value)
	doc := Document{Kind: kind, Name: name, Revision: revision, At: d.time(), By: d.string()}
	doc.Body = d.bytes()
	return doc, d.finish("document")
}

// Encode is the stored value of o, without its key (Name).
func (o *Operator) Encode() []byte {
	b := binary.AppendUvarint([]byte{format1, flags(o.Removed)}, uint64(o.Revision))
	b = appendString(b, o.Role)
	b = appendStrings(b, o.Products)
	b = appendStrings(b, o.Sites)
	b = appendTime(b, o.At)
	b = appendString(b, o.By)
	return appendRefs(b, o.Certificates)
}

// DecodeOperator reads a stored value.
func DecodeOperator(name string, value []byte) (Operator, error) {
	d := decode(value)
	o := Operator{Name: name, Removed: d.flags(1) != 0, Revision: uint32(d.uvarint(1<<32 - 1))}
	o.Role = d.string()
	o.Products, o.Sites = d.strings(), d.strings()
	o.At, o.By = d.time(), d.string()
	o.Certificates = d.refs()
	return o, d.finish("operator")
}
