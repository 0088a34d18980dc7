package evidence

import (
	"bytes"
	"slices"
)

// Major types of CBOR.
const (
	majorUint   = 0 << 5
	majorNegint = 1 << 5
	majorBytes  = 2 << 5
	majorText   = 3 << 5
	majorArray  = 4 << 5
	majorMap    = 5 << 5
	majorTag    = 6 << 5
)

// appendHead appends the first octets of an item: major type and argument, as
// short as can be.
func appendHead(out []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(out, major|byte(n))
	case n < 1<<8:
		return append(out, major|24, byte(n))
	case n < 1<<16:
		return append(out, major|25, byte(n>>8), byte(n))
	case n < 1<<32:
		return append(out, major|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, major|27, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32),
		byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func appendInt(out []byte, n int64) []byte {
	if n < 0 {
		return appendHead(out, majorNegint, uint64(-1-n))
	}
	return appendHead(out, majorUint, uint64(n))
}

func appendBytes(out, b []byte) []byte {
	return append(appendHead(out, majorBytes, uint64(len(b))), b...)
}

func appendText(out []byte, s string) []byte {
	return append(appendHead(out, majorText, uint64(len(s))), s...)
}

// mapWriter collects the members of a map, and prints them in the order of
// their keys' bytes (RFC 8949 §4.2.1).
type mapWriter struct{ members []mapMember }

type mapMember struct{ key, value []byte }

func (m *mapWriter) add(key int64, value []byte) {
	m.members = append(m.members, mapMember{appendInt(nil, key), value})
}

func (m *mapWriter) bytes(key int64, b []byte) { m.add(key, appendBytes(nil, b)) }
func (m *mapWriter) text(key int64, s string)  { m.add(key, appendText(nil, s)) }
func (m *mapWriter) uint(key int64, n uint64)  { m.add(key, appendHead(nil, majorUint, n)) }

func (m *mapWriter) append(out []byte) []byte {
	slices.SortFunc(m.members, func(a, b mapMember) int { return bytes.Compare(a.key, b.key) })
	out = appendHead(out, majorMap, uint64(len(m.members)))
	for _, member := range m.members {
		out = append(append(out, member.key...), member.value...)
	}
	return out
}
