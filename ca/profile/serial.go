package profile

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrIndex: an issuance index above MaxIndex.
var ErrIndex = errors.New("issuance index out of range")

// NewSerial makes a serial number of 16 octets: the first in 0x01–0x7f, so that
// it is positive and minimal (RFC 5280 §4.1.2.2), ten random ones, and the
// index in five, big-endian. rand is crypto/rand.Reader but in tests.
func NewSerial(rand io.Reader, index uint64) ([SerialSize]byte, error) {
	var s [SerialSize]byte
	if index > MaxIndex {
		return s, fmt.Errorf("serial number for index %d: %w", index, ErrIndex)
	}
	if _, err := io.ReadFull(rand, s[:11]); err != nil {
		return s, fmt.Errorf("read random octets of a serial number: %w", err)
	}
	s[0] &= 0x7f
	for range serialTries {
		if s[0] != 0 {
			break
		}
		if _, err := io.ReadFull(rand, s[:1]); err != nil {
			return s, fmt.Errorf("read random octets of a serial number: %w", err)
		}
		s[0] &= 0x7f
	}
	if s[0] == 0 {
		return s, errors.New("the random source gives zeros only")
	}
	for i := range 5 {
		s[15-i] = byte(index >> (8 * i))
	}
	return s, nil
}

// IndexOf returns the issuance index of a serial number; false if it is not of
// our form.
func IndexOf(serial []byte) (uint64, bool) {
	if len(serial) != SerialSize || serial[0] == 0 || serial[0] > 0x7f {
		return 0, false
	}
	var index uint64
	for _, b := range serial[11:] {
		index = index<<8 | uint64(b)
	}
	return index, true
}

// Shard is the run of issuances that an index belongs to.
func Shard(index uint64) uint64 { return index / ShardSize }

// Class is a lifetime class: no shard holds two. The values are those of
// store.Class.
type Class uint8

const (
	// Short lives at most 100 days.
	Short Class = 1
	// Long lives longer.
	Long Class = 2
)

// ClassOf returns the class of a validity.
func ClassOf(validity time.Duration) Class {
	if validity <= shortLife {
		return Short
	}
	return Long
}
