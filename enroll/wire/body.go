package wire

import (
	"bytes"
	"encoding/base64"
)

var ( // never assigned again
	pemBegin = []byte("-----BEGIN ")
	pemEnd   = []byte("-----END ")
	pemDash  = []byte("-----")
)

// DecodeBody decodes the body of an EST message. White space is tolerated
// anywhere (RFC 8951 §3.1), and so is the armour of CERTIFICATE REQUEST and
// NEW CERTIFICATE REQUEST, which three clients in the field send.
//
// It returns ErrSendBase64 for binary bodies, ErrBadBase64 for other text
// (the empty body too) and ErrTooComplex above MaxResponseBody.
func DecodeBody(b []byte) ([]byte, error) {
	if len(b) > MaxResponseBody {
		return nil, tooComplex("body", MaxResponseBody)
	}
	if armoured, ok := bytes.CutPrefix(bytes.Trim(b, " \t\r\n"), pemBegin); ok {
		inner, ok := unarmour(armoured)
		if !ok {
			return nil, ErrBadBase64
		}
		b = inner
	}
	text := make([]byte, 0, len(b))
	for _, c := range b {
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case c < 0x20 || c >= 0x7f:
			return nil, ErrSendBase64
		default:
			text = append(text, c)
		}
	}
	if len(text) == 0 {
		return nil, ErrBadBase64
	}
	n, err := base64.StdEncoding.Strict().Decode(text, text)
	if err != nil {
		return nil, ErrBadBase64
	}
	return text[:n], nil
}

// unarmour is given what follows the first BEGIN and returns what stands
// between the lines of the armour, which must be the whole body.
func unarmour(b []byte) ([]byte, bool) {
	label, rest, ok := bytes.Cut(b, pemDash)
	if !ok || !armourLabel(string(label)) {
		return nil, false
	}
	inner, end, ok := bytes.Cut(rest, pemEnd)
	if !ok || !bytes.Equal(end, append(bytes.Clone(label), pemDash...)) {
		return nil, false
	}
	return inner, true
}

func armourLabel(s string) bool {
	return s == "CERTIFICATE REQUEST" || s == "NEW CERTIFICATE REQUEST"
}

// wrapColumns is what libest, the only client that needs lines, expects.
const wrapColumns = 64

// EncodeBody is base64 in one line with a final LF, or in lines of 64 columns.
// One line is what every other client reads.
func EncodeBody(der []byte, wrap bool) []byte {
	size := base64.StdEncoding.EncodedLen(len(der))
	if !wrap {
		out := make([]byte, size, size+1)
		base64.StdEncoding.Encode(out, der)
		return append(out, '\n')
	}
	line := make([]byte, size)
	base64.StdEncoding.Encode(line, der)
	out := make([]byte, 0, size+size/wrapColumns+1)
	for len(line) > wrapColumns {
		out = append(append(out, line[:wrapColumns]...), '\n')
		line = line[wrapColumns:]
	}
	return append(append(out, line...), '\n')
}
