package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// ParseNonceRequest reads the JSON body that asks for a nonce
// (draft-ietf-lamps-attestation-freshness): {"len":8..64,"reqTypeInfo":{…}},
// both optional, no other member, none twice. The length is 0 when none is
// named. The error is ErrMalformed.
func ParseNonceRequest(body []byte) (length int, err error) {
	if len(body) > MaxNonceRequest {
		return 0, malformedNonce("too long")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return 0, malformedNonce("not an object")
	}
	seen := map[string]bool{}
	for d.More() {
		name, value, err := member(d)
		if err != nil || seen[name] {
			return 0, malformedNonce("a member does not parse, or is doubled")
		}
		seen[name] = true
		switch name {
		case "len":
			if length, err = strconv.Atoi(string(value)); err != nil || length < MinNonce || length > MaxNonce {
				return 0, malformedNonce(fmt.Sprintf("len is not %d to %d", MinNonce, MaxNonce))
			}
		case "reqTypeInfo":
			if value[0] != '{' {
				return 0, malformedNonce("reqTypeInfo is not an object")
			}
		default:
			return 0, malformedNonce("unknown member")
		}
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return 0, malformedNonce("the object does not end")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return 0, malformedNonce("more than one value")
	}
	return length, nil
}

// member reads a name and the text of its value.
func member(d *json.Decoder) (name string, value json.RawMessage, err error) {
	t, err := d.Token()
	if err != nil {
		return "", nil, err
	}
	name, ok := t.(string)
	if !ok {
		return "", nil, ErrMalformed
	}
	err = d.Decode(&value)
	return name, value, err
}

func malformedNonce(why string) error { return malformed("nonce request: " + why) }

// NonceAnswer is the JSON that carries a nonce; expires is in whole seconds.
func NonceAnswer(nonce []byte, expires time.Duration) []byte {
	return fmt.Appendf(nil, `{"nonce":"%s","expiry":%d}`, base64.RawURLEncoding.EncodeToString(nonce), expires/time.Second)
}
