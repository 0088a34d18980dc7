package attest_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/enroll/attest"
)

func TestParseBundle(t *testing.T) {
	cmw := statementDER(t, attest.TypeCMW, []byte("\x04\x01A"))
	tpm := statementDER(t, "2.23.133.20.1", []byte("\x30\x03\x02\x01\x05"))
	hinted := statementDER(t, attest.TypeCMW, []byte("\x04\x01A"), []byte("\x0c\x04hint"))
	cert := []byte("\x30\x03\x02\x01\x01")
	good := bundleDER([][]byte{cmw}, nil)
	one := []attest.Statement{{Type: attest.TypeCMW, Raw: []byte("\x04\x01A")}}
	for _, c := range []struct {
		name  string
		value []byte
		want  *attest.Bundle // nil: refused
	}{
		{"one statement", good, &attest.Bundle{Statements: one}},
		{"a statement of another type", bundleDER([][]byte{tpm, cmw}, nil), &attest.Bundle{Statements: append(
			[]attest.Statement{{Type: "2.23.133.20.1", Raw: []byte("\x30\x03\x02\x01\x05")}}, one...)}},
		{"a hint", bundleDER([][]byte{hinted}, nil), &attest.Bundle{Statements: one}},
		{"eight statements", bundleDER(slices.Repeat([][]byte{cmw}, 8), nil), &attest.Bundle{Statements: slices.Repeat(one, 8)}},
		{"nine statements", bundleDER(slices.Repeat([][]byte{cmw}, 9), nil), nil},
		{"certificates", bundleDER([][]byte{cmw}, [][]byte{cert, cert}), &attest.Bundle{Statements: one, Certs: [][]byte{cert, cert}}},
		{
			"other certificates are left out", bundleDER([][]byte{cmw}, [][]byte{[]byte("\xa3\x02\x05\x00"), cert, []byte("\x83\x00")}),
			&attest.Bundle{Statements: one, Certs: [][]byte{cert}},
		},
		{
			"sixteen certificates", bundleDER([][]byte{cmw}, slices.Repeat([][]byte{cert}, 16)),
			&attest.Bundle{Statements: one, Certs: slices.Repeat([][]byte{cert}, 16)},
		},
		{"seventeen certificates", bundleDER([][]byte{cmw}, slices.Repeat([][]byte{cert}, 17)), nil},
		{"seventeen certificates that are left out", bundleDER([][]byte{cmw}, slices.Repeat([][]byte{[]byte("\x83\x00")}, 17)), nil},
		{"certificates of no known kind", bundleDER([][]byte{cmw}, [][]byte{[]byte("\xa4\x00")}), nil},
		{"an empty list of certificates", bundleDER([][]byte{cmw}, [][]byte{}), nil},
		{"a certificate cut short", bundleDER([][]byte{cmw}, [][]byte{[]byte("\x30\x05\x00")}), nil},
		{"no statement", bundleDER(nil, nil), nil},
		{"a statement without stmt", bundleDER([][]byte{statementDER(t, attest.TypeCMW)}, nil), nil},
		{"a number for a hint", bundleDER([][]byte{statementDER(t, attest.TypeCMW, []byte("\x04\x01A"), []byte("\x02\x01\x01"))}, nil), nil},
		{"a hint of 257 octets", bundleDER([][]byte{statementDER(t, attest.TypeCMW, []byte("\x04\x01A"),
			append([]byte{0x0c, 0x82, 1, 1}, make([]byte, 257)...))}, nil), nil},
		{"something after the hint", bundleDER([][]byte{statementDER(t, attest.TypeCMW, []byte("\x04\x01A"), []byte("\x0c\x00"), []byte("\x0c\x00"))}, nil), nil},
		{"a type that is no OID", bundleDER([][]byte{[]byte("\x30\x06\x02\x01\x01\x04\x01A")}, nil), nil},
		{"an OID with a needless octet", bundleDER([][]byte{[]byte("\x30\x07\x06\x02\x80\x01\x04\x01A")}, nil), nil},
		{"a statement that is a SET", bundleDER([][]byte{[]byte("\x31\x00")}, nil), nil},
		{"an empty value", nil, nil},
		{"a length that is too long", append([]byte{0x30, 0x81}, good[1:]...), nil},
		{"an indefinite length", append(append([]byte{0x30, 0x80}, good[2:]...), 0, 0), nil},
		{"octets after it", append(bytes.Clone(good), 0), nil},
		{"cut short", good[:len(good)-1], nil},
		{"49 KiB", bundleDER([][]byte{statementDER(t, attest.TypeCMW, append([]byte{0x04, 0x82, 0xc4, 0x00}, make([]byte, 49<<10)...))}, nil), nil},
		{"thousands of sequences in each other", bundleDER([][]byte{nest(4000)}, nil), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := attest.ParseBundle(c.value)
			if code := codeOf(t, err); (code == "") != (c.want != nil) || code != "" && code != attest.CodeBadEvidence {
				t.Fatalf("got error %v, want accepted: %t", err, c.want != nil)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("bundle (-want +got):\n%s", diff)
			}
		})
	}
}

func nest(depth int) []byte {
	out := []byte{}
	for range depth {
		head := []byte{0x30, byte(len(out))}
		if n := len(out); n > 255 {
			head = []byte{0x30, 0x82, byte(n >> 8), byte(n)}
		} else if n > 127 {
			head = []byte{0x30, 0x81, byte(n)}
		}
		out = append(head, out...)
	}
	return out
}
