package ocsp

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// errMalformed: the request is answered malformedRequest.
var errMalformed = errors.New("malformed OCSP request")

// hashAlgorithm of a CertID.
type hashAlgorithm uint8

const (
	hashUnknown hashAlgorithm = iota
	hashSHA1
	hashSHA256
	hashSHA384
	hashSHA512
)

// Contents of OBJECT IDENTIFIERs.
const (
	oidSHA1   = "\x2b\x0e\x03\x02\x1a"
	oidSHA256 = "\x60\x86\x48\x01\x65\x03\x04\x02\x01"
	oidSHA384 = "\x60\x86\x48\x01\x65\x03\x04\x02\x02"
	oidSHA512 = "\x60\x86\x48\x01\x65\x03\x04\x02\x03"
	oidNonce  = "\x2b\x06\x01\x05\x05\x07\x30\x01\x02" // 1.3.6.1.5.5.7.48.1.2
)

// certID is one question. Its slices are those of the request's bytes.
type certID struct {
	der      []byte // the whole CertID, as it is answered
	hash     hashAlgorithm
	nameHash []byte
	keyHash  []byte
	serial   []byte // content octets of the INTEGER
}

// request is a parsed OCSPRequest.
type request struct {
	ids   []certID
	nonce []byte // nil: none
}

// parseRequest reads an OCSPRequest (RFC 6960 §4.1.1). A signature is passed
// over: nobody needs an identity to ask.
func parseRequest(der []byte) (request, error) {
	var r request
	input := cryptobyte.String(der)
	var outer, tbs cryptobyte.String
	if !input.ReadASN1(&outer, asn1.SEQUENCE) || !input.Empty() || !outer.ReadASN1(&tbs, asn1.SEQUENCE) {
		return r, fmt.Errorf("%w: outer structure", errMalformed)
	}
	if !outer.SkipOptionalASN1(explicit(0)) || !outer.Empty() {
		return r, fmt.Errorf("%w: after tbsRequest", errMalformed)
	}
	var version, list, extensions cryptobyte.String
	var hasVersion, hasExtensions bool
	if !tbs.ReadOptionalASN1(&version, &hasVersion, explicit(0)) ||
		!tbs.SkipOptionalASN1(explicit(1)) ||
		!tbs.ReadASN1(&list, asn1.SEQUENCE) ||
		!tbs.ReadOptionalASN1(&extensions, &hasExtensions, explicit(2)) || !tbs.Empty() {
		return r, fmt.Errorf("%w: tbsRequest", errMalformed)
	}
	if hasVersion && !isV1(version) {
		return r, fmt.Errorf("%w: version", errMalformed)
	}
	if hasExtensions {
		if err := r.parseExtensions(extensions, true); err != nil {
			return r, err
		}
	}
	return r, r.parseList(list)
}

func explicit(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific().Constructed() }

func isV1(version cryptobyte.String) bool {
	var v uint
	return version.ReadASN1Integer(&v) && v == 0 && version.Empty()
}

func (r *request) parseList(list cryptobyte.String) error {
	if list.Empty() {
		return fmt.Errorf("%w: no request in it", errMalformed)
	}
	r.ids = make([]certID, 0, 1)
	for !list.Empty() {
		if len(r.ids) == maxRequests {
			return fmt.Errorf("%w: more than %d requests", errMalformed, maxRequests)
		}
		var single, extensions cryptobyte.String
		var has bool
		var id certID
		if !list.ReadASN1(&single, asn1.SEQUENCE) || !id.parse(&single) ||
			!single.ReadOptionalASN1(&extensions, &has, explicit(0)) || !single.Empty() {
			return fmt.Errorf("%w: request %d", errMalformed, len(r.ids))
		}
		if has {
			if err := r.parseExtensions(extensions, false); err != nil {
				return err
			}
		}
		r.ids = append(r.ids, id)
	}
	return nil
}

func (id *certID) parse(s *cryptobyte.String) bool {
	var element, body, algorithm, oid, nameHash, keyHash, serial cryptobyte.String
	if !s.ReadASN1Element(&element, asn1.SEQUENCE) {
		return false
	}
	id.der = element
	if !element.ReadASN1(&body, asn1.SEQUENCE) ||
		!body.ReadASN1(&algorithm, asn1.SEQUENCE) ||
		!algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!body.ReadASN1(&nameHash, asn1.OCTET_STRING) ||
		!body.ReadASN1(&keyHash, asn1.OCTET_STRING) ||
		!body.ReadASN1(&serial, asn1.INTEGER) || !body.Empty() {
		return false
	}
	if !algorithm.Empty() && !isNull(algorithm) {
		return false
	}
	id.hash, id.nameHash, id.keyHash, id.serial = hashOf(oid), nameHash, keyHash, serial
	return len(serial) > 0
}

func isNull(s cryptobyte.String) bool {
	var null cryptobyte.String
	return s.ReadASN1(&null, asn1.NULL) && null.Empty() && s.Empty()
}

func hashOf(oid []byte) hashAlgorithm {
	switch string(oid) {
	case oidSHA1:
		return hashSHA1
	case oidSHA256:
		return hashSHA256
	case oidSHA384:
		return hashSHA384
	case oidSHA512:
		return hashSHA512
	}
	return hashUnknown
}

// parseExtensions reads the request's own extensions, of which we know the
// nonce, or those of a single request, of which we know none (OCSP-09).
func (r *request) parseExtensions(s cryptobyte.String, own bool) error {
	var list cryptobyte.String
	if !s.ReadASN1(&list, asn1.SEQUENCE) || !s.Empty() || list.Empty() {
		return fmt.Errorf("%w: extensions", errMalformed)
	}
	for !list.Empty() {
		var extension, oid, value cryptobyte.String
		critical := false
		if !list.ReadASN1(&extension, asn1.SEQUENCE) || !extension.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			!readCritical(&extension, &critical) ||
			!extension.ReadASN1(&value, asn1.OCTET_STRING) || !extension.Empty() {
			return fmt.Errorf("%w: extension", errMalformed)
		}
		switch {
		case own && string(oid) == oidNonce:
			if err := r.parseNonce(value); err != nil {
				return err
			}
		case critical:
			return fmt.Errorf("%w: unknown critical extension", errMalformed)
		}
	}
	return nil
}

func readCritical(s *cryptobyte.String, critical *bool) bool {
	return !s.PeekASN1Tag(asn1.BOOLEAN) || s.ReadASN1Boolean(critical)
}

// parseNonce reads the inner OCTET STRING of RFC 9654 §2.1 (OCSP-08).
func (r *request) parseNonce(value cryptobyte.String) error {
	var nonce cryptobyte.String
	if r.nonce != nil || !value.ReadASN1(&nonce, asn1.OCTET_STRING) || !value.Empty() ||
		len(nonce) == 0 || len(nonce) > maxNonce {
		return fmt.Errorf("%w: nonce", errMalformed)
	}
	r.nonce = nonce
	return nil
}
