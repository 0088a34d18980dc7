package enroll_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/wire"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

const allKeys = `{"keys":{"allow":["ec-p256","ec-p384","ec-p521","ed25519","rsa-2048","rsa-3072","rsa-4096"]}}`

func spkiOf(t testing.TB, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	must(t, err)
	return der
}

// keyInfo writes a SubjectPublicKeyInfo of any contents.
func keyInfo(id asn1.ObjectIdentifier, params, key []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(id)
			b.AddBytes(params)
		})
		b.AddASN1BitString(key)
	})
	return b.BytesOrPanic()
}

func rsaInfo(n, e *big.Int) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(n)
		b.AddASN1BigInt(e)
	})
	return keyInfo(wire.OIDRSAEncryption, []byte{5, 0}, b.BytesOrPanic())
}

func oidDER(id asn1.ObjectIdentifier) []byte {
	var b cryptobyte.Builder
	b.AddASN1ObjectIdentifier(id)
	return b.BytesOrPanic()
}

func mustHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	must(t, err)
	return b
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	must(t, err)
	return k
}

func TestEST043EveryKeyTypeEnrols(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", allKeys)
	keys := []crypto.Signer{newKey(t), rsaKey(t, 2048)}
	for _, c := range []elliptic.Curve{elliptic.P384(), elliptic.P521()} {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		must(t, err)
		keys = append(keys, k)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	if !testing.Short() {
		keys = append(keys, rsaKey(t, 3072), rsaKey(t, 4096))
	}
	for i, serial := range serials(len(keys)+1, "SN-%d") {
		w.gives(withToken(w.token("sensor", "", 1), csr(t, append(keys, ed)[i], subject(serial))))
	}
}

// rocaPrime makes primes as the faulty library did: k*M + (65537^a mod M).
func rocaPrime(t testing.TB, bits int) *big.Int {
	t.Helper()
	m := big.NewInt(1)
	for n, p := 0, int64(2); n < 126; p++ {
		if big.NewInt(p).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(p))
			n++
		}
	}
	for {
		a, err := rand.Int(rand.Reader, m)
		must(t, err)
		k, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits-m.BitLen())))
		must(t, err)
		p := new(big.Int).Exp(big.NewInt(65537), a, m)
		p.Add(p, k.Mul(k, m))
		if p.BitLen() == bits && p.ProbablyPrime(0) {
			return p
		}
	}
}

func product2048(t testing.TB, make func() (p, q *big.Int)) *big.Int {
	t.Helper()
	for {
		p, q := make()
		if n := p.Mul(p, q); n.BitLen() == 2048 {
			return n
		}
	}
}

func prime(t testing.TB, bits int) *big.Int {
	t.Helper()
	p, err := rand.Prime(rand.Reader, bits)
	must(t, err)
	return p
}

func nextPrime(p *big.Int) *big.Int {
	q := new(big.Int).Add(p, big.NewInt(2))
	for !q.ProbablyPrime(0) {
		q.Add(q, big.NewInt(2))
	}
	return q
}

func shifted(bits uint, add int64) *big.Int {
	return new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), bits), big.NewInt(add))
}

func TestThreats10To13WeakKeys(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", allKeys)
	good := rsaKey(t, 2048)
	n, e := good.N, big.NewInt(65537)
	p256 := spkiOf(t, &newKey(t).PublicKey)
	point := bytes.Clone(p256[len(p256)-65:])
	off := bytes.Clone(point)
	off[40] ^= 1
	compressed := append([]byte{2 + point[64]&1}, point[1:33]...)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	must(t, err)
	// RFC 3279 §2.3.5: explicit parameters begin with SEQUENCE { INTEGER 1.
	explicit := mustHex(t, "3003020101")
	published := []string{
		"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", // RFC 8032 §7.1 test 1
	}
	small := map[string]string{}
	for i, y := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	} {
		small[serials(10, "Threat13 Ed25519 small order %d")[i]] = y
	}
	type row struct {
		name string
		spki []byte
		want v1.Reason
	}
	rows := []row{
		{"Threat11 RSA-512", rsaInfo(shifted(511, 9), e), v1.WeakKey},
		{"Threat11 RSA-1024", rsaInfo(shifted(1023, 9), e), v1.WeakKey},
		{"Threat11 RSA-2047", rsaInfo(shifted(2046, 9), e), v1.WeakKey},
		{"Threat11 RSA-2056", rsaInfo(shifted(2055, 9), e), v1.KeyTypeNotAllowed},
		{"Threat10 RSA-16384", rsaInfo(shifted(16383, 9), e), v1.WeakKey},
		{"Threat10 huge e", rsaInfo(n, shifted(2000, 1)), v1.WeakKey},
		{"Threat11 e=1", rsaInfo(n, big.NewInt(1)), v1.WeakKey},
		{"Threat11 e=3", rsaInfo(n, big.NewInt(3)), v1.WeakKey},
		{"Threat11 e even", rsaInfo(n, big.NewInt(65538)), v1.WeakKey},
		{"Threat11 e negative", rsaInfo(n, big.NewInt(-65537)), v1.WeakKey},
		{"Threat11 e above 2^31", rsaInfo(n, shifted(31, 1)), v1.WeakKey},
		{"Threat11 n even", rsaInfo(shifted(2047, 0), e), v1.WeakKey},
		{"Threat11 n negative", rsaInfo(new(big.Int).Neg(n), e), v1.WeakKey},
		{"Threat11 n zero", rsaInfo(new(big.Int), e), v1.WeakKey},
		{"Threat11 n prime", rsaInfo(shifted(2047, 1919), e), v1.WeakKey},
		{"Threat11 small factor", rsaInfo(product2048(t, func() (p, q *big.Int) { return prime(t, 2038), big.NewInt(751) }), e), v1.WeakKey},
		{"Threat12 ROCA", rsaInfo(product2048(t, func() (p, q *big.Int) { return rocaPrime(t, 1024), rocaPrime(t, 1024) }), e), v1.WeakKey},
		{"Threat12 Fermat", rsaInfo(product2048(t, func() (p, q *big.Int) { p = prime(t, 1024); return p, nextPrime(p) }), e), v1.WeakKey},
		{"Threat12 square", rsaInfo(product2048(t, func() (p, q *big.Int) { p = prime(t, 1024); return p, new(big.Int).Set(p) }), e), v1.WeakKey},
		{"RSA without NULL", keyInfo(wire.OIDRSAEncryption, nil, rsaInfo(n, e)[24:]), v1.BadCSR},
		{"RSASSA-PSS key", keyInfo(wire.OIDRSASSAPSS, nil, []byte{5, 0}), v1.KeyTypeNotAllowed},
		{"Threat13 off curve", keyInfo(wire.OIDECPublicKey, oidDER(wire.OIDP256), off), v1.WeakKey},
		{"Threat13 infinity", keyInfo(wire.OIDECPublicKey, oidDER(wire.OIDP256), []byte{0}), v1.WeakKey},
		{"Threat13 empty point", keyInfo(wire.OIDECPublicKey, oidDER(wire.OIDP256), nil), v1.WeakKey},
		{"Threat13 short point", keyInfo(wire.OIDECPublicKey, oidDER(wire.OIDP256), point[:64]), v1.WeakKey},
		{"Threat13 point of another curve", keyInfo(wire.OIDECPublicKey, oidDER(wire.OIDP384), point), v1.WeakKey},
		{"compressed point", keyInfo(wire.OIDECPublicKey, oidDER(wire.OIDP256), compressed), v1.KeyTypeNotAllowed},
		{"Threat13 P-224", spkiOf(t, &p224.PublicKey), v1.KeyTypeNotAllowed},
		{"Threat13 explicit curve", keyInfo(wire.OIDECPublicKey, explicit, point), v1.KeyTypeNotAllowed},
		{"EC without parameters", keyInfo(wire.OIDECPublicKey, nil, point), v1.KeyTypeNotAllowed},
		{"Ed25519 with NULL", keyInfo(wire.OIDEd25519, []byte{5, 0}, make([]byte, 32)), v1.BadCSR},
		{"Ed25519 of 31 octets", keyInfo(wire.OIDEd25519, nil, make([]byte, 31)), v1.BadCSR},
		{"X25519", keyInfo(asn1.ObjectIdentifier{1, 3, 101, 110}, nil, make([]byte, 32)), v1.KeyTypeNotAllowed},
		{"DSA", keyInfo(asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}, nil, []byte{2, 1, 1}), v1.KeyTypeNotAllowed},
		{"not a key", []byte{0x30, 0}, v1.BadCSR},
		{"Threat12 published test key", spkiOf(t, ed25519.NewKeyFromSeed(mustHex(t, published[0])).Public()), v1.WeakKey},
	}
	for name, y := range small {
		rows = append(rows, row{name, keyInfo(wire.OIDEd25519, nil, mustHex(t, y)), v1.WeakKey})
	}
	token := w.token("sensor", "SN-1", 1)
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			w := *w
			w.TB = t
			start := time.Now()
			w.refuses(withToken(token, rawRequest{serial: "SN-1", spki: tt.spki}.der(t)), tt.want)
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	// The token is still good, and so is an honest key.
	w.gives(withToken(token, csr(t, good, subject("SN-1"))))
}

func TestKeyTypeOfTheProduct(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", `{"keys":{"allow":["ec-p384"]}}`)
	token := w.token("sensor", "SN-1", 1)
	r := w.refuses(withToken(token, csr(t, newKey(t))), v1.KeyTypeNotAllowed)
	if !bytes.Contains([]byte(r.NextStep()), []byte("ec-p384")) {
		t.Errorf("next step %q does not name what is allowed", r.NextStep())
	}
	// Undersized RSA hears that it is weak, whatever the product allows.
	w.refuses(withToken(token, rawRequest{spki: rsaInfo(shifted(1023, 9), big.NewInt(65537))}.der(t)), v1.WeakKey)
}

func TestThreat07ProofOfPossession(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", allKeys)
	key, other := newKey(t), newKey(t)
	spki := spkiOf(t, key.Public())
	good := by(t, key)
	token := w.token("sensor", "SN-1", 1)
	for _, tt := range []struct {
		name string
		r    rawRequest
	}{
		{"broken", rawRequest{sign: func(tbs []byte) []byte { s := good(tbs); s[len(s)-1] ^= 1; return s }}},
		{"swapped key", rawRequest{sign: by(t, other)}},
		{"r=s=0", rawRequest{sign: func([]byte) []byte { return mustHex(t, "3006020100020100") }}},
		{"empty", rawRequest{sign: func([]byte) []byte { return nil }}},
		{"of other contents", rawRequest{sign: func(tbs []byte) []byte { return good(tbs[1:]) }}},
		{"SHA-1", rawRequest{algorithm: algorithm(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}), sign: good}},
		{"another algorithm's", rawRequest{algorithm: algorithm(wire.OIDEd25519), sign: good}},
		{"no algorithm of ours", rawRequest{algorithm: algorithm(asn1.ObjectIdentifier{1, 2, 3}), sign: good}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := *w
			w.TB = t
			tt.r.serial, tt.r.spki = "SN-1", spki
			w.refuses(withToken(token, tt.r.der(t)), v1.BadSignature)
		})
	}
	w.gives(withToken(token, rawRequest{serial: "SN-1", spki: spki, sign: good}.der(t)))
}

func TestThreat01AsksCA(t *testing.T) {
	w := newWorld(t)
	token := w.token("sensor", "SN-1", 1)
	basic := func(der string) option {
		return extension(pkix.Extension{Id: wire.OIDBasicConstraints, Value: mustHex(t, der)})
	}
	usage := func(der string) option {
		return extension(pkix.Extension{Id: wire.OIDKeyUsage, Value: mustHex(t, der)})
	}
	for _, tt := range []struct {
		name string
		ask  option
		want v1.Reason
	}{
		{"cA TRUE", basic("30030101ff"), v1.CSRAsksCA},
		{"pathlen", basic("30060101ff020100"), v1.CSRAsksCA},
		{"pathlen alone", basic("3003020100"), v1.CSRAsksCA},
		{"keyCertSign", usage("03020204"), v1.CSRAsksCA},
		{"cRLSign", usage("03020102"), v1.CSRAsksCA},
		{"cA FALSE", basic("3000"), ""},
		{"digitalSignature", usage("03020780"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := *w
			w.TB = t
			if tt.want == "" {
				w.gives(withToken(w.token("sensor", "", 1), csr(t, newKey(t), subject("OK-"+tt.name[:2]), tt.ask)))
				return
			}
			w.refuses(withToken(token, csr(t, newKey(t), subject("SN-1"), tt.ask)), tt.want)
		})
	}
}

// Rows 2 and 6: what is asked for beyond the key is not passed on to the issuer.
func TestThreat02And06ExtensionsAreNotCopied(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	c := w.gives(withToken(w.token("sensor", "", 1), csr(t, key, subject("SN-1"), extension(
		pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Value: mustHex(t, "300a06082b06010505070309")}, // OCSPSigning
		pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}, Value: mustHex(t, "3000")},        // AIA
		pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 31}, Value: mustHex(t, "3000")},                     // CDP
		pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: mustHex(t, "0500")},       // anything
	))))
	if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth || len(c.CRLDistributionPoints) != 0 {
		t.Errorf("got usages %v, CDP %v", c.ExtKeyUsage, c.CRLDistributionPoints)
	}
	order := w.devices.orders[0]
	if !bytes.Equal(order.SPKI, c.RawSubjectPublicKeyInfo) || order.Names.Serial != "SN-1" || order.Names.Product != "sensor" {
		t.Errorf("order %+v", order)
	}
}

func TestThreats03And05Names(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", `{"roles":["sensor"],"operational":{"san":{"dns":["{serial}.example.com"]}}}`)
	san := func(change func(*x509.CertificateRequest)) option { return change }
	uri, err := url.Parse("urn:admin")
	must(t, err)
	for _, tt := range []struct {
		name string
		ask  []option
		want v1.Reason
	}{
		{"all that is given", []option{name(pkix.Name{
			CommonName: "SN-1", SerialNumber: "SN-1", Organization: []string{"testers"}, OrganizationalUnit: []string{"sensor"},
		}), san(func(r *x509.CertificateRequest) { r.DNSNames = []string{"sn-1.example.com"} })}, ""},
		{"CN alone", []option{name(pkix.Name{CommonName: "SN-1"})}, ""},
		{"Threat05 another OU", []option{name(pkix.Name{CommonName: "SN-1", OrganizationalUnit: []string{"admin"}})}, v1.NameNotAllowed},
		{"Threat05 one OU more", []option{name(pkix.Name{CommonName: "SN-1", OrganizationalUnit: []string{"sensor", "admin"}})}, v1.NameNotAllowed},
		{"Threat05 another O", []option{name(pkix.Name{CommonName: "SN-1", Organization: []string{"system:masters"}})}, v1.NameNotAllowed},
		{"Threat05 country", []option{name(pkix.Name{CommonName: "SN-1", Country: []string{"DE"}})}, v1.NameNotAllowed},
		{"Threat04 CN of another", []option{name(pkix.Name{CommonName: "SN-2", SerialNumber: "SN-1"})}, v1.NameNotAllowed},
		{"Threat03 DNS", []option{subject("SN-1"), san(func(r *x509.CertificateRequest) { r.DNSNames = []string{"SN-1.example.com", "example.com"} })}, v1.NameNotAllowed},
		{"Threat03 wildcard", []option{subject("SN-1"), san(func(r *x509.CertificateRequest) { r.DNSNames = []string{"*.example.com"} })}, v1.NameNotAllowed},
		{"Threat03 IP", []option{subject("SN-1"), san(func(r *x509.CertificateRequest) { r.IPAddresses = []net.IP{{10, 0, 0, 1}} })}, v1.NameNotAllowed},
		{"Threat03 mail", []option{subject("SN-1"), san(func(r *x509.CertificateRequest) { r.EmailAddresses = []string{"root@example.com"} })}, v1.NameNotAllowed},
		{"Threat03 URI", []option{subject("SN-1"), san(func(r *x509.CertificateRequest) { r.URIs = []*url.URL{uri} })}, v1.NameNotAllowed},
		{"Threat03 otherName", []option{subject("SN-1"), extension(pkix.Extension{
			Id: wire.OIDSubjectAltName, Value: mustHex(t, "300ca00a06032a0304a0030c0161"),
		})}, v1.NameNotAllowed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := *w
			w.TB = t
			token := w.token("sensor", "SN-1", 1)
			if tt.want != "" {
				w.refuses(withToken(token, csr(t, newKey(t), tt.ask...)), tt.want)
				return
			}
			c := w.gives(withToken(token, csr(t, newKey(t), tt.ask...)))
			if !slices.Equal(c.DNSNames, []string{"SN-1.example.com"}) || !slices.Equal(c.Subject.OrganizationalUnit, []string{"sensor"}) {
				t.Errorf("got %s %v", c.Subject, c.DNSNames)
			}
		})
	}
	w.product("plain", `{}`)
	w.refuses(withToken(w.token("plain", "SN-1", 1), csr(t, newKey(t), func(r *x509.CertificateRequest) { r.DNSNames = []string{"a.example.com"} })), v1.NameNotAllowed)
	w.product("sited", `{"operational":{"san":{"dns":["{site}.example.com"]}}}`)
	w.refuses(withToken(w.token("sited", "SN-1", 1), csr(t, newKey(t))), v1.SerialMalformed)
}

func TestThreat09Complexity(t *testing.T) {
	w := newWorld(t)
	token := w.token("sensor", "SN-1", 1)
	many := func(r *x509.CertificateRequest) {
		for range 17 {
			r.Subject.ExtraNames = append(r.Subject.ExtraNames, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: "x"})
		}
	}
	w.refuses(withToken(token, csr(t, newKey(t), many)), v1.CSRTooComplex)
	w.refuses(withToken(token, csr(t, newKey(t), func(r *x509.CertificateRequest) { r.DNSNames = serials(9, "d%d.example.com") })), v1.CSRTooComplex)
}

func TestEST062Linking(t *testing.T) {
	w := newWorld(t)
	binding := []byte("tls-unique value")
	key := newKey(t)
	r := withToken(w.token("sensor", "", 1), challenged(t, key, "SN-1", "dGxzLXVuaXF1ZSB2YWx1ZQ=="))
	r.Binding = func() []byte { return []byte("another") }
	w.refuses(r, v1.LinkingFailed)
	r.Binding = func() []byte { return nil } // EST-066
	w.refuses(r, v1.LinkingFailed)
	r.Binding = func() []byte { return binding }
	w.gives(r)
	empty := withToken(w.token("sensor", "", 1), challenged(t, newKey(t), "SN-2", ""))
	w.gives(empty)
}
