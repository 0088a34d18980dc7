package attest

import (
	"mime"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// evidenceIndicator is the bit of a CMW that says "evidence".
const evidenceIndicator = 4

// message is what a statement carries.
type message struct {
	// profile is the EAT profile, empty when the message is none.
	profile string
	value   []byte
	// header: it came in the request field.
	header bool
}

// unwrap opens a statement. One of a type that we do not read, and a CMW of
// another media type, are no error: profile is empty.
func unwrap(s Statement) (message, error) {
	record := cryptobyte.String(s.Raw)
	switch s.Type {
	case typeHeader:
		return message{profileStation, s.Raw, true}, nil
	case TypeTCGCMW:
		if !record.ReadASN1(&record, cbasn1.SEQUENCE) {
			return message{}, bad("the CMW is not a SEQUENCE")
		}
	case TypeCMW:
		if record.PeekASN1Tag(cbasn1.UTF8String) { // the JSON form
			return message{}, nil
		}
	default:
		return message{}, nil
	}
	var octets cryptobyte.String
	if !record.ReadASN1(&octets, cbasn1.OCTET_STRING) || !record.Empty() {
		return message{}, bad("the CMW is not one OCTET STRING")
	}
	return readRecord(octets)
}

// readRecord reads [ media-type tstr, value bstr, 4 ].
func readRecord(b []byte) (message, error) {
	item, err := decodeCBOR(b)
	if err != nil {
		return message{}, bad("CMW: %v", err)
	}
	record, _ := item.([]any)
	if len(record) != 3 || record[2] != uint64(evidenceIndicator) {
		return message{}, bad("the CMW is not a record of type, value and 4 (evidence)")
	}
	value, ok := record[1].([]byte)
	if !ok {
		return message{}, bad("the value of the CMW is not a byte string")
	}
	mediaType, ok := record[0].(string)
	if !ok { // a CoAP content format: none of ours
		return message{}, nil
	}
	if len(mediaType) > maxMediaType {
		return message{}, bad("the media type of the CMW has more than %d octets", maxMediaType)
	}
	return message{profile: eatProfile(mediaType), value: value}, nil
}

// eatProfile reads the parameter of application/eat+cwt; empty for another type.
func eatProfile(mediaType string) string {
	name, parameters, err := mime.ParseMediaType(mediaType)
	if err != nil || name != "application/eat+cwt" {
		return ""
	}
	return parameters["eat_profile"]
}
