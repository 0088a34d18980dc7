package lint

import "bytes"

// subjectAltName: exactly the names that were to be given.
var subjectAltName = rule{"subject alternative name", "§4.2.1.6", func(in *input) string {
	e := in.find(idSubjectAltName)
	switch {
	case e == nil && in.want.SAN == nil:
		return ""
	case e == nil:
		return "absent"
	case !bytes.Equal(e.Value, in.want.SAN):
		return "not the names that were to be given"
	}
	return ""
}}
