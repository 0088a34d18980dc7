package lint

import "bytes"

// subjectName: not empty, and the name that was to be given.
var subjectName = rule{"subject", "§4.1.2.6", func(in *input) string {
	switch {
	case len(in.RawSubject) <= 2:
		return "empty"
	case in.want.Subject != nil && !bytes.Equal(in.RawSubject, in.want.Subject):
		return "not the name that was to be given"
	}
	return ""
}}
