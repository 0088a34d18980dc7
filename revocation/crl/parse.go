package crl

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/assay-pki/assay/ca/profile"
)

// errNotOurs: the bytes are not a list as this package makes them.
var errNotOurs = errors.New("not a revocation list of ours")

// list is a parsed list. Only what this package makes is accepted, to the
// letter: it is what stands between a fault of ours and the world.
type list struct {
	tbs        []byte
	algorithm  []byte // the outer one, equal to the inner
	signature  []byte
	issuer     []byte
	thisUpdate time.Time
	nextUpdate time.Time
	entries    []byte
	keyID      []byte
	number     uint64
	idp        []byte
}

// parse reads the list without its entries; walk reads those.
func parse(der []byte) (*list, error) {
	var l list
	input := cryptobyte.String(der)
	var outer, tbs, algorithm cryptobyte.String
	if !input.ReadASN1(&outer, asn1.SEQUENCE) || !input.Empty() ||
		!outer.ReadASN1Element(&tbs, asn1.SEQUENCE) ||
		!outer.ReadASN1Element(&algorithm, asn1.SEQUENCE) ||
		!outer.ReadASN1BitStringAsBytes(&l.signature) || !outer.Empty() {
		return nil, fmt.Errorf("%w: outer structure", errNotOurs)
	}
	l.tbs, l.algorithm = tbs, algorithm
	if err := l.parseTBS(tbs); err != nil {
		return nil, err
	}
	return &l, nil
}

func (l *list) parseTBS(tbs cryptobyte.String) error {
	var body, algorithm, issuer, entries, outer, extensions cryptobyte.String
	var version uint
	if !tbs.ReadASN1(&body, asn1.SEQUENCE) ||
		!body.ReadASN1Integer(&version) || version != 1 ||
		!body.ReadASN1Element(&algorithm, asn1.SEQUENCE) ||
		!body.ReadASN1Element(&issuer, asn1.SEQUENCE) ||
		!readTime(&body, &l.thisUpdate) || !readTime(&body, &l.nextUpdate) {
		return fmt.Errorf("%w: head of TBSCertList", errNotOurs)
	}
	if !bytes.Equal(algorithm, l.algorithm) {
		return fmt.Errorf("%w: inner and outer algorithm differ", errNotOurs)
	}
	if body.PeekASN1Tag(asn1.SEQUENCE) {
		if !body.ReadASN1(&entries, asn1.SEQUENCE) || entries.Empty() {
			return fmt.Errorf("%w: revokedCertificates is empty", errNotOurs)
		}
	}
	if !body.ReadASN1(&outer, asn1.Tag(0).ContextSpecific().Constructed()) || !body.Empty() ||
		!outer.ReadASN1(&extensions, asn1.SEQUENCE) || !outer.Empty() {
		return fmt.Errorf("%w: crlExtensions", errNotOurs)
	}
	l.issuer, l.entries = issuer, entries
	return l.parseExtensions(extensions)
}

func (l *list) parseExtensions(extensions cryptobyte.String) error {
	var numbered bool
	for !extensions.Empty() {
		oid, critical, value, ok := readExtension(&extensions)
		if !ok {
			return fmt.Errorf("%w: extension", errNotOurs)
		}
		switch {
		case oid == oidAKI && l.keyID == nil && !critical:
			var aki, id cryptobyte.String
			ok = value.ReadASN1(&aki, asn1.SEQUENCE) && value.Empty() &&
				aki.ReadASN1(&id, asn1.Tag(0).ContextSpecific()) && aki.Empty() && !id.Empty()
			l.keyID = id
		case oid == oidCRLNumber && !numbered && !critical:
			ok = value.ReadASN1Integer(&l.number) && value.Empty()
			numbered = true
		case oid == oidIDP && l.idp == nil && critical:
			ok = !value.Empty()
			l.idp = value
		default:
			ok = false
		}
		if !ok {
			return fmt.Errorf("%w: extension %x", errNotOurs, oid)
		}
	}
	if l.keyID == nil || !numbered {
		return fmt.Errorf("%w: no key id or number", errNotOurs)
	}
	return nil
}

// readExtension reads an Extension; the OID keeps its tag and length.
func readExtension(s *cryptobyte.String) (oid string, critical bool, value cryptobyte.String, ok bool) {
	var extension, id cryptobyte.String
	if !s.ReadASN1(&extension, asn1.SEQUENCE) || !extension.ReadASN1Element(&id, asn1.OBJECT_IDENTIFIER) {
		return "", false, nil, false
	}
	if extension.PeekASN1Tag(asn1.BOOLEAN) && (!extension.ReadASN1Boolean(&critical) || !critical) {
		return "", false, nil, false
	}
	if !extension.ReadASN1(&value, asn1.OCTET_STRING) || !extension.Empty() {
		return "", false, nil, false
	}
	return string(id), critical, value, true
}

func readTime(s *cryptobyte.String, t *time.Time) bool {
	if s.PeekASN1Tag(asn1.UTCTime) {
		return s.ReadASN1UTCTime(t)
	}
	return s.ReadASN1GeneralizedTime(t) && t.Year() >= 2050
}

// walker reads entries one after the other, without keeping them.
type walker struct {
	rest   cryptobyte.String
	count  int
	serial []byte // content octets
	index  uint64
	reason uint8
	err    error
}

func (l *list) walk() *walker { return &walker{rest: l.entries} }

// next reads an entry; false at the end or on a fault, which err tells. Entries
// stand in the order of their index, so that none is there twice (CRL-14).
func (w *walker) next() bool {
	if w.err != nil || w.rest.Empty() {
		return false
	}
	var entry, serial cryptobyte.String
	last := w.index
	w.reason = 0
	if w.common() {
		return w.inOrder(last)
	}
	if !w.rest.ReadASN1(&entry, asn1.SEQUENCE) || !entry.ReadASN1(&serial, asn1.INTEGER) ||
		!skipTime(&entry) || !w.readExtensions(entry) {
		w.err = fmt.Errorf("%w: entry %d", errNotOurs, w.count)
		return false
	}
	index, ok := profile.IndexOf(serial)
	if !ok {
		w.err = fmt.Errorf("%w: serial number of entry %d", errNotOurs, w.count)
		return false
	}
	w.serial, w.index = serial, index
	return w.inOrder(last)
}

func (w *walker) inOrder(last uint64) bool {
	if w.count > 0 && w.index <= last {
		w.err = fmt.Errorf("%w: entry %d is out of order", errNotOurs, w.count)
		return false
	}
	w.count++
	return true
}

// The form of nearly every entry: 16 octets of serial, UTCTime, a reason.
const (
	commonHead   = "\x30\x2f\x02\x10"
	commonTime   = "\x17\x0d"
	commonReason = "\x30\x0c\x30\x0a" + oidReasonCode + "\x04\x03\x0a\x01"

	serialAt = len(commonHead)
	timeAt   = serialAt + profile.SerialSize
	reasonAt = timeAt + len(commonTime) + 13
)

// common reads an entry of that form, at a fifth of the cost. It leaves any other
// as it is: the long way judges it.
func (w *walker) common() bool {
	e := w.rest
	if len(e) < entrySize || string(e[:serialAt]) != commonHead ||
		string(e[timeAt:timeAt+len(commonTime)]) != commonTime ||
		string(e[reasonAt:entrySize-1]) != commonReason ||
		!listedReason(e[entrySize-1]) || !digitsZ(e[timeAt+len(commonTime):reasonAt], 13) {
		return false
	}
	index, ok := profile.IndexOf(e[serialAt:timeAt])
	if !ok {
		return false
	}
	w.serial, w.index, w.reason = e[serialAt:timeAt], index, e[entrySize-1]
	w.rest = e[entrySize:]
	return true
}

func (w *walker) readExtensions(entry cryptobyte.String) bool {
	if entry.Empty() {
		return true
	}
	var extensions cryptobyte.String
	if !entry.ReadASN1(&extensions, asn1.SEQUENCE) || !entry.Empty() || extensions.Empty() {
		return false
	}
	for !extensions.Empty() {
		var extension, value cryptobyte.String
		if !extensions.ReadASN1(&extension, asn1.SEQUENCE) {
			return false
		}
		switch {
		case bytes.HasPrefix(extension, []byte(oidReasonCode)) && w.reason == 0:
			extension.Skip(len(oidReasonCode))
			var reason cryptobyte.String
			if !extension.ReadASN1(&value, asn1.OCTET_STRING) || !value.ReadASN1(&reason, asn1.ENUM) ||
				!value.Empty() || len(reason) != 1 || !listedReason(reason[0]) {
				return false
			}
			w.reason = reason[0]
		case bytes.HasPrefix(extension, []byte(oidInvalidityDate)):
			extension.Skip(len(oidInvalidityDate))
			var at cryptobyte.String
			if !extension.ReadASN1(&value, asn1.OCTET_STRING) || !value.ReadASN1(&at, asn1.GeneralizedTime) ||
				!value.Empty() || !digitsZ(at, 15) {
				return false
			}
		default:
			return false
		}
		if !extension.Empty() {
			return false
		}
	}
	return true
}

// listedReason tells the reasons that stand in an entry of a full list: 0 is
// left out, 7 does not exist, 8 is for deltas.
func listedReason(r uint8) bool { return r >= 1 && r <= 6 || r == 9 || r == 10 }

// skipTime checks a Time's form: reading a million of them to no use would be
// most of the check's cost.
func skipTime(s *cryptobyte.String) bool {
	var t cryptobyte.String
	if s.PeekASN1Tag(asn1.UTCTime) {
		return s.ReadASN1(&t, asn1.UTCTime) && digitsZ(t, 13)
	}
	return s.ReadASN1(&t, asn1.GeneralizedTime) && digitsZ(t, 15)
}

func digitsZ(t []byte, n int) bool {
	if len(t) != n || t[n-1] != 'Z' {
		return false
	}
	for _, c := range t[:n-1] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
