package attest

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// decoding is strict, and deterministic encoding is what a second encoding must
// give back.
var (
	decoding = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  maxNesting,
		MaxArrayElements: maxItems,
		MaxMapPairs:      maxItems,
	}.DecMode())
	encoding = must(cbor.CoreDetEncOptions().EncMode())
)

func must[T any](mode T, err error) T {
	if err != nil {
		panic(err)
	}
	return mode
}

var errNotDeterministic = errors.New("it is not deterministic CBOR (RFC 8949 section 4.2.1): " +
	"shortest integers and lengths, keys in the order of their bytes")

// decodeCBOR reads one item without tags: uint64, int64, []byte, string,
// []any, map[any]any and what else there is. Bytes that another encoding of
// the same item would have are refused.
func decodeCBOR(b []byte) (any, error) {
	var item any
	if err := decoding.Unmarshal(b, &item); err != nil {
		return nil, fmt.Errorf("it is not CBOR as wanted: %v", err)
	}
	again, err := encoding.Marshal(item)
	if err != nil || !bytes.Equal(b, again) {
		return nil, errNotDeterministic
	}
	return item, nil
}

// appendBytes appends a CBOR byte string.
func appendBytes(out, b []byte) []byte {
	switch n := len(b); {
	case n < 24:
		out = append(out, 0x40|byte(n))
	case n < 1<<8:
		out = append(out, 0x58, byte(n))
	case n < 1<<16:
		out = append(out, 0x59, byte(n>>8), byte(n))
	default:
		out = append(out, 0x5a, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, b...)
}
