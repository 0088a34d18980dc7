package store

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// A stored value is: one format octet, then the record's fields in order.
// Integers are minimal unsigned varints, strings and byte strings carry their
// length as one, a time is its Unix microseconds plus one (0 is the zero time),
// flags share an octet. Fields that stand in the key are not repeated. One
// record has one encoding: whatever else decodes to it is ErrCorrupt.
const format1 = 1

// maxMicros is 9999-12-31T23:59:59.999999Z.
const maxMicros = 253402300799999999

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	return binary.AppendUvarint(b, uint64(clampMicros(t))+1)
}

// clampMicros keeps a time within 1970 to 9999: certificates reach the latter,
// nothing of ours is older than the former.
func clampMicros(t time.Time) int64 {
	return min(max(t.UnixMicro(), 0), maxMicros)
}

// StoredTime is t as a store gives it back: UTC, in microseconds.
func StoredTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(clampMicros(t)).UTC()
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendBytes(b, s []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendStrings(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

// appendWord writes a word of a closed vocabulary as one octet, any other as
// 0 and the string: a new word needs no new format.
func appendWord(b []byte, vocabulary []string, word string) []byte {
	if i := slices.Index(vocabulary, word); i >= 0 {
		return append(b, byte(i+1))
	}
	return appendString(append(b, 0), word)
}

func appendRef(b []byte, r Ref) []byte {
	b = binary.AppendUvarint(b, uint64(r.Issuer))
	return binary.AppendUvarint(b, r.Index)
}

func appendRefs(b []byte, refs []Ref) []byte {
	b = binary.AppendUvarint(b, uint64(len(refs)))
	for _, r := range refs {
		b = appendRef(b, r)
	}
	return b
}

// appendSequences writes rising sequence numbers, each as its distance from the
// one before.
func appendSequences(b []byte, seqs []uint64) []byte {
	b = binary.AppendUvarint(b, uint64(len(seqs)))
	var last uint64
	for _, seq := range seqs {
		b = binary.AppendUvarint(b, seq-last)
		last = seq
	}
	return b
}

func flags(bits ...bool) byte {
	var f byte
	for i, set := range bits {
		if set {
			f |= 1 << i
		}
	}
	return f
}

// decoder reads a stored value. The first fault sticks; finish reports it.
type decoder struct {
	rest []byte
	bad  bool
}

func decode(value []byte) *decoder {
	d := &decoder{rest: value}
	if d.octet() != format1 {
		d.bad = true
	}
	return d
}

func (d *decoder) finish(kind string) error {
	if d.bad || len(d.rest) != 0 {
		return fmt.Errorf("%s record does not decode: %w", kind, ErrCorrupt)
	}
	return nil
}

// check marks the value bad unless ok.
func (d *decoder) check(ok bool) {
	d.bad = d.bad || !ok
}

func (d *decoder) fixed(n int) []byte {
	if d.bad || n > len(d.rest) {
		d.bad = true
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) octet() byte {
	if b := d.fixed(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) hash() (h [32]byte) {
	copy(h[:], d.fixed(len(h)))
	return h
}

func (d *decoder) uvarint(limit uint64) uint64 {
	v, n := binary.Uvarint(d.rest)
	minimal := n == 1 || n > 1 && d.rest[n-1] != 0
	if d.bad || !minimal || v > limit {
		d.bad = true
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// bytes aliases the value.
func (d *decoder) bytes() []byte {
	return d.fixed(int(d.uvarint(uint64(len(d.rest)))))
}

// someBytes is nil for none, and aliases the value.
func (d *decoder) someBytes() []byte {
	if b := d.bytes(); len(b) > 0 {
		return b
	}
	return nil
}

func (d *decoder) string() string { return string(d.bytes()) }

func (d *decoder) strings() []string {
	n := d.uvarint(MaxListed)
	if d.bad || n == 0 {
		return nil
	}
	list := make([]string, 0, min(n, uint64(len(d.rest))))
	for range n {
		list = append(list, d.string())
		if d.bad {
			return nil
		}
	}
	return list
}

func (d *decoder) word(vocabulary []string) string {
	code := int(d.octet())
	if code > len(vocabulary) {
		d.bad = true
		return ""
	}
	if code > 0 {
		return vocabulary[code-1]
	}
	w := d.string()
	d.check(!slices.Contains(vocabulary, w))
	return w
}

func (d *decoder) time() time.Time {
	v := d.uvarint(maxMicros + 1)
	if v == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(v - 1)).UTC()
}

func (d *decoder) ref() Ref {
	return Ref{IssuerID(d.uvarint(1<<16 - 1)), d.uvarint(MaxIndex)}
}

func (d *decoder) refs() []Ref {
	// A reference takes two octets or more.
	n := d.uvarint(uint64(len(d.rest) / 2))
	if d.bad || n == 0 {
		return nil
	}
	refs := make([]Ref, n)
	for i := range refs {
		refs[i] = d.ref()
	}
	return refs
}

func (d *decoder) sequences(limit uint64) []uint64 {
	n := d.uvarint(limit)
	if d.bad || n == 0 {
		return nil
	}
	seqs := make([]uint64, n)
	var last uint64
	for i := range seqs {
		distance := d.uvarint(1<<63 - 1)
		d.check(distance > 0 && last+distance < 1<<63)
		last += distance
		seqs[i] = last
	}
	return seqs
}

// flags reads an octet of n flags; a bit beyond them is a fault.
func (d *decoder) flags(n int) byte {
	f := d.octet()
	d.check(f>>n == 0)
	return f
}
