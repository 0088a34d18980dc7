package profile

// IsPrintableString tells whether a value can be a PrintableString (X.680
// §41.4). '*', '&', '@' and '_' cannot.
func IsPrintableString[T ~string | ~[]byte](s T) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			continue
		}
		switch c {
		case ' ', '\'', '(', ')', '+', ',', '-', '.', '/', ':', '=', '?':
		default:
			return false
		}
	}
	return true
}

// AppendHead writes a DER tag and a length below 65536: no name and no
// certificate is longer.
func AppendHead(b []byte, tag byte, n int) []byte {
	switch {
	case n < 0x80:
		return append(b, tag, byte(n))
	case n < 0x100:
		return append(b, tag, 0x81, byte(n))
	}
	return append(b, tag, 0x82, byte(n>>8), byte(n))
}

// ElementSize is the size of a DER element whose content has n octets, below
// 65536.
func ElementSize(n int) int {
	switch {
	case n < 0x80:
		return n + 2
	case n < 0x100:
		return n + 3
	}
	return n + 4
}

func appendTLV(b []byte, tag byte, value []byte) []byte {
	return append(AppendHead(b, tag, len(value)), value...)
}
