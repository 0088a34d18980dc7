package wire_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"github.com/assay-pki/assay/enroll/wire"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

func TestEqualNames(t *testing.T) {
	cn := func(tag cbasn1.Tag, s string) []byte { return ava(wire.OIDCommonName, text(tag, s)) }
	sn := func(s string) []byte { return ava(wire.OIDSerialNumber, text(cbasn1.PrintableString, s)) }
	const u, p = cbasn1.UTF8String, cbasn1.PrintableString
	plain := name(cn(u, "Sensor 1"), sn("A1"))
	for label, c := range map[string]struct {
		a, b []byte
		want bool
	}{
		"same octets":           {plain, plain, true},
		"EST-055 string type":   {plain, name(cn(p, "Sensor 1"), sn("A1")), true},
		"T61":                   {name(cn(u, "ä")), name(cn(cbasn1.T61String, "\xe4")), true},
		"BMP":                   {name(cn(u, "Aä")), name(cn(30, "\x00A\x00\xe4")), true},
		"universal":             {name(cn(u, "A")), name(cn(28, "\x00\x00\x00A")), true},
		"case":                  {plain, name(cn(u, "SENSOR 1"), sn("a1")), true},
		"case beyond ASCII":     {name(cn(u, "ÄB")), name(cn(u, "äb")), true},
		"inner white space":     {plain, name(cn(u, "Sensor   1"), sn("A1")), true},
		"outer white space":     {plain, name(cn(u, " Sensor 1 "), sn("A1")), true},
		"no white space":        {plain, name(cn(u, "Sensor1"), sn("A1")), false},
		"order":                 {plain, name(sn("A1"), cn(u, "Sensor 1")), false},
		"value":                 {plain, name(cn(u, "Sensor 2"), sn("A1")), false},
		"type":                  {name(cn(u, "A1")), name(sn("A1")), false},
		"one missing":           {plain, name(cn(u, "Sensor 1")), false},
		"one RDN against two":   {plain, seq(set(cn(u, "Sensor 1"), sn("A1"))), false},
		"multi-valued, swapped": {seq(set(cn(u, "a"), sn("b"))), seq(set(sn("B"), cn(p, "A"))), true},
		"multi-valued, doubled": {seq(set(cn(u, "a"), cn(u, "b"))), seq(set(cn(u, "a"), cn(u, "a"))), false},
		"empty":                 {name(), seq(), true},
		"empty and not":         {name(), plain, false},
		"no text":               {name(ava(wire.OIDCommonName, tlv(cbasn1.NULL))), name(cn(u, "")), false},
		"unreadable":            {[]byte{1}, plain, false},
		"unreadable other":      {plain, []byte{1}, false},
	} {
		if got := wire.EqualNames(c.a, c.b); got != c.want {
			t.Errorf("%s: got %v, want %v", label, got, c.want)
		}
		if got := wire.EqualNames(c.b, c.a); got != c.want {
			t.Errorf("%s, the other way: got %v, want %v", label, got, c.want)
		}
	}
}

func TestEqualNamesOfThreePrograms(t *testing.T) {
	c, err := wire.ParseCSR(golden(t, "csr/ec-p256.der")) // openssl: UTF8String
	if err != nil {
		t.Fatal(err)
	}
	ours, err := asn1.Marshal(pkix.RDNSequence{
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: "Acme"}},
		{{Type: wire.OIDCommonName, Value: "SN-0001"}},
		{{Type: wire.OIDSerialNumber, Value: "SN-0001"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !wire.EqualNames(c.RawSubject, ours) {
		t.Errorf("openssl's %x differs from Go's %x", c.RawSubject, ours)
	}
}

func TestEqualSANs(t *testing.T) {
	tag := func(n uint8, s string) []byte { return text(cbasn1.Tag(n).ContextSpecific(), s) }
	dir := func(cn string) []byte { return tlv(cbasn1.Tag(4).ContextSpecific().Constructed(), plainNameOf(cn)) }
	dns, uri := tag(2, "A.example"), tag(6, "urn:A")
	for label, c := range map[string]struct {
		a, b []byte
		want bool
	}{
		"none":              {nil, nil, true},
		"none and some":     {nil, seq(dns), false},
		"order":             {seq(dns, uri), seq(uri, dns), true},
		"doubled":           {seq(dns, dns), seq(dns), true},
		"subset":            {seq(dns, uri), seq(dns), false},
		"DNS case":          {seq(dns), seq(tag(2, "a.EXAMPLE")), true},
		"URI case":          {seq(uri), seq(tag(6, "urn:a")), false},
		"mail host case":    {seq(tag(1, "Op@A.b")), seq(tag(1, "Op@a.B")), true},
		"mailbox case":      {seq(tag(1, "Op@a.b")), seq(tag(1, "op@a.b")), false},
		"kind":              {seq(tag(2, "a")), seq(tag(6, "a")), false},
		"directory":         {seq(dir("a")), seq(dir("A")), true},
		"directory differs": {seq(dir("a")), seq(dir("b")), false},
		"unreadable":        {[]byte{0x30}, []byte{0x30}, false},
	} {
		if got := wire.EqualSANs(c.a, c.b); got != c.want {
			t.Errorf("%s: got %v, want %v", label, got, c.want)
		}
		if got := wire.EqualSANs(c.b, c.a); got != c.want {
			t.Errorf("%s, the other way: got %v, want %v", label, got, c.want)
		}
	}
}
