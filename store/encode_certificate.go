package store

import (
	"encoding/binary"
	"fmt"
)

// The vocabularies of a certificate record, by their octets: never reordered,
// only appended to.
func holderWords() []string {
	return []string{HolderDevice, HolderStation, HolderOperator, HolderServer}
}

func profileWords() []string {
	return []string{ProfileOperational, ProfileBirth, ProfileOperator, ProfileStation, ProfileServer, ProfileOCSP}
}

func operationWords() []string {
	return []string{OpSimpleEnroll, OpSimpleReenroll, OpAdmin, OpNode}
}

// Encode is the stored value of c, without its key (Ref) and without what
// stands in DER.
func (c *Certificate) Encode() []byte {
	b := make([]byte, 0, len(c.DER)+len(c.Holder.Name)+len(c.Label)+len(c.Principal)+96)
	b = append(b, format1, byte(c.Status), c.Reason, flags(c.Closed, c.Presented))
	b = appendTime(b, c.RevokedAt)
	b = appendTime(b, c.InvalidAt)
	b = appendTime(b, c.IssuedAt)
	b = appendWord(b, holderWords(), c.Holder.Kind)
	b = appendString(b, c.Holder.Name)
	b = appendWord(b, profileWords(), c.Profile)
	b = binary.AppendUvarint(b, uint64(c.Revision))
	b = appendWord(b, operationWords(), c.Operation)
	b = appendString(b, c.Label)
	b = appendString(b, c.Principal)
	b = append(b, c.CSRHash[:]...)
	return appendBytes(b, c.DER)
}

// DecodeCertificate reads a stored value, and Serial, NotBefore, NotAfter and
// SPKI from its DER. DER and SPKI alias the value. ErrCorrupt if it is not what
// Encode writes, or if the serial is not that of ref.
func DecodeCertificate(ref Ref, value []byte) (Certificate, error) {
	d := decode(value)
	c := Certificate{Ref: ref, Status: Status(d.octet()), Reason: d.octet()}
	f := d.flags(2)
	c.Closed, c.Presented = f&1 != 0, f&2 != 0
	c.RevokedAt, c.InvalidAt, c.IssuedAt = d.time(), d.time(), d.time()
	c.Holder.Kind, c.Holder.Name = d.word(holderWords()), d.string()
	c.Profile = d.word(profileWords())
	c.Revision = uint32(d.uvarint(1<<32 - 1))
	c.Operation = d.word(operationWords())
	c.Label, c.Principal = d.string(), d.string()
	c.CSRHash = d.hash()
	c.DER = d.bytes()
	d.check(c.Status <= Revoked)
	d.check(c.Status != Good || c.Reason == 0 && c.RevokedAt.IsZero() && c.InvalidAt.IsZero())
	if err := d.finish("certificate"); err != nil {
		return Certificate{}, err
	}
	if err := c.fillFromDER(); err != nil {
		return Certificate{}, err
	}
	if indexOf(c.Serial) != ref.Index {
		return Certificate{}, fmt.Errorf("certificate %d/%d holds the serial of index %d: %w",
			ref.Issuer, ref.Index, indexOf(c.Serial), ErrCorrupt)
	}
	return c, nil
}
