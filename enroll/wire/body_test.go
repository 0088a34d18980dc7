package wire_test

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/assay-pki/assay/enroll/wire"
)

func TestDecodeBodyAcceptsWhatClientsSend(t *testing.T) {
	der := golden(t, "csr/ec-p256.der")
	b64 := base64.StdEncoding.EncodeToString(der)
	spread := strings.Join(strings.Split(b64, ""), " \t\r\n")
	armoured := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	for name, body := range map[string]string{
		"one line":            b64 + "\n",
		"no line end":         b64,
		"64 columns":          string(wire.EncodeBody(der, true)),
		"CRLF":                strings.ReplaceAll(string(wire.EncodeBody(der, true)), "\n", "\r\n"),
		"EST-028 white space": spread,
		"EST-029 PEM":         armoured,
		"PEM, NEW, CRLF, indented": " \r\n" + strings.ReplaceAll(strings.ReplaceAll(armoured,
			"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"), "\n", "\r\n"),
		"PEM in one line": "-----BEGIN CERTIFICATE REQUEST-----" + b64 + "-----END CERTIFICATE REQUEST-----",
	} {
		got, err := wire.DecodeBody([]byte(body))
		if err != nil || !bytes.Equal(got, der) {
			t.Errorf("%s: got %d octets, %v; want %d octets", name, len(got), err, len(der))
		}
	}
}

func TestDecodeBodyRefuses(t *testing.T) {
	der := golden(t, "csr/ec-p256.der")
	b64 := base64.StdEncoding.EncodeToString(der)
	armour := func(label, text, end string) string {
		return "-----BEGIN " + label + "-----\n" + text + "\n-----END " + end + "-----\n"
	}
	const req = "CERTIFICATE REQUEST"
	for name, c := range map[string]struct {
		body string
		want error
	}{
		"EST-030 raw DER":       {string(der), wire.ErrSendBase64},
		"short DER":             {"\x30\x03\x02\x01\x00", wire.ErrSendBase64},
		"other bytes":           {"MIIB\x00", wire.ErrSendBase64},
		"empty":                 {"", wire.ErrBadBase64},
		"blank":                 {" \r\n\t", wire.ErrBadBase64},
		"EST-035 no padding":    {strings.TrimRight(b64, "="), wire.ErrBadBase64},
		"padding in the middle": {"MA==MA==", wire.ErrBadBase64},
		"bits left over":        {"MB==", wire.ErrBadBase64},
		"URL alphabet":          {"MA-_", wire.ErrBadBase64},
		"form":                  {"csr=" + b64, wire.ErrBadBase64},
		"PEM of a certificate":  {armour("CERTIFICATE", b64, "CERTIFICATE"), wire.ErrBadBase64},
		"PEM of a key":          {armour("PRIVATE KEY", b64, "PRIVATE KEY"), wire.ErrBadBase64},
		"PEM, ends differ":      {armour(req, b64, "NEW "+req), wire.ErrBadBase64},
		"PEM, no end":           {"-----BEGIN " + req + "-----\n" + b64, wire.ErrBadBase64},
		"PEM, two":              {strings.Repeat(armour(req, b64, req), 2), wire.ErrBadBase64},
		"PEM, empty":            {armour(req, "", req), wire.ErrBadBase64},
		"PEM, headers":          {armour(req, "Proc-Type: 4\n\n"+b64, req), wire.ErrBadBase64},
		"too long":              {strings.Repeat("M", wire.MaxResponseBody+1), wire.ErrTooComplex},
	} {
		if got, err := wire.DecodeBody([]byte(c.body)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %d octets, %v; want %v", name, len(got), err, c.want)
		}
	}
}

func TestEncodeBody(t *testing.T) {
	for n := range 200 {
		der := bytes.Repeat([]byte{0xa5}, n)
		one := wire.EncodeBody(der, false)
		if want := base64.StdEncoding.EncodeToString(der) + "\n"; string(one) != want {
			t.Fatalf("EST-033 one line, %d octets: got %q, want %q", n, one, want)
		}
		wrapped := wire.EncodeBody(der, true)
		for i, line := range strings.Split(strings.TrimSuffix(string(wrapped), "\n"), "\n") {
			if len(line) > 64 || len(line) == 0 && n > 0 {
				t.Fatalf("%d octets: line %d has %d columns", n, i, len(line))
			}
		}
		if strings.ReplaceAll(string(wrapped), "\n", "")+"\n" != string(one) {
			t.Fatalf("%d octets: wrapping changed the text", n)
		}
	}
}
