package client_test

import (
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/assay-pki/assay/enroll/client"
)

// What a server says reaches terminals and logs.
func FuzzRefusalText(f *testing.F) {
	f.Add("text/plain", []byte("device-held: held.\n\x1b]0;title\a"), "device-held")
	f.Add("text/html", []byte("<p>"), "Device\x00")
	f.Add("", []byte("\xff\u202e\u2028"), "")
	f.Fuzz(func(t *testing.T, mediaType string, body []byte, reason string) {
		resp := &http.Response{Header: http.Header{"Content-Type": {mediaType}}}
		for _, s := range []string{client.RefusalText(resp, body), client.ReasonCode(reason)} {
			if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("%q is not fit to print", s)
			}
		}
	})
}
