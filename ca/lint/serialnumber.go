package lint

import "github.com/assay-pki/assay/ca/profile"

// serialNumber: positive, at most 20 octets, and of our form: 16 octets, the
// first in 0x01–0x7f.
var serialNumber = rule{"serial number", "§4.1.2.2", func(in *input) string {
	if _, ok := profile.IndexOf(in.parts.serial); !ok {
		return "not 16 octets with the first in 0x01 to 0x7f"
	}
	return ""
}}
