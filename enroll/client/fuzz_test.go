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

func FuzzNonce(f *testing.F) {
	f.Add([]byte(`{"nonce":"AAAAAAAAAAAAAAAAAAAAAA","expiry":600}`))
	f.Add([]byte(`{"nonce":"AAAAAAAAAAAAAAAAAAAAAA"}`))
	f.Add([]byte(`{"nonce":"","expiry":4294967296}{`))
	f.Fuzz(func(t *testing.T, body []byte) {
		nonce, expires, err := client.ParseNonce(body)
		if err == nil && (len(nonce) < 8 || len(nonce) > 64 || expires < 0) {
			t.Fatalf("%d octets for %v", len(nonce), expires)
		}
	})
}

func FuzzBatch(f *testing.F) {
	f.Add(`"2026-w47-a";left=17`)
	f.Add(`"a\"b\\c";left=1;x`)
	f.Add(`"`)
	f.Fuzz(func(t *testing.T, field string) {
		batch, left := client.ParseBatch(field)
		if strings.ContainsFunc(batch, func(r rune) bool { return r < 0x20 || r >= 0x7f }) || batch == "" && left != 0 {
			t.Fatalf("%q, %d", batch, left)
		}
	})
}
