package lint

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/ca/profile"
)

const base = "http://pki.example.com"

// tbs is a TBSCertificate that can be broken at will.
type tbs struct {
	Version   int `asn1:"optional,explicit,default:0,tag:0"`
	Serial    *big.Int
	Algorithm asn1.RawValue
	Issuer    asn1.RawValue
	Validity  asn1.RawValue
	Subject   asn1.RawValue
	SPKI      asn1.RawValue
	UniqueID  asn1.BitString `asn1:"optional,tag:1"`
	// Extensions by hand, since the type pkix.Extension leaves critical FALSE
	// out, as it should be.
	Extensions []pkix.Extension `asn1:"explicit,tag:3"`
}

type maker struct {
	t       testing.TB
	key     *ecdsa.PrivateKey
	issuer  *x509.Certificate
	leafKey *ecdsa.PrivateKey
}

func newMaker(t testing.TB) *maker {
	t.Helper()
	m := &maker{t: t}
	m.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	m.leafKey, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	m.issuer = m.create(m.template(Root), nil, m.key)
	return m
}

func (m *maker) serial(index uint64) *big.Int {
	s, err := profile.NewSerial(rand.Reader, index)
	if err != nil {
		m.t.Fatal(err)
	}
	return new(big.Int).SetBytes(s[:])
}

func method1(key *ecdsa.PrivateKey) []byte {
	point, _ := key.PublicKey.Bytes()
	sum := sha256.Sum256(point)
	return sum[:20]
}

var when = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

// template is a good certificate of a kind.
func (m *maker) template(kind Kind) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: m.serial(8192 + 5), Subject: pkix.Name{Organization: []string{"acme"}, CommonName: "x", SerialNumber: "SN-1"},
		NotBefore: when, NotAfter: when.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		SubjectKeyId:          method1(m.leafKey),
		IssuingCertificateURL: []string{base + "/ca/devices-1.cer"}, OCSPServer: []string{base + "/ocsp"},
		CRLDistributionPoints: []string{base + "/crl/devices-1/1.crl"},
	}
	switch kind {
	case Root, Anchor:
		c.NotBefore, c.NotAfter = when.AddDate(-1, 0, 0), when.AddDate(40, 0, 0)
		c.IssuingCertificateURL, c.OCSPServer, c.CRLDistributionPoints = nil, nil, nil
		c.SubjectKeyId, c.AuthorityKeyId = method1(m.key), method1(m.key)
	case Issuer:
		c.IssuingCertificateURL, c.OCSPServer = []string{base + "/ca/root.cer"}, nil
		c.CRLDistributionPoints = []string{base + "/crl/root.crl"}
	case Device, Operator:
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	case Server:
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		c.DNSNames = []string{"localhost"}
	case Station:
		c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{PurposeCMCRA()}
	case Responder:
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		c.IssuingCertificateURL, c.OCSPServer, c.CRLDistributionPoints = nil, nil, nil
		c.ExtraExtensions = []pkix.Extension{{Id: idOCSPNoCheck.id, Value: asn1.NullBytes}}
	}
	if kind.isCA() {
		c.Subject.CommonName = "CA"
		if kind == Root {
			c.Subject.CommonName = "root"
		}
		c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		c.BasicConstraintsValid, c.IsCA = true, true
		c.MaxPathLenZero = kind != Root
		if kind == Root {
			c.MaxPathLen = -1
		}
	}
	return c
}

func (m *maker) want(kind Kind) *Want {
	w := &Want{Kind: kind, Issuer: m.issuer, BaseURL: base, IssuerName: "devices-1", CRL: true, OCSP: true}
	switch kind {
	case Root, Anchor, Responder:
		w.CRL, w.OCSP = false, false
	case Issuer:
		w.IssuerName, w.OCSP = "root", false
	case Server:
		w.SAN = []byte("\x30\x0b\x82\x09localhost")
	}
	return w
}

func (m *maker) create(template, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	return m.parse(der)
}

func (m *maker) parse(der []byte) *x509.Certificate {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

// good makes a certificate of a kind as it should be.
func (m *maker) good(kind Kind) *x509.Certificate {
	if kind.selfSigned() {
		return m.create(m.template(kind), nil, m.key)
	}
	return m.create(m.template(kind), m.issuer, m.leafKey)
}

// change breaks a certificate's TBS. The signature does not matter here.
func (m *maker) change(c *x509.Certificate, f func(*tbs)) []byte {
	var b tbs
	if _, err := asn1.Unmarshal(c.RawTBSCertificate, &b); err != nil {
		m.t.Fatal(err)
	}
	f(&b)
	body, err := asn1.Marshal(b)
	if err != nil {
		m.t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: body}, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}, asn1.BitString{Bytes: c.Signature, BitLength: 8 * len(c.Signature)}})
	if err != nil {
		m.t.Fatal(err)
	}
	return der
}

func set(b *tbs, e extension, critical bool, value []byte) {
	b.Extensions = slices.DeleteFunc(b.Extensions, func(x pkix.Extension) bool { return x.Id.Equal(e.id) })
	if value != nil {
		b.Extensions = append(b.Extensions, pkix.Extension{Id: e.id, Critical: critical, Value: value})
	}
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func broken(err error) []string {
	e, ok := err.(*Error)
	if !ok {
		return nil
	}
	var names []string
	for _, f := range e.Findings {
		names = append(names, f.Rule)
	}
	return names
}

func TestGoodCertificatesPass(t *testing.T) {
	m := newMaker(t)
	for _, kind := range []Kind{Root, Issuer, Anchor, Device, Operator, Server, Responder, Station} {
		if err := Check(m.good(kind), m.want(kind)); err != nil {
			t.Errorf("kind %d: %v", kind, err)
		}
	}
}

func raw(der []byte) asn1.RawValue { return asn1.RawValue{FullBytes: der} }

func name(t testing.TB, tag int, value string) asn1.RawValue {
	return raw(marshal(t, pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 5}, Value: asn1.RawValue{Tag: tag, Bytes: []byte(value)}}}}))
}

// Each row breaks one thing in a good certificate of a kind: that rule, and no
// other, must say so.
func TestBrokenCertificatesFail(t *testing.T) {
	m := newMaker(t)
	// Those that crypto/x509 makes untestable here are in TestWhatX509WouldRefuse.
	tested := map[string]bool{"version": true, "signature algorithm": true, "duplicate extensions": true}
	defer func() {
		for _, r := range all {
			if !tested[r.name] {
				t.Errorf("rule %q has no row", r.name)
			}
		}
	}()
	for _, row := range []struct {
		name, rule string
		kind       Kind
		change     func(*tbs)
		want       func(*Want)
	}{
		{"a serial of 8 octets", "serial number", Device, func(b *tbs) { b.Serial = big.NewInt(1 << 62) }, nil},
		{"a serial of 20 octets", "serial number", Device, func(b *tbs) { b.Serial = new(big.Int).Lsh(big.NewInt(1), 150) }, nil},
		{"17 octets", "serial number", Device, func(b *tbs) { b.Serial = new(big.Int).Lsh(big.NewInt(1), 127) }, nil},
		{"another issuer", "issuer name", Device, func(b *tbs) { b.Issuer = name(t, asn1.TagPrintableString, "y") }, nil},
		{"the issuer's name as UTF8String", "issuer name", Device, func(b *tbs) {
			b.Issuer = raw(bytes.Replace(b.Issuer.FullBytes, []byte("\x13\x04acme"), []byte("\x0c\x04acme"), 1))
		}, nil},
		{"GeneralizedTime before 2050", "validity encoding", Device, func(b *tbs) {
			b.Validity = raw([]byte("\x30\x20\x17\x0d261124000000Z\x18\x0f20271124000000Z"))
		}, nil},
		{"no time at all", "validity order", Device, func(b *tbs) {
			b.Validity = raw([]byte("\x30\x1e\x17\x0d261124000000Z\x17\x0d261124000000Z"))
		}, nil},
		{"longer than the issuer", "validity nesting", Device, func(b *tbs) {
			b.Validity = raw([]byte("\x30\x20\x17\x0d261124000000Z\x18\x0f20671124000000Z"))
		}, nil},
		{"earlier than the issuer", "validity nesting", Device, func(b *tbs) {
			b.Validity = raw([]byte("\x30\x1e\x17\x0d241124000000Z\x17\x0d271124000000Z"))
		}, nil},
		{"no subject", "subject", Device, func(b *tbs) { b.Subject = raw([]byte{0x30, 0}) }, nil},
		{"another subject", "subject", Device, nil, func(w *Want) { w.Subject = []byte{0x30, 0} }},
		{"T61String", "name strings", Device, func(b *tbs) { b.Subject = name(t, asn1.TagT61String, "x") }, nil},
		{"serialNumber as UTF8String", "name strings", Device, func(b *tbs) { b.Subject = name(t, asn1.TagUTF8String, "x") }, nil},
		{"a serial of 65", "name strings", Device, func(b *tbs) { b.Subject = name(t, asn1.TagPrintableString, strings.Repeat("x", 65)) }, nil},
		{"an empty value", "name strings", Device, func(b *tbs) { b.Subject = name(t, asn1.TagPrintableString, "") }, nil},
		{"a control character", "name strings", Device, func(b *tbs) {
			b.Subject = raw(bytes.Replace(name(t, asn1.TagUTF8String, "a\nb").FullBytes, []byte{0x55, 4, 5}, []byte{0x55, 4, 3}, 1))
		}, nil},
		{"an RDN of two", "name strings", Device, func(b *tbs) {
			b.Subject = raw(marshal(t, pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "a"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: "b"}}}))
		}, nil},
		{"another key", "public key", Device, nil, func(w *Want) { w.SPKI = []byte{0x30, 0} }},
		{"a unique identifier", "unique identifiers", Device, func(b *tbs) { b.UniqueID = asn1.BitString{Bytes: []byte{1}, BitLength: 8} }, nil},
		{"an unknown extension", "known extensions", Device, func(b *tbs) {
			set(b, extension{id: asn1.ObjectIdentifier{1, 2, 3}}, false, []byte{5, 0})
		}, nil},
		{"an unknown critical extension", "known extensions", Device, func(b *tbs) {
			set(b, extension{id: asn1.ObjectIdentifier{1, 2, 3}}, true, []byte{5, 0})
		}, nil},
		{"key usage not critical", "known extensions", Device, func(b *tbs) { set(b, idKeyUsage, false, []byte{3, 2, 7, 0x80}) }, nil},
		{"constraints not critical", "known extensions", Issuer, func(b *tbs) { set(b, idBasicConstraints, false, []byte{0x30, 6, 1, 1, 0xff, 2, 1, 0}) }, nil},
		{"no SKI", "subject key identifier", Device, func(b *tbs) { set(b, idSubjectKeyID, false, nil) }, nil},
		{"another SKI", "subject key identifier", Device, func(b *tbs) { set(b, idSubjectKeyID, false, append([]byte{4, 20}, make([]byte, 20)...)) }, nil},
		{"no AKI", "authority key identifier", Device, func(b *tbs) { set(b, idAuthorityKeyID, false, nil) }, nil},
		{"another AKI", "authority key identifier", Root, func(b *tbs) {
			set(b, idAuthorityKeyID, false, append([]byte{0x30, 22, 0x80, 20}, make([]byte, 20)...))
		}, nil},
		{"keyEncipherment", "key usage", Device, func(b *tbs) { set(b, idKeyUsage, true, []byte{3, 2, 5, 0xa0}) }, nil},
		{"no key usage", "key usage", Device, func(b *tbs) { set(b, idKeyUsage, true, nil) }, nil},
		{"digitalSignature in a CA", "key usage", Issuer, func(b *tbs) { set(b, idKeyUsage, true, []byte{3, 2, 1, 0x86}) }, nil},
		{"two purposes", "extended key usage", Device, func(b *tbs) {
			set(b, idExtKeyUsage, false, marshal(t, []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 2}, {1, 3, 6, 1, 5, 5, 7, 3, 1}}))
		}, nil},
		{"any purpose", "extended key usage", Device, func(b *tbs) { set(b, idExtKeyUsage, false, marshal(t, []asn1.ObjectIdentifier{{2, 5, 29, 37, 0}})) }, nil},
		{"cmcRA in a server", "extended key usage", Server, func(b *tbs) {
			set(b, idExtKeyUsage, false, marshal(t, []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 1}, {1, 3, 6, 1, 5, 5, 7, 3, 28}}))
		}, nil},
		{"no purpose", "extended key usage", Operator, func(b *tbs) { set(b, idExtKeyUsage, false, nil) }, nil},
		{"clientAuth in a responder", "extended key usage", Responder, func(b *tbs) {
			set(b, idExtKeyUsage, false, marshal(t, []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 2}}))
		}, nil},
		{"clientAuth in a station", "extended key usage", Station, func(b *tbs) {
			set(b, idExtKeyUsage, false, marshal(t, []asn1.ObjectIdentifier{PurposeCMCRA(), {1, 3, 6, 1, 5, 5, 7, 3, 2}}))
		}, nil},
		{"clientAuth alone in a station", "extended key usage", Station, func(b *tbs) {
			set(b, idExtKeyUsage, false, marshal(t, []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 2}}))
		}, func(w *Want) { w.ClientAuth = true }},
		{"no clientAuth in a station that was to have it", "extended key usage", Station, nil, func(w *Want) { w.ClientAuth = true }},
		{"serverAuth in a station", "extended key usage", Station, func(b *tbs) {
			set(b, idExtKeyUsage, false, marshal(t, []asn1.ObjectIdentifier{PurposeCMCRA(), {1, 3, 6, 1, 5, 5, 7, 3, 1}}))
		}, nil},
		{"another unknown purpose in a station", "extended key usage", Station, func(b *tbs) {
			set(b, idExtKeyUsage, false, marshal(t, []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 27}}))
		}, nil},
		{"cmcRA in a device", "extended key usage", Device, func(b *tbs) {
			set(b, idExtKeyUsage, false, marshal(t, []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 2}, PurposeCMCRA()}))
		}, nil},
		{"a critical purpose", "known extensions", Station, func(b *tbs) {
			set(b, idExtKeyUsage, true, marshal(t, []asn1.ObjectIdentifier{PurposeCMCRA()}))
		}, nil},
		{"a purpose in a CA", "extended key usage", Issuer, func(b *tbs) {
			set(b, idExtKeyUsage, false, marshal(t, []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 2}}))
		}, nil},
		{"constraints in a leaf", "basic constraints", Device, func(b *tbs) { set(b, idBasicConstraints, true, []byte{0x30, 0}) }, nil},
		{"a leaf that is a CA", "basic constraints", Device, func(b *tbs) { set(b, idBasicConstraints, true, []byte{0x30, 3, 1, 1, 0xff}) }, nil},
		{"no path length", "basic constraints", Issuer, func(b *tbs) { set(b, idBasicConstraints, true, []byte{0x30, 3, 1, 1, 0xff}) }, nil},
		{"a path length of 1", "basic constraints", Anchor, func(b *tbs) { set(b, idBasicConstraints, true, []byte{0x30, 6, 1, 1, 0xff, 2, 1, 1}) }, nil},
		{"a path length in the root", "basic constraints", Root, func(b *tbs) { set(b, idBasicConstraints, true, []byte{0x30, 6, 1, 1, 0xff, 2, 1, 0}) }, nil},
		{"a name too many", "subject alternative name", Device, func(b *tbs) { set(b, idSubjectAltName, false, []byte("\x30\x03\x82\x01x")) }, nil},
		{"no name", "subject alternative name", Server, func(b *tbs) { set(b, idSubjectAltName, false, nil) }, nil},
		{"another name", "subject alternative name", Server, func(b *tbs) { set(b, idSubjectAltName, false, []byte("\x30\x03\x82\x01x")) }, nil},
		{"another shard", "CRL distribution point", Device, func(b *tbs) { set(b, idCRLPoints, false, profile.CRLDistributionPoints(base+"/crl/devices-1/0.crl")) }, nil},
		{"no CDP", "CRL distribution point", Device, func(b *tbs) { set(b, idCRLPoints, false, nil) }, nil},
		{"a CDP nobody wanted", "CRL distribution point", Device, nil, func(w *Want) { w.CRL = false }},
		{"a shard in an issuer", "CRL distribution point", Issuer, func(b *tbs) { set(b, idCRLPoints, false, profile.CRLDistributionPoints(base+"/crl/root/0.crl")) }, nil},
		{"no AIA", "authority information access", Device, func(b *tbs) { set(b, idAuthorityInfo, false, nil) }, nil},
		{"OCSP nobody wanted", "authority information access", Device, nil, func(w *Want) { w.OCSP = false }},
		{"another authority's URLs", "authority information access", Issuer, nil, func(w *Want) { w.IssuerName = "boot" }},
		{"AIA in a responder", "authority information access", Responder, func(b *tbs) {
			set(b, idAuthorityInfo, false, marshal(t, []struct {
				Method   asn1.ObjectIdentifier
				Location asn1.RawValue
			}{{asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1}, asn1.RawValue{Class: 2, Tag: 6, Bytes: []byte(base + "/ocsp")}}}))
		}, nil},
		{"no nocheck", "OCSP nocheck", Responder, func(b *tbs) { set(b, idOCSPNoCheck, false, nil) }, nil},
		{"nocheck in a device", "OCSP nocheck", Device, func(b *tbs) { set(b, idOCSPNoCheck, false, []byte{5, 0}) }, nil},
	} {
		tested[row.rule] = true
		t.Run(row.name, func(t *testing.T) {
			m.t = t
			c, w := m.good(row.kind), m.want(row.kind)
			if row.change != nil {
				c = m.parse(m.change(c, row.change))
			}
			if row.want != nil {
				row.want(w)
			}
			got := broken(Check(c, w))
			// A CDP is judged by the serial's index: a serial of another form has none.
			got = slices.DeleteFunc(got, func(s string) bool {
				return row.rule == "serial number" && s == "CRL distribution point"
			})
			if !slices.Equal(got, []string{row.rule}) {
				t.Errorf("got %q, want %q alone", got, row.rule)
			}
		})
	}
}

// crypto/x509 refuses these before any rule sees them; the rules must not rely
// on that.
func TestWhatX509WouldRefuse(t *testing.T) {
	m := newMaker(t)
	c, w := m.good(Device), m.want(Device)
	c.Extensions = append(c.Extensions, c.Extensions[0])
	c.Version = 1
	c.Raw = bytes.Clone(c.Raw)
	c.Raw[4+len(c.RawTBSCertificate)+11]++ // the outer algorithm's last octet
	if got := broken(Check(c, w)); !slices.Equal(got, []string{"version", "signature algorithm", "duplicate extensions"}) {
		t.Errorf("got %q", got)
	}
	for _, der := range [][]byte{nil, {0x30, 0}, c.RawTBSCertificate[:len(c.RawTBSCertificate)-1]} {
		bad := *c
		bad.RawTBSCertificate = der
		if got := broken(Check(&bad, w)); !slices.Equal(got, []string{"form"}) {
			t.Errorf("%x: got %q", der, got)
		}
	}
}

func TestEveryRuleHasItsClause(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range all {
		if r.name == "" || r.clause == "" || r.check == nil || seen[r.name] {
			t.Errorf("rule %+v", r.name)
		}
		seen[r.name] = true
	}
	if len(all) != 22 {
		t.Errorf("%d rules", len(all))
	}
	err := &Error{[]Finding{{"serial number", "§4.1.2.2", "too short"}}}
	if got := err.Error(); !strings.Contains(got, "serial number: too short (§4.1.2.2)") {
		t.Errorf("got %q", got)
	}
}

func BenchmarkCheck(b *testing.B) {
	m := newMaker(b)
	c, w := m.good(Device), m.want(Device)
	w.SPKI, w.Subject = c.RawSubjectPublicKeyInfo, c.RawSubject
	b.ReportAllocs()
	for b.Loop() {
		if err := Check(c, w); err != nil {
			b.Fatal(err)
		}
	}
}
