package wire_test

import (
	"encoding/asn1"
	"os"
	"path/filepath"
	"testing"

	"github.com/assay-pki/assay/enroll/wire"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What follows writes DER by hand, so that tests can write what no library
// would.

func seq(parts ...[]byte) []byte { return tlv(cbasn1.SEQUENCE, parts...) }
func set(parts ...[]byte) []byte { return tlv(cbasn1.SET, parts...) }

func tlv(tag cbasn1.Tag, parts ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, p := range parts {
			b.AddBytes(p)
		}
	})
	return b.BytesOrPanic()
}

func oid(id asn1.ObjectIdentifier) []byte {
	var b cryptobyte.Builder
	b.AddASN1ObjectIdentifier(id)
	return b.BytesOrPanic()
}

func text(tag cbasn1.Tag, s string) []byte { return tlv(tag, []byte(s)) }
func utf8Text(s string) []byte             { return text(cbasn1.UTF8String, s) }

func ava(id asn1.ObjectIdentifier, value []byte) []byte { return seq(oid(id), value) }

// name is a Name of single-valued RDNs.
func name(avas ...[]byte) []byte {
	var rdns [][]byte
	for _, a := range avas {
		rdns = append(rdns, set(a))
	}
	return seq(rdns...)
}

func extension(id asn1.ObjectIdentifier, value []byte) []byte {
	return seq(oid(id), tlv(cbasn1.OCTET_STRING, value))
}

func extensionRequest(extensions ...[]byte) []byte {
	return seq(oid(wire.OIDExtensionRequest), set(seq(extensions...)))
}

var (
	context0  = cbasn1.Tag(0).ContextSpecific().Constructed()
	plainName = name(ava(wire.OIDCommonName, utf8Text("SN-1")))
)

// request is a CSR of the shape of RFC 2986 with a signature of one octet.
func request(subject []byte, attributes ...[]byte) []byte {
	spki := seq(seq(oid(wire.OIDEd25519)), tlv(cbasn1.BIT_STRING, make([]byte, 33)))
	info := seq(tlv(cbasn1.INTEGER, []byte{0}), subject, spki, tlv(context0, attributes...))
	return seq(info, seq(oid(wire.OIDEd25519)), tlv(cbasn1.BIT_STRING, []byte{0, 1}))
}
