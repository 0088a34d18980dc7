package crl

import (
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// OBJECT IDENTIFIERs as DER, tag and length included.
const (
	oidReasonCode     = "\x06\x03\x55\x1d\x15" // 2.5.29.21
	oidInvalidityDate = "\x06\x03\x55\x1d\x18" // 2.5.29.24
	oidCRLNumber      = "\x06\x03\x55\x1d\x14" // 2.5.29.20
	oidIDP            = "\x06\x03\x55\x1d\x1c" // 2.5.29.28
	oidAKI            = "\x06\x03\x55\x1d\x23" // 2.5.29.35
)

// header is everything of a TBSCertList but the entries.
type header struct {
	algorithm  []byte // DER AlgorithmIdentifier
	issuer     []byte // DER Name, the CA's subject as it stands
	thisUpdate time.Time
	nextUpdate time.Time
	keyID      []byte
	number     uint64
	idp        []byte // DER of the extension's value; nil for none
}

// encoder makes a TBSCertList in one buffer: room is left in front for what is
// known last, so that a million entries are never copied.
type encoder struct {
	buf   []byte
	front int
	count int
}

// newEncoder takes the size that the list is expected to have.
func newEncoder(size int, h *header) *encoder {
	front := len(h.algorithm) + len(h.issuer) + 64
	buf := make([]byte, front, front+size+maxHeader)
	return &encoder{buf: buf, front: front}
}

// add appends an entry (CRL-10, CRL-13, CRL-14). Reason 0 is left out.
func (e *encoder) add(r *store.Revocation) {
	e.count++
	if e.addCommon(r) {
		return
	}
	var entry [maxEntry]byte
	b := appendSerial(entry[:0], r.Serial[:])
	b = appendTime(b, r.RevokedAt)
	if r.Reason != 0 || !r.InvalidAt.IsZero() {
		b = appendEntryExtensions(b, r)
	}
	e.buf = appendHeader(e.buf, 0x30, len(b))
	e.buf = append(e.buf, b...)
}

// addCommon appends an entry of the form that walker.common reads, without a
// copy.
func (e *encoder) addCommon(r *store.Revocation) bool {
	if r.Reason == 0 || !r.InvalidAt.IsZero() || r.Serial[0] == 0 || r.Serial[0] > 0x7f || r.RevokedAt.Unix() >= utcTimeEnd {
		return false
	}
	b := append(e.buf, commonHead...)
	b = append(b, r.Serial[:]...)
	b = appendTime(b, r.RevokedAt)
	b = append(b, commonReason...)
	e.buf = append(b, r.Reason)
	return true
}

// utcTimeEnd is the first second of 2050.
const utcTimeEnd = 2524608000

func appendEntryExtensions(b []byte, r *store.Revocation) []byte {
	var extensions [48]byte
	x := extensions[:0]
	if r.Reason != 0 {
		x = append(x, 0x30, 0x0a)
		x = append(x, oidReasonCode...)
		x = append(x, 0x04, 0x03, 0x0a, 0x01, r.Reason)
	}
	if !r.InvalidAt.IsZero() {
		at := r.InvalidAt
		if at.After(r.RevokedAt) {
			at = r.RevokedAt
		}
		x = append(x, 0x30, 0x18)
		x = append(x, oidInvalidityDate...)
		x = append(x, 0x04, 0x11)
		x = appendGeneralizedTime(x, at)
	}
	b = appendHeader(b, 0x30, len(x))
	return append(b, x...)
}

// finish returns the TBSCertList. The encoder can't be used again.
func (e *encoder) finish(h *header) ([]byte, error) {
	entries := len(e.buf) - e.front
	var front []byte
	front = append(front, 0x02, 0x01, 0x01) // v2
	front = append(front, h.algorithm...)
	front = append(front, h.issuer...)
	front = appendTime(front, h.thisUpdate)
	front = appendTime(front, h.nextUpdate)
	if e.count > 0 {
		front = appendHeader(front, 0x30, entries)
	}
	extensions, err := h.extensions()
	if err != nil {
		return nil, err
	}
	outer := appendHeader(nil, 0x30, len(front)+entries+len(extensions))
	e.buf = append(e.buf, extensions...)
	start := e.front - len(outer) - len(front)
	copy(e.buf[start:], outer)
	copy(e.buf[start+len(outer):], front)
	return e.buf[start:], nil
}

// extensions encodes crlExtensions [0]: AKI, number, issuing distribution point.
func (h *header) extensions() ([]byte, error) {
	var b cryptobyte.Builder
	extension := func(b *cryptobyte.Builder, oid string, critical bool, value func(*cryptobyte.Builder)) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes([]byte(oid))
			if critical {
				b.AddASN1Boolean(true)
			}
			b.AddASN1(asn1.OCTET_STRING, value)
		})
	}
	b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			extension(b, oidAKI, false, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(h.keyID) })
				})
			})
			extension(b, oidCRLNumber, false, func(b *cryptobyte.Builder) { b.AddASN1Uint64(h.number) })
			if h.idp != nil {
				extension(b, oidIDP, true, func(b *cryptobyte.Builder) { b.AddBytes(h.idp) })
			}
		})
	})
	return b.Bytes()
}

// shardIDP is the issuingDistributionPoint of a shard: its name is made by the
// function that makes certificates' CDPs (CRL-07).
func shardIDP(url string) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddBytes(profile.DistributionPointName(url))
		})
		// [1] onlyContainsUserCerts TRUE
		b.AddBytes([]byte{0x81, 0x01, 0xff})
	})
	return b.BytesOrPanic()
}

// arlIDP says [2] onlyContainsCACerts TRUE. It has no distributionPoint, so
// that it matches whatever CDP a CA certificate has.
func arlIDP() []byte { return []byte{0x30, 0x03, 0x82, 0x01, 0xff} }

// appendHeader appends a DER tag and length.
func appendHeader(b []byte, tag byte, n int) []byte {
	b = append(b, tag)
	switch {
	case n < 1<<7:
		return append(b, byte(n))
	case n < 1<<8:
		return append(b, 0x81, byte(n))
	case n < 1<<16:
		return append(b, 0x82, byte(n>>8), byte(n))
	case n < 1<<24:
		return append(b, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// appendSerial appends a positive, minimal INTEGER.
func appendSerial(b, serial []byte) []byte {
	for len(serial) > 1 && serial[0] == 0 {
		serial = serial[1:]
	}
	pad := int(serial[0] >> 7)
	b = appendHeader(b, 0x02, len(serial)+pad)
	if pad == 1 {
		b = append(b, 0)
	}
	return append(b, serial...)
}

// appendTime appends a Time: UTCTime to 2049, GeneralizedTime from 2050 (CRL-03).
// It is written by hand, as time.AppendFormat would be most of a large list's
// cost.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, dayOfMonth := t.Date()
	if year >= 2050 {
		return appendGeneralizedTime(b, t)
	}
	b = append(b, 0x17, 0x0d)
	return appendClock(appendTwo(b, year%100), month, dayOfMonth, t)
}

func appendGeneralizedTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, dayOfMonth := t.Date()
	b = append(b, 0x18, 0x0f)
	return appendClock(appendTwo(appendTwo(b, year/100), year%100), month, dayOfMonth, t)
}

// appendClock appends MMDDHHMMSSZ.
func appendClock(b []byte, month time.Month, dayOfMonth int, t time.Time) []byte {
	hour, minute, second := t.Clock()
	b = appendTwo(appendTwo(b, int(month)), dayOfMonth)
	b = appendTwo(appendTwo(appendTwo(b, hour), minute), second)
	return append(b, 'Z')
}

func appendTwo(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }
