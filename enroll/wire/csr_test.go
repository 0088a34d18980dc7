package wire_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"

	"github.com/assay-pki/assay/enroll/wire"
	"github.com/google/go-cmp/cmp"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

func TestParseCSRReadsWhatOpensslWrites(t *testing.T) {
	c, err := wire.ParseCSR(golden(t, "csr/full.der"))
	if err != nil {
		t.Fatal(err)
	}
	oracle, err := x509.ParseCertificateRequest(golden(t, "csr/full.der"))
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2][]byte{
		"raw":       {c.Raw, oracle.Raw},
		"tbs":       {c.RawTBS, oracle.RawTBSCertificateRequest},
		"subject":   {c.RawSubject, oracle.RawSubject},
		"spki":      {c.SPKI, oracle.RawSubjectPublicKeyInfo},
		"signature": {c.Signature, oracle.Signature},
	} {
		if !bytes.Equal(pair[0], pair[1]) {
			t.Errorf("%s differs from crypto/x509: got %x, want %x", what, pair[0], pair[1])
		}
	}
	if !c.HasChallenge || c.ChallengePassword != "c2VjcmV0" {
		t.Errorf("challenge password: got %q, want c2VjcmV0", c.ChallengePassword)
	}
	if c.AsksCA() {
		t.Error("asks for a CA, want not")
	}
	if len(c.Extensions) != 3 || len(c.Attributes) != 2 {
		t.Errorf("got %d extensions, %d attributes; want 3, 2", len(c.Extensions), len(c.Attributes))
	}
	want := []wire.GeneralName{
		{Kind: wire.NameDNS, Value: []byte("Device.Example.com")},
		{Kind: wire.NameIP, Value: []byte{192, 0, 2, 1}},
		{Kind: wire.NameURI, Value: []byte("urn:dev:1")},
		{Kind: wire.NameEmail, Value: []byte("Op@Example.com")},
		{Kind: wire.NameDirectory, Value: plainNameOf("SN-0001")},
	}
	if diff := cmp.Diff(want, c.Names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func plainNameOf(cn string) []byte { return name(ava(wire.OIDCommonName, utf8Text(cn))) }

func TestSubjectSerial(t *testing.T) {
	printable := func(s string) []byte { return text(cbasn1.PrintableString, s) }
	for label, c := range map[string]struct {
		subject []byte
		want    string
		err     error
	}{
		"serialNumber first": {name(ava(wire.OIDCommonName, utf8Text("CN")), ava(wire.OIDSerialNumber, printable("SN"))), "SN", nil},
		"else common name":   {name(ava(wire.OIDCommonName, utf8Text("CN"))), "CN", nil},
		"multi-valued":       {seq(set(ava(wire.OIDCommonName, utf8Text("CN")), ava(wire.OIDSerialNumber, printable("SN")))), "SN", nil},
		"empty subject":      {name(), "", wire.ErrNoSerial},
		"empty value":        {name(ava(wire.OIDCommonName, utf8Text(""))), "", wire.ErrNoSerial},
		"no text":            {name(ava(wire.OIDCommonName, tlv(cbasn1.NULL))), "", wire.ErrNoSerial},
		"two serials":        {name(ava(wire.OIDSerialNumber, printable("A")), ava(wire.OIDSerialNumber, printable("B"))), "", wire.ErrManySerials},
		"two common names":   {name(ava(wire.OIDCommonName, printable("A")), ava(wire.OIDCommonName, printable("B"))), "", wire.ErrManySerials},
	} {
		csr, err := wire.ParseCSR(request(c.subject))
		if err != nil {
			t.Fatalf("%s: %v", label, err)
		}
		if got, err := csr.SubjectSerial(); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: got %q, %v; want %q, %v", label, got, err, c.want, c.err)
		}
	}
}

func TestThreat01AsksCA(t *testing.T) {
	basic := func(parts ...[]byte) []byte { return extension(wire.OIDBasicConstraints, seq(parts...)) }
	yes, no := tlv(cbasn1.BOOLEAN, []byte{0xff}), tlv(cbasn1.BOOLEAN, []byte{0})
	usage := func(bits ...byte) []byte {
		return extension(wire.OIDKeyUsage, tlv(cbasn1.BIT_STRING, bits))
	}
	for label, c := range map[string]struct {
		extension []byte
		want      bool
	}{
		"CA:TRUE":          {basic(yes), true},
		"CA:TRUE, pathlen": {basic(yes, tlv(cbasn1.INTEGER, []byte{3})), true},
		"pathlen alone":    {basic(tlv(cbasn1.INTEGER, []byte{0})), true},
		"CA:FALSE":         {basic(), false},
		"explicit FALSE":   {basic(no), false},
		"keyCertSign":      {usage(2, 0x04), true},
		"signature":        {usage(7, 0x80), false},
		"no usage":         {usage(0), false},
	} {
		csr, err := wire.ParseCSR(request(plainName, extensionRequest(c.extension)))
		if err != nil {
			t.Fatalf("%s: %v", label, err)
		}
		if got := csr.AsksCA(); got != c.want {
			t.Errorf("%s: got %v, want %v", label, got, c.want)
		}
	}
	csr, err := wire.ParseCSR(golden(t, "csr/ca.der"))
	if err != nil || !csr.CA || !csr.PathLen || !csr.CertSign {
		t.Errorf("openssl's CA request: got %+v, %v", csr, err)
	}
}

func TestThreat09Complexity(t *testing.T) {
	dns := text(cbasn1.Tag(2).ContextSpecific(), "a.example")
	other := func(n int) asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, n} }
	list := func(n int, make func(i int) []byte) (out [][]byte) {
		for i := range n {
			out = append(out, make(i))
		}
		return out
	}
	rdns := func(n int) []byte {
		return name(list(n, func(int) []byte { return ava(wire.OIDCommonName, utf8Text("x")) })...)
	}
	sans := func(n int) []byte {
		return extensionRequest(extension(wire.OIDSubjectAltName, seq(list(n, func(int) []byte { return dns })...)))
	}
	extensions := func(n int) []byte {
		return extensionRequest(list(n, func(i int) []byte { return extension(other(i), nil) })...)
	}
	attributes := func(n int) [][]byte {
		return list(n, func(i int) []byte { return seq(oid(other(i)), set(utf8Text("x"))) })
	}
	values := func(n int) []byte {
		return seq(oid(other(1)), set(list(n, func(int) []byte { return utf8Text("x") })...))
	}
	oneRDN := func(n int) []byte {
		return seq(set(list(n, func(int) []byte { return ava(wire.OIDCommonName, utf8Text("x")) })...))
	}
	for label, c := range map[string]struct {
		der  []byte
		want error
	}{
		"16 RDNs":                   {request(rdns(16)), nil},
		"17 RDNs":                   {request(rdns(17)), wire.ErrTooComplex},
		"2000 RDNs":                 {request(rdns(2000)), wire.ErrTooComplex},
		"2000 values in one RDN":    {request(oneRDN(2000)), wire.ErrTooComplex},
		"8 SANs":                    {request(plainName, sans(8)), nil},
		"9 SANs":                    {request(plainName, sans(9)), wire.ErrTooComplex},
		"4000 SANs":                 {request(plainName, sans(4000)), wire.ErrTooComplex},
		"10000 SANs":                {request(plainName, sans(10000)), wire.ErrTooComplex},
		"16 extensions":             {request(plainName, extensions(16)), nil},
		"17 extensions":             {request(plainName, extensions(17)), wire.ErrTooComplex},
		"16 attributes":             {request(plainName, attributes(16)...), nil},
		"17 attributes":             {request(plainName, attributes(17)...), wire.ErrTooComplex},
		"17 values of an attribute": {request(plainName, values(17)), wire.ErrTooComplex},
		"1 MB extension":            {request(plainName, extensionRequest(extension(other(1), make([]byte, 1<<20)))), wire.ErrTooComplex},
		"length bomb":               {[]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30}, wire.ErrMalformed},
		"length of 127 octets":      {append([]byte{0x30, 0xff}, bytes.Repeat([]byte{0xff}, 127)...), wire.ErrMalformed},
		"nested BER":                {bytes.Repeat([]byte{0x30, 0x80}, 20000), wire.ErrMalformed},
	} {
		if _, err := wire.ParseCSR(c.der); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", label, err, c.want)
		}
	}
	deep := []byte{0x05, 0x00}
	for range 3000 {
		deep = seq(deep)
	}
	if _, err := wire.ParseCSR(deep); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("3000 deep: got %v, want %v", err, wire.ErrMalformed)
	}
	// Deep where anything may stand: the walk does not go down.
	if _, err := wire.ParseCSR(request(plainName, seq(oid(other(1)), set(deep)))); err != nil {
		t.Errorf("3000 deep in an attribute: %v", err)
	}
}

func TestParseCSRRefuses(t *testing.T) {
	good := request(plainName)
	basic := extension(wire.OIDBasicConstraints, seq())
	challenge := func(values ...[]byte) []byte { return seq(oid(wire.OIDChallengePassword), set(values...)) }
	san := func(names ...[]byte) []byte {
		return request(plainName, extensionRequest(extension(wire.OIDSubjectAltName, seq(names...))))
	}
	context := func(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific() }
	version1 := bytes.Replace(good, []byte{2, 1, 0}, []byte{2, 1, 1}, 1)
	bitsLeft := bytes.Clone(good)
	bitsLeft[len(bitsLeft)-2] = 1
	for label, der := range map[string][]byte{
		"empty":                    nil,
		"trailing octet":           append(bytes.Clone(good), 0),
		"two requests":             append(bytes.Clone(good), good...),
		"cut":                      good[:len(good)-1],
		"version 1":                version1,
		"unused bits in signature": bitsLeft,
		"long form of a length":    append([]byte{0x30, 0x81, good[1]}, good[2:]...),
		"a certificate":            twoCertificates(t)[0],
		"attribute doubled":        request(plainName, challenge(utf8Text("a")), challenge(utf8Text("b"))),
		"extension request twice":  request(plainName, extensionRequest(), extensionRequest()),
		"extension doubled":        request(plainName, extensionRequest(basic, basic)),
		"two challenges":           request(plainName, challenge(utf8Text("a"), utf8Text("b"))),
		"no challenge":             request(plainName, challenge()),
		"challenge is a number":    request(plainName, challenge(tlv(cbasn1.INTEGER, []byte{1}))),
		"two extension lists":      request(plainName, seq(oid(wire.OIDExtensionRequest), set(seq(), seq()))),
		"extension list trails":    request(plainName, seq(oid(wire.OIDExtensionRequest), set(append(seq(), 0)))),
		"basic constraints trail":  request(plainName, extensionRequest(extension(wire.OIDBasicConstraints, append(seq(), 0)))),
		"basic constraints odd":    request(plainName, extensionRequest(extension(wire.OIDBasicConstraints, seq(utf8Text("x"))))),
		"cA is 1":                  request(plainName, extensionRequest(extension(wire.OIDBasicConstraints, seq(tlv(cbasn1.BOOLEAN, []byte{1}))))),
		"key usage odd":            request(plainName, extensionRequest(extension(wire.OIDKeyUsage, seq()))),
		"no names":                 san(),
		"DNS name not ASCII":       san(tlv(context(2), []byte{0xe4})),
		"address of 5 octets":      san(tlv(context(7), make([]byte, 5))),
		"name of kind 9":           san(tlv(context(9), nil)),
		"name not tagged":          san(utf8Text("x")),
		"DNS name constructed":     san(tlv(context(2).Constructed(), nil)),
		"directory name odd":       san(tlv(context(4).Constructed(), utf8Text("x"))),
		"RDN empty":                request(seq(set())),
		"name value trails":        request(seq(set(seq(oid(wire.OIDCommonName), utf8Text("x"), utf8Text("y"))))),
		"name not UTF-8":           request(plainNameOf("\xff")),
		"printable not ASCII":      request(name(ava(wire.OIDCommonName, text(cbasn1.PrintableString, "\xe4")))),
		"BMP of odd length":        request(name(ava(wire.OIDCommonName, text(30, "abc")))),
		"BMP surrogate":            request(name(ava(wire.OIDCommonName, text(30, "\xd8\x00")))),
		"universal beyond Unicode": request(name(ava(wire.OIDCommonName, text(28, "\x00\x11\x00\x00")))),
	} {
		if _, err := wire.ParseCSR(der); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: got %v, want %v", label, err, wire.ErrMalformed)
		} else if !strings.HasPrefix(err.Error(), "certification request: ") {
			t.Errorf("%s: error %q does not say what was read", label, err)
		}
	}
}

func TestParseCSRWithoutAttributes(t *testing.T) {
	good := request(plainName)
	// the empty [0] is two octets of the info, and of the whole
	bare := bytes.Replace(good, []byte{0xa0, 0x00}, nil, 1)
	bare[1] -= 2
	bare[3] -= 2
	if c, err := wire.ParseCSR(bare); err != nil || len(c.Attributes) != 0 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func BenchmarkParseCSR(b *testing.B) {
	der := golden(b, "csr/full.der")
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			if _, err := wire.ParseCSR(der); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("crypto-x509", func(b *testing.B) {
		for b.Loop() {
			if _, err := x509.ParseCertificateRequest(der); err != nil {
				b.Fatal(err)
			}
		}
	})
}
