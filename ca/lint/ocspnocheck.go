package lint

import "bytes"

// ocspNoCheck: OCSP responders have it, with NULL, and nobody else.
var ocspNoCheck = rule{"OCSP nocheck", "RFC 6960 §4.2.2.2.1", func(in *input) string {
	e := in.find(idOCSPNoCheck)
	switch {
	case in.want.Kind == Responder && (e == nil || !bytes.Equal(e.Value, []byte{0x05, 0x00})):
		return "absent, or not NULL"
	case in.want.Kind != Responder && e != nil:
		return "present"
	}
	return ""
}}
