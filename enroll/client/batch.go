package client

import (
	"strconv"
	"strings"
)

// parseBatch reads the field Assay-Batch: an RFC 9651 string with the parameter
// left. What it does not know is skipped; without a batch's name there is none.
func parseBatch(field string) (batch string, left uint64) {
	if len(field) > maxBatchField {
		return "", 0
	}
	batch, rest, ok := quoted(strings.Trim(field, " "))
	if !ok {
		return "", 0
	}
	for parameter := range strings.SplitSeq(rest, ";") {
		key, value, _ := strings.Cut(strings.Trim(parameter, " "), "=")
		if n, err := strconv.ParseUint(value, 10, 63); err == nil && key == "left" {
			left = n
		}
	}
	return batch, left
}

// quoted reads an sf-string (RFC 9651 §3.3.3) and returns what follows it.
func quoted(s string) (text, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	var out strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return out.String(), s[i+1:], out.Len() > 0
		case c == '\\':
			i++
			if i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", "", false
			}
			out.WriteByte(s[i])
		case c < 0x20 || c >= 0x7f:
			return "", "", false
		default:
			out.WriteByte(c)
		}
	}
	return "", "", false
}
