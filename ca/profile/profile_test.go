package profile

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, spec string) *Product {
	t.Helper()
	p, err := ParseProduct("sensor-s1", []byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compile(t *testing.T, spec string) *Profile {
	t.Helper()
	p, err := parse(t, spec).Compile(3, "acme", IssuerLimits{MaxValidity: 825 * Day})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func faultsOf(t *testing.T, name, spec string) map[string]string {
	t.Helper()
	_, err := ParseProduct(name, []byte(spec))
	e, ok := errors.AsType[*FaultsError](err)
	if !ok {
		t.Fatalf("ParseProduct: got %v, want faults", err)
	}
	got := map[string]string{}
	for _, f := range e.Faults {
		got[f.At] = f.Reason
	}
	return got
}

func TestAnEmptyProductHasTheDefaults(t *testing.T) {
	got, err := parse(t, `{}`).CanonicalJSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"description":"","serial_pattern":"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$","roles":[],` +
		`"keys":{"allow":["ec-p256","ec-p384"],"on_renewal":"any"},"csr":{"attributes":"publish","linking":"none"},` +
		`"operational":{"admit":["station","token","birth"],"validity":"90d",` +
		`"subject":{"common_name":"{serial}","serial_number":"{serial}","organization":"{authority}"},` +
		`"san":{"dns":[],"uri":[]},"status":["crl","ocsp"],"serverkeygen":false,` +
		`"renewal":{"window":["50%","75%"],"subject":"lineage","grace":"0d","revoke_old":false},"line_rekeys":2},` +
		`"vendor":[],"firmware":{"formats":[],"tier":"T0","renewal_tier":"T0","freshness":"nonce","components":["firmware"],` +
		`"debug":"refuse","min_svn":{},"unknown":"deny","pcrs":[],"keep_evidence":"30d"},"anchors":[]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("canonical JSON (-want +got):\n%s", diff)
	}
	p := compile(t, `{}`)
	if p.Validity != 90*Day || !p.Status.CRL || !p.Status.OCSP || p.Class() != Short || p.Revision != 3 || p.Kind != KindOperational {
		t.Errorf("profile: %+v", p)
	}
	if want := (Renewal{WindowStart: .5, WindowEnd: .75, Subject: "lineage"}); p.Renewal != want {
		t.Errorf("renewal: got %+v, want %+v", p.Renewal, want)
	}
}

func TestEqualProductsHaveEqualBytes(t *testing.T) {
	a, err := parse(t, `{"operational":{"validity":"48h","status":["ocsp"]},"description":"<&>"}`).CanonicalJSON()
	if err != nil {
		t.Fatal(err)
	}
	b, err := parse(t, `{ "description":"\u003c&>", "firmware": {"formats": []}, "operational": {"status":["ocsp"],"validity": "2d"} }`).CanonicalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("equal documents differ:\n%s\n%s", a, b)
	}
}

func TestAllFaultsComeAtOnceWithTheirPaths(t *testing.T) {
	got := faultsOf(t, "-bad", `{
		"descripton": "x", "roles": ["sensor","remediation","sensor"], "serial_pattern": "(",
		"keys": {"allow": ["ec-p256","dsa"], "on_renewal": 3},
		"operational": {"validity": "90", "validity": "90d", "admit": [], "san": {"dns": ["{serial}.x","{who}"]},
			"status": null, "renewal": {"window": ["75%","50%"], "grace": "91d"}, "line_rekeys": 1.5},
		"firmware": {"min_svn": {"firmware": "3"}}}`)
	want := []string{
		"name", "descripton", "roles[1]", "roles[2]", "serial_pattern", "keys.allow[1]", "keys.on_renewal",
		"operational.validity", "operational.admit", "operational.san.dns[1]", "operational.status",
		"operational.renewal.window", "operational.renewal.grace", "operational.line_rekeys", "firmware.min_svn.firmware",
	}
	var paths []string
	for p := range got {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	slices.Sort(want)
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("faulty fields (-want +got):\n%s\n%v", diff, got)
	}
}

func TestWhatThisVersionLacksIsAFault(t *testing.T) {
	got := faultsOf(t, "sensor-s1", `{
		"csr": {"attributes": "enforce", "linking": "required"}, "birth": {"admit": ["vendor"]},
		"operational": {"admit": ["token", "vendor"], "status": [], "serverkeygen": true},
		"vendor": [{"anchor":"a","identity":"subject.serialNumber"}], "anchors": [{"name":"a","kind":"vendor","file":"x.pem"}],
		"firmware": {"formats": ["self", "dice", "tpm", "eat"], "unknown": "pending", "pcrs": [{"pcr": 8}]}}`)
	for _, at := range []string{
		"csr.attributes", "csr.linking", "birth.admit", "operational.admit", "operational.status", "operational.serverkeygen",
		"vendor", "anchors", "firmware.formats[1]", "firmware.formats[2]", "firmware.formats[3]", "firmware.unknown", "firmware.pcrs",
	} {
		if !strings.Contains(got[at], "not available in this version") {
			t.Errorf("%s: got %q", at, got[at])
		}
	}
	if len(got) != 13 {
		t.Errorf("faults: got %v", got)
	}
}

func TestMalformedDocuments(t *testing.T) {
	for name, doc := range map[string]string{
		"empty": ``, "list": `[]`, "null": `null`, "two": `{} {}`, "cut": `{"roles":[`, "not UTF-8": "{\"description\":\"\xff\"}",
		"deep": strings.Repeat(`[`, 40) + strings.Repeat(`]`, 40), "long": `{"description":"` + strings.Repeat("x", maxDocumentBytes) + `"}`,
		"control": `{"description":"a\u001bb"}`, "case": `{"Roles":[]}`, "escape": `{"roles":["a\nb"]}`,
	} {
		if _, err := ParseProduct("p", []byte(doc)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAtMostAHundredFaultsAreListed(t *testing.T) {
	_, err := ParseProduct("p", []byte(`{"x":1`+strings.Repeat(`,"x":1`, 150)+`}`))
	e, ok := errors.AsType[*FaultsError](err)
	if !ok || len(e.Faults) != maxFaults+1 || e.Faults[maxFaults].Reason != "and 51 more" {
		t.Fatalf("got %d faults, last %v", len(e.Faults), e.Faults[len(e.Faults)-1])
	}
}

func TestProductNamesAreNoOperations(t *testing.T) {
	for _, name := range []string{
		"cacerts", "simpleenroll", "simplereenroll", "fullcmc", "serverkeygen", "csrattrs", "nonce", "pal", "eecerts",
		"crls", "symmetrickeys", "firmware", "tamp", "crts", "sen", "sren", "att", "skg", "skc",
		"", "-a", "A", "a.birth", "a/b", strings.Repeat("a", 33),
	} {
		if got := faultsOf(t, name, `{}`); got["name"] == "" {
			t.Errorf("product %q accepted", name)
		}
	}
}

func TestDurationsAndShares(t *testing.T) {
	for s, want := range map[string]time.Duration{"90s": 90 * time.Second, "15m": 15 * time.Minute, "12h": 12 * time.Hour, "90d": 90 * Day, "10y": 10 * Year, "0d": 0} {
		d, err := ParseDuration(s)
		if err != nil || time.Duration(d) != want {
			t.Errorf("ParseDuration(%q) = %v, %v", s, time.Duration(d), err)
		}
		if back, err := ParseDuration(d.String()); err != nil || back != d {
			t.Errorf("%q printed as %q", s, d)
		}
	}
	for _, s := range []string{"", "d", "1", "-1d", "+1d", "1.5h", "1w", "1d1h", " 1d", "99999999999y", "9223372036854775808s"} {
		if d, err := ParseDuration(s); err == nil {
			t.Errorf("ParseDuration(%q) = %v", s, d)
		}
	}
	for s, want := range map[string]Share{"5%": 500, "0.5%": 50, "12.34%": 1234, "100%": Whole, "0%": 0, "7.05%": 705} {
		got, err := ParseShare(s)
		if err != nil || got != want {
			t.Errorf("ParseShare(%q) = %v, %v", s, got, err)
		}
		if back, err := ParseShare(got.String()); err != nil || back != got {
			t.Errorf("%q printed as %q", s, got)
		}
	}
	for _, s := range []string{"", "%", "5", "-5%", "+5%", "101%", "100.01%", "1.234%", "1.%", ".5%", "5 %"} {
		if got, err := ParseShare(s); err == nil {
			t.Errorf("ParseShare(%q) = %v", s, got)
		}
	}
}

func TestPolicy(t *testing.T) {
	p, err := ParsePolicy([]byte(`{"guard":{"share":"2.5%"}}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.CanonicalJSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"guard":{"share":"2.5%","devices":1000},"firmware_approval":"one","four_eyes":["ca","operators","guard","clock","policy"],"retention":{"events":"10y","refusals":"90d"}}`
	if string(got) != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	_, err = ParsePolicy([]byte(`{"guard":{"share":"6","devices":-1},"firmware_approval":"three","four_eyes":["me"],"retention":{"events":"1s"}}`))
	if e, ok := errors.AsType[*FaultsError](err); !ok || len(e.Faults) != 5 {
		t.Errorf("got %v, want five faults", err)
	}
}

func TestSerialNumbers(t *testing.T) {
	for _, index := range []uint64{0, 1, 8191, 8192, 1<<32 + 5, MaxIndex} {
		s, err := NewSerial(rand.Reader, index)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := IndexOf(s[:]); !ok || got != index {
			t.Errorf("IndexOf(NewSerial(%d)) = %d, %v", index, got, ok)
		}
		if s[0] == 0 || s[0] > 0x7f || len(new(big.Int).SetBytes(s[:]).Bytes()) != SerialSize {
			t.Errorf("serial %x is not 16 positive minimal octets", s)
		}
	}
	if _, err := NewSerial(rand.Reader, MaxIndex+1); !errors.Is(err, ErrIndex) {
		t.Errorf("index past the end: %v", err)
	}
	zeros := bytes.NewReader(make([]byte, 1000))
	if _, err := NewSerial(zeros, 1); err == nil {
		t.Error("a random source of zeros is accepted")
	}
	// 0x80 is zero once the sign bit is off: another octet is drawn.
	s, err := NewSerial(bytes.NewReader(append([]byte{0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0x00, 0x85)), 7)
	if err != nil || s != [16]byte{5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0, 0, 0, 7} {
		t.Errorf("got %x, %v", s, err)
	}
	for _, bad := range [][]byte{nil, make([]byte, 16), append([]byte{0x80}, make([]byte, 15)...), make([]byte, 15), append([]byte{1}, make([]byte, 16)...)} {
		if _, ok := IndexOf(bad); ok {
			t.Errorf("IndexOf(%x) is accepted", bad)
		}
	}
	if Shard(8191) != 0 || Shard(8192) != 1 {
		t.Error("shards are not 8192 wide")
	}
	if ClassOf(100*Day) != Short || ClassOf(100*Day+1) != Long {
		t.Error("the classes do not part at 100 days")
	}
}

func TestURLs(t *testing.T) {
	const base = "http://pki.example.com"
	for got, want := range map[string]string{
		ShardURL(base, "devices-1", 12): "http://pki.example.com/crl/devices-1/12.crl",
		CompleteURL(base, "devices-1"):  "http://pki.example.com/crl/devices-1.crl",
		CompleteURL(base, RootName):     "http://pki.example.com/crl/root.crl",
		OCSPURL(base):                   "http://pki.example.com/ocsp",
		IssuerURL(base, "devices-1"):    "http://pki.example.com/ca/devices-1.cer",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The oracle is encoding/asn1 with the types of crypto/x509.
func TestDistributionPointBytes(t *testing.T) {
	type name struct {
		FullName []asn1.RawValue `asn1:"optional,tag:0"`
	}
	type point struct {
		Name name `asn1:"optional,tag:0"`
	}
	url := ShardURL("http://pki.example.com", "devices-1", 3)
	want, err := asn1.Marshal([]point{{name{[]asn1.RawValue{{Tag: 6, Class: 2, Bytes: []byte(url)}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := CRLDistributionPoints(url); !bytes.Equal(got, want) {
		t.Errorf("got %x\nwant %x", got, want)
	}
	if !bytes.Contains(want, DistributionPointName(url)) {
		t.Error("the extension does not hold the bytes of DistributionPointName")
	}
}

func rdns(t *testing.T, der []byte) pkix.RDNSequence {
	t.Helper()
	var seq pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &seq); err != nil || len(rest) > 0 {
		t.Fatalf("subject %x: %v", der, err)
	}
	return seq
}

func TestSubjectIsThatOfPkix(t *testing.T) {
	p := compile(t, `{"roles":["sensor"]}`)
	for _, serial := range []string{"SN-00000001", "a", strings.Repeat("x", 64), "A:b.c"} {
		got, err := p.Subject(Names{Product: "sensor-s1", Serial: serial})
		if err != nil {
			t.Fatal(err)
		}
		want, err := asn1.Marshal(pkix.Name{
			Organization: []string{"acme"}, OrganizationalUnit: []string{"sensor"}, CommonName: serial, SerialNumber: serial,
		}.ToRDNSequence())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: got %x\nwant %x", serial, got, want)
		}
	}
}

func TestEachRoleIsAnRDN(t *testing.T) {
	got, err := compile(t, `{"roles":["z role","a"],"operational":{"subject":{"organization":"{product} of {authority}"}}}`).Subject(Names{Serial: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rdns(t, got).String(), "SERIALNUMBER=1,CN=1,OU=a,OU=z role,O=sensor-s1 of acme"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// X.520 makes serialNumber a PrintableString; an underscore is not in it.
func TestASerialThatIsNotPrintableStringIsLeftToTheCommonName(t *testing.T) {
	got, err := compile(t, `{}`).Subject(Names{Serial: "SN_1"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rdns(t, got).String(), "CN=SN_1,O=acme"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := compile(t, `{"operational":{"subject":{"common_name":""}}}`).Subject(Names{Serial: "SN_1"}); !errors.Is(err, ErrName) {
		t.Errorf("got %v, want ErrName", err)
	}
}

func TestNamesThatCannotBe(t *testing.T) {
	p := compile(t, `{"operational":{"subject":{"common_name":"device {serial}"}}}`)
	for _, serial := range []string{"", "a\x00b", "a\x1b[0m", strings.Repeat("x", 60), "\xff", strings.Repeat("x", 65)} {
		if der, err := p.Subject(Names{Serial: serial}); err == nil {
			t.Errorf("%q: got %x", serial, der)
		}
	}
	long := strings.Repeat("x", 65)
	if _, err := parse(t, `{}`).Compile(1, long, IssuerLimits{}); err == nil {
		t.Error("an organization of 65 characters is accepted")
	}
	if _, err := parse(t, `{}`).Compile(1, "acme", IssuerLimits{MaxValidity: 7 * Day}); err == nil {
		t.Error("a validity past the issuer's limit is accepted")
	}
}

func TestSAN(t *testing.T) {
	p := compile(t, `{"operational":{"san":{"dns":["{serial}.{site}.devices.example.com"],"uri":["urn:dev:{product}:{serial}","https://{batch}.example.com/{serial}"]}}}`)
	der, err := p.SAN(Names{Product: "sensor-s1", Serial: "SN-1", Site: "leipzig", Batch: "w47"})
	if err != nil {
		t.Fatal(err)
	}
	var names []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &names); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range names {
		got = append(got, string(rune('0'+n.Tag))+" "+string(n.Bytes))
	}
	want := []string{"2 SN-1.leipzig.devices.example.com", "6 urn:dev:sensor-s1:SN-1", "6 https://w47.example.com/SN-1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, d := range []Names{
		{Product: "sensor-s1", Serial: "SN-1", Batch: "w47"}, // no site
		{Product: "sensor-s1", Serial: "evil.com", Site: "l", Batch: "b"},
		{Product: "sensor-s1", Serial: "a/b", Site: "l", Batch: "b"},
		{Product: "sensor-s1", Serial: "*", Site: "l", Batch: "b"},
		{Product: "sensor-s1", Serial: strings.Repeat("x", 64), Site: "l", Batch: "b"}, // a label has 63
	} {
		if der, err := p.SAN(d); !errors.Is(err, ErrName) {
			t.Errorf("%+v: got %x, %v", d, der, err)
		}
	}
	if der, err := compile(t, `{}`).SAN(Names{Serial: "x"}); der != nil || err != nil {
		t.Errorf("without templates: got %x, %v", der, err)
	}
	for _, bad := range []string{`"*.example.com"`, `"a b"`, `"{serial"`, `"x}"`} {
		if got := faultsOf(t, "p", `{"operational":{"san":{"dns":[`+bad+`]}}}`); got["operational.san.dns[0]"] == "" {
			t.Errorf("dns %s accepted", bad)
		}
	}
	for _, bad := range []string{`"/path"`, `"https://host/x"`, `"https://"`, `"https://a_b.example/"`} {
		if got := faultsOf(t, "p", `{"operational":{"san":{"uri":[`+bad+`]}}}`); got["operational.san.uri[0]"] == "" {
			t.Errorf("uri %s accepted", bad)
		}
	}
}

func TestSerialPatternIsAnchored(t *testing.T) {
	p := compile(t, `{"serial_pattern":"^SN-[0-9]+$|^X"}`)
	for serial, want := range map[string]bool{
		"SN-1": true, "X": true, "Xevil": false, "SN-1\n": false, "aSN-1": false, "": false, " X": false,
	} {
		if got := p.SerialOK(serial); got != want {
			t.Errorf("SerialOK(%q) = %v", serial, got)
		}
	}
	all := compile(t, `{"serial_pattern":".*"}`)
	for serial, want := range map[string]bool{"a b": true, " a": false, "a\x7f": false, "é": false, strings.Repeat("a", 65): false} {
		if got := all.SerialOK(serial); got != want {
			t.Errorf("SerialOK(%q) = %v", serial, got)
		}
	}
}

func TestKeyTypes(t *testing.T) {
	for want, curve := range map[KeyType]elliptic.Curve{ECP256: elliptic.P256(), ECP384: elliptic.P384(), ECP521: elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := KeyTypeOf(k.Public()); !ok || got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for bits, want := range map[uint]KeyType{2048: RSA2048, 3072: RSA3072, 4096: RSA4096, 2047: "", 8192: ""} {
		got, ok := KeyTypeOf(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537})
		if got != want || ok != (want != "") {
			t.Errorf("RSA %d: got %q, %v", bits, got, ok)
		}
	}
	pub, _, _ := ed25519.GenerateKey(rand.Reader)
	if got, ok := KeyTypeOf(pub); !ok || got != Ed25519 {
		t.Errorf("got %s", got)
	}
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	for _, bad := range []any{p224.Public(), &rsa.PublicKey{}, nil, x509.ECDSA} {
		if got, ok := KeyTypeOf(bad); ok {
			t.Errorf("KeyTypeOf(%T) = %s", bad, got)
		}
	}
}

func FuzzParseProduct(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"operational":{"validity":"30d","san":{"dns":["{serial}.example.com"],"uri":["urn:x:{serial}"]}}}`,
		`{"roles":["a","a"],"keys":{"allow":["rsa-2048"]}}`, `{"birth":{"admit":["station"]}}`, `{"x":{"x":1,"x":null}}`,
		`{"firmware":{"min_svn":{"firmware":3},"keep_evidence":"1y"}}`, `{"birth":{},"firmware":{"formats":["self","station"],"tier":"T1s","renewal_tier":"T1","min_svn":{"firmware":18446744073709551615}}}`, `{"serial_pattern":"^(a|b)$"}`, `[]`, `{"operational":{"renewal":{"window":["1%","99.99%"]}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProduct("p", b)
		if err != nil {
			if e, ok := errors.AsType[*FaultsError](err); !ok || len(e.Faults) == 0 || len(e.Faults) > maxFaults+1 {
				t.Fatalf("got %v, want faults", err)
			}
			return
		}
		first, err := p.CanonicalJSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseProduct("p", first)
		if err != nil {
			t.Fatalf("canonical JSON does not parse: %v\n%s", err, first)
		}
		second, err := again.CanonicalJSON()
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("canonical JSON is not stable: %v\n%s\n%s", err, first, second)
		}
		if !reflect.DeepEqual(p, again) || !json.Valid(first) {
			t.Fatalf("read back differs:\n%+v\n%+v", p, again)
		}
		made, err := p.Compile(1, "acme", IssuerLimits{})
		if err != nil {
			return
		}
		if birth, err := p.CompileBirth(1, "acme", IssuerLimits{}); err == nil && p.Spec.Birth == nil {
			t.Fatalf("a birth profile out of nothing: %+v", birth)
		}
		if der, err := made.Subject(Names{Product: "p", Serial: "SN-1", Site: "s", Batch: "b"}); err == nil {
			var seq pkix.RDNSequence
			if rest, err := asn1.Unmarshal(der, &seq); err != nil || len(rest) > 0 || len(seq) == 0 {
				t.Fatalf("subject %x: %v", der, err)
			}
		}
	})
}
