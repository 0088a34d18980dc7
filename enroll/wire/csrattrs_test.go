package wire_test

import (
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/assay-pki/assay/enroll/wire"
	"github.com/google/go-cmp/cmp"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

func TestCSRAttrsKeyTypes(t *testing.T) {
	for kind, want := range map[string]string{
		"ec-p256":  "301730150607" + "2a8648ce3d0201" + "310a0608" + "2a8648ce3d030107",
		"ec-p384":  "301430120607" + "2a8648ce3d0201" + "31070605" + "2b81040022",
		"ec-p521":  "301430120607" + "2a8648ce3d0201" + "31070605" + "2b81040023",
		"rsa-2048": "301330110609" + "2a864886f70d010101" + "31040202" + "0800",
		"rsa-3072": "301330110609" + "2a864886f70d010101" + "31040202" + "0c00",
		"rsa-4096": "301330110609" + "2a864886f70d010101" + "31040202" + "1000",
		"ed25519":  "30050603" + "2b6570",
	} {
		a, ok := wire.KeyAttr(kind)
		if !ok {
			t.Fatalf("%s is unknown", kind)
		}
		der, err := wire.CSRAttrs(a)
		if got := hex.EncodeToString(der); err != nil || got != want {
			t.Errorf("EST-072 %s: got %s, %v; want %s", kind, got, err, want)
		}
		back, err := wire.ParseCSRAttrs(der)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]wire.CSRAttr{a}, back); diff != "" {
			t.Errorf("%s read back (-want +got):\n%s", kind, diff)
		}
		if _, ok := wire.HashAttr(kind); ok != (kind != "ed25519") {
			t.Errorf("%s: hash attribute %v", kind, ok)
		}
	}
	if _, ok := wire.KeyAttr("dsa-1024"); ok {
		t.Error("dsa-1024 is known, want not")
	}
	if _, ok := wire.HashAttr("dsa-1024"); ok {
		t.Error("dsa-1024 has a hash, want none")
	}
}

// The example of RFC 7030 §4.5.2 (erratum 4384 corrected by RFC 9908 §3.3).
func TestParseCSRAttrsExample(t *testing.T) {
	der, err := base64.StdEncoding.DecodeString(
		"MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJBgcrBgEBAQEWBggqhkjOPQQDAw==")
	if err != nil {
		t.Fatal(err)
	}
	// The old example writes a bare identifier where Extensions must stand.
	if _, err := wire.ParseCSRAttrs(der); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("EST-070 example of RFC 7030: got %v, want %v", err, wire.ErrMalformed)
	}
	key, _ := wire.KeyAttr("ec-p384")
	hash, _ := wire.HashAttr("ec-p384")
	der, err = wire.CSRAttrs(wire.CSRAttr{ID: wire.OIDChallengePassword}, key, hash)
	if err != nil {
		t.Fatal(err)
	}
	got, err := wire.ParseCSRAttrs(der)
	want := []wire.CSRAttr{
		{ID: wire.OIDChallengePassword},
		{ID: wire.OIDECPublicKey, Values: [][]byte{oid(wire.OIDP384)}},
		{ID: wire.OIDECDSAWithSHA384},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestParseCSRAttrsRefuses(t *testing.T) {
	basic := extension(wire.OIDBasicConstraints, seq())
	request := extensionRequest(basic)
	var many [][]byte
	for range wire.MaxCSRAttrs + 1 {
		many = append(many, oid(wire.OIDCommonName))
	}
	var values [][]byte
	for range wire.MaxCSRAttrValues + 1 {
		values = append(values, utf8Text("x"))
	}
	for label, c := range map[string]struct {
		der  []byte
		want error
	}{
		"empty body":               {nil, wire.ErrMalformed},
		"trailing":                 {append(seq(), 0), wire.ErrMalformed},
		"not an attribute":         {seq(utf8Text("x")), wire.ErrMalformed},
		"no values":                {seq(seq(oid(wire.OIDCommonName), set())), wire.ErrMalformed},
		"bad identifier":           {seq(tlv(cbasn1.OBJECT_IDENTIFIER, []byte{0x80})), wire.ErrMalformed},
		"EST-070 two requests":     {seq(request, request), wire.ErrMalformed},
		"EST-070 two values":       {seq(seq(oid(wire.OIDExtensionRequest), set(seq(), seq()))), wire.ErrMalformed},
		"EST-071 extension double": {seq(extensionRequest(basic, basic)), wire.ErrMalformed},
		"too many":                 {seq(many...), wire.ErrTooComplex},
		"too many values":          {seq(seq(oid(wire.OIDCommonName), set(values...))), wire.ErrTooComplex},
		"too long":                 {make([]byte, wire.MaxRequestBody+1), wire.ErrTooComplex},
	} {
		if got, err := wire.ParseCSRAttrs(c.der); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, %v; want %v", label, got, err, c.want)
		}
	}
	for label, a := range map[string]wire.CSRAttr{
		"not an identifier": {ID: asn1.ObjectIdentifier{9}},
		"not DER":           {ID: wire.OIDCommonName, Values: [][]byte{{0x30}}},
	} {
		if _, err := wire.CSRAttrs(a); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("encoding %s: got %v, want %v", label, err, wire.ErrMalformed)
		}
	}
	if got, err := wire.ParseCSRAttrs(seq()); err != nil || len(got) != 0 {
		t.Errorf("empty list: got %v, %v", got, err)
	}
}

func TestRenewAdvice(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	const want = "2026-03-01T11:00:00Z/2026-03-02T11:00:00Z"
	s := wire.FormatRenew(start, start.Add(24*time.Hour))
	if s != want {
		t.Errorf("got %s, want %s", s, want)
	}
	from, until, err := wire.ParseRenew(s)
	if err != nil || !from.Equal(start) || until.Sub(from) != 24*time.Hour {
		t.Errorf("read back %v, %v, %v", from, until, err)
	}
	for _, bad := range []string{"", "/", "2026-03-01T11:00:00Z", "2026-03-02T11:00:00Z/2026-03-01T11:00:00Z", "x/y"} {
		if _, _, err := wire.ParseRenew(bad); !errors.Is(err, wire.ErrRenewAdvice) {
			t.Errorf("%q: got %v, want %v", bad, err, wire.ErrRenewAdvice)
		}
	}
}
