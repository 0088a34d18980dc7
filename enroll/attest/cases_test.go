package attest_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/sha512"
	"encoding/binary"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// verifyCase is one statement and the answer to it; all are published as
// vectors.
type verifyCase struct {
	name string
	make func(testing.TB) *draft
	with func(*draft)
	// code of the refusal; empty: accepted, with tier.
	code, tier string
}

func set(key int64, value any) func(*draft) { return func(d *draft) { d.claims[key] = value } }
func without(key int64) func(*draft)        { return func(d *draft) { delete(d.claims, key) } }

// measured changes the one measurement.
func measured(key int64, value any) func(*draft) {
	return func(d *draft) { d.claims[-75002].([]any)[0].(claimMap)[key] = value }
}

// swap replaces octets of the encoded claims, once.
func swap(from, to string) func(*draft) {
	return func(d *draft) {
		d.payload = func(b []byte) []byte {
			if !bytes.Contains(b, []byte(from)) {
				d.t.Fatalf("the claims do not contain %x", from)
			}
			return bytes.Replace(b, []byte(from), []byte(to), 1)
		}
	}
}

func resigned(f func([]byte) []byte) func(*draft)  { return func(d *draft) { d.resign = f } }
func recorded(f func([]byte) []byte) func(*draft)  { return func(d *draft) { d.record = f } }
func recosed(f func([]byte) []byte) func(*draft)   { return func(d *draft) { d.cose = f } }
func restated(f func([]byte) []byte) func(*draft)  { return func(d *draft) { d.stmt = f } }
func reencoded(f func([]byte) []byte) func(*draft) { return func(d *draft) { d.attribute = f } }

func keyed(t testing.TB, signer crypto.Signer, protected string) func(*draft) {
	t.Helper()
	return func(d *draft) { d.signer, d.protected, d.keys.Self = signer, protected, signer.Public() }
}

// growMap adds a member to the claims by hand: the greatest key, so at the end.
func growMap(member string) func(*draft) {
	return func(d *draft) {
		d.payload = func(b []byte) []byte {
			b = append(b, member...)
			b[0]++
			return b
		}
	}
}

func accepted(t testing.TB) []verifyCase {
	p384, sha384 := ecKey(t, elliptic.P384(), "birth"), sha512.Sum384([]byte("bootloader"))
	return []verifyCase{
		{"self by the birth key", newSelf, nil, "", "T1"},
		{"self by a key of P-384", newSelf, keyed(t, p384, protectedES384), "", "T1"},
		{"self by a key of Ed25519", newSelf, keyed(t, edKey("birth"), protectedEdDSA), "", "T1"},
		{"self by the key of the request", newSelf, func(d *draft) {
			d.keys.Self, d.signer = nil, ecKey(d.t, elliptic.P256(), "csr")
		}, "", "T0"},
		{"self without a nonce", newSelf, without(10), "", "T1"},
		{"self with two components", newSelf, func(d *draft) {
			d.claims[-75002] = append(d.claims[-75002].([]any), claimMap{1: "bootloader", 2: int64(-43), 3: sha384[:], 6: digest("signer")})
		}, "", "T1"},
		{"self with a digest of SHA-512", newSelf, func(d *draft) {
			long := sha512.Sum512([]byte("firmware 1.4.2"))
			measured(2, int64(-44))(d)
			measured(3, long[:])(d)
		}, "", "T1"},
		{"self with a nonce of 8 octets", newSelf, set(10, nonce()[:8]), "", "T1"},
		{"self with claims that are ignored", newSelf, func(d *draft) {
			set(6, "yesterday")(d)
			set(256, []byte{1, 2, 3})(d)
			set(264, claimMap{1: 51.34, 2: 12.37})(d)
		}, "", "T1"},
		{"self with the debug port enabled", newSelf, set(263, uint64(0)), "", "T1"},
		{"self in the wrapper of the TCG", newSelf, func(d *draft) {
			d.stmtType = "2.23.133.5.4.9"
			d.stmt = func(b []byte) []byte { return append([]byte{0x30, 0x82, byte(len(b) >> 8), byte(len(b))}, b...) }
		}, "", "T1"},
		{"self with a hint", newSelf, restated(func(b []byte) []byte { return append(b, "\x0c\x04hint"...) }), "", "T1"},
		{"self with a media type in other letters", newSelf, func(d *draft) {
			d.mediaType = `Application/EAT+CWT;eat_profile="` + profileSelf + `"`
		}, "", "T1"},
		{"station", newStation, nil, "", "T1s"},
		{"station with the debug port disabled for good", newStation, set(263, uint64(3)), "", "T1s"},
		{"station ten minutes ago", newStation, set(6, uint64(now().Add(-10*time.Minute).Unix())), "", "T1s"},
		{"station within the window of the batch", newStation, func(d *draft) {
			d.binding.IssuedFrom, d.binding.IssuedUntil = now().Add(-48*time.Hour), now()
			d.claims[6] = uint64(now().Add(-30 * time.Hour).Unix())
		}, "", "T1s"},
		{"station in the request field", newHeader, nil, "", "T1s"},
	}
}

func refusedSelf(t testing.TB) []verifyCase {
	nested := "\x19\x01\x0a" + strings.Repeat("\x81", 8) + "\x00"
	cases := []verifyCase{
		{"another key", newSelf, func(d *draft) { d.signer = ecKey(d.t, elliptic.P256(), "stranger") }, "evidence-untrusted", ""},
		{"the key of the request though the birth key is known", newSelf, func(d *draft) {
			d.signer = ecKey(d.t, elliptic.P256(), "csr")
		}, "evidence-untrusted", ""},
		{"EdDSA said, a key of P-256", newSelf, func(d *draft) { d.protected = protectedEdDSA }, "evidence-untrusted", ""},
		{"ES384 said, a key of P-256", newSelf, func(d *draft) { d.protected = protectedES384 }, "evidence-untrusted", ""},
		{"no key to trust", newSelf, func(d *draft) { d.keys.Self, d.keys.CSRKey = nil, nil }, "evidence-untrusted", ""},
		{"a signature of zeros", newSelf, resigned(func(b []byte) []byte { return make([]byte, 64) }), "evidence-untrusted", ""},
		{"an empty signature", newSelf, resigned(func([]byte) []byte { return []byte{} }), "evidence-untrusted", ""},
		{"a signature cut short", newSelf, resigned(func(b []byte) []byte { return b[:63] }), "evidence-untrusted", ""},
		{"s plus the order of the curve", newSelf, resigned(addOrder), "evidence-untrusted", ""},
		{"a changed claim", newSelf, recosed(func(b []byte) []byte {
			return bytes.Replace(b, []byte("SN-00000001"), []byte("SN-00000002"), 1)
		}), "evidence-untrusted", ""},

		{"another device", newSelf, set(2, "sensor-s1/SN-00000002"), "evidence-device-mismatch", ""},
		{"another product", newSelf, set(2, "sensor-s2/SN-00000001"), "evidence-device-mismatch", ""},
		{"another key to be certified", newSelf, set(-75001, digest("other")), "evidence-key-mismatch", ""},

		{"alg in the unprotected header", newSelf, func(d *draft) { d.protected, d.unprotected = "", protectedES256 }, "bad-evidence", ""},
		{"a kid in the unprotected header", newSelf, func(d *draft) { d.unprotected = "\xa1\x04\x41\x01" }, "bad-evidence", ""},
		{"a kid in the protected header", newSelf, func(d *draft) { d.protected = "\xa2\x01\x26\x04\x41\x01" }, "bad-evidence", ""},
		{"an algorithm that is not ours", newSelf, func(d *draft) { d.protected = "\xa1\x01\x38\x24" }, "bad-evidence", ""}, // PS256
		{"no tag", newSelf, recosed(func(b []byte) []byte { return b[1:] }), "bad-evidence", ""},
		{"the tag of COSE_Mac0", newSelf, recosed(func(b []byte) []byte { return append([]byte{0xd1}, b[1:]...) }), "bad-evidence", ""},
		{"the tag of CWT around it", newSelf, recosed(func(b []byte) []byte { return append([]byte{0xd8, 0x3d}, b...) }), "bad-evidence", ""},
		{"octets after the COSE_Sign1", newSelf, recosed(func(b []byte) []byte { return append(b, 0) }), "bad-evidence", ""},
		{"the COSE_Sign1 cut short", newSelf, recosed(func(b []byte) []byte { return b[:len(b)-1] }), "bad-evidence", ""},
		{"a COSE_Sign1 of indefinite length", newSelf, recosed(func(b []byte) []byte {
			return append(append([]byte{0xd2, 0x9f}, b[2:]...), 0xff)
		}), "bad-evidence", ""},
		{"a detached payload", newSelf, recosed(func(b []byte) []byte {
			return append([]byte{0xd2, 0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0, 0xf6, 0x58, 0x40}, b[len(b)-64:]...)
		}), "bad-evidence", ""},

		{"a nonce in an array", newSelf, set(10, []any{nonce()}), "bad-evidence", ""},
		{"two nonces", newSelf, set(10, []any{nonce(), nonce()}), "bad-evidence", ""},
		{"a nonce of text", newSelf, set(10, "0123456789abcdef"), "bad-evidence", ""},
		{"a nonce of 7 octets", newSelf, set(10, nonce()[:7]), "bad-evidence", ""},
		{"a nonce of 65 octets", newSelf, set(10, make([]byte, 65)), "bad-evidence", ""},
		{"a doubled key", newSelf, swap("\x0a\x58\x20"+string(nonce()), "\x02\x61A"), "bad-evidence", ""},
		{"a nonce twice", newSelf, growMap("\x0a\x48ABCDEFGH"), "bad-evidence", ""},
		{"keys out of order", newSelf, growMap("\x06\x00"), "bad-evidence", ""},
		{"claims of indefinite length", newSelf, func(d *draft) {
			d.payload = func(b []byte) []byte { return append(append([]byte{0xbf}, b[1:]...), 0xff) }
		}, "bad-evidence", ""},
		{"a text of indefinite length", newSelf, swap("\x75sensor-s1/SN-00000001", "\x7f\x75sensor-s1/SN-00000001\xff"), "bad-evidence", ""},
		{"a key longer than need be", newSelf, swap("\x19\x01\x07\x01", "\x1a\x00\x00\x01\x07\x01"), "bad-evidence", ""},
		{"a number longer than need be", newSelf, swap("\x19\x01\x07\x01", "\x19\x01\x07\x18\x01"), "bad-evidence", ""},
		{"a length longer than need be", newSelf, swap("\x68firmware", "\x78\x08firmware"), "bad-evidence", ""},
		{"a float longer than need be", newSelf, growMap("\x3b\x00\x00\x00\x01\x00\x00\x00\x00\xfa\x3f\x80\x00\x00"), "bad-evidence", ""},
		{"nine levels of nesting", newSelf, swap("\x19\x01\x07\x01", "\x19\x01\x07"+strings.Repeat("\x81", 8)+"\x01"), "bad-evidence", ""},
		{"octets after the claims", newSelf, func(d *draft) { d.payload = func(b []byte) []byte { return append(b, 0) } }, "bad-evidence", ""},
		{"a tag among the claims", newSelf, set(6, cbor.Tag{Number: 1, Content: uint64(1)}), "bad-evidence", ""},
		{"text that is not UTF-8", newSelf, swap("SN-00000001", "SN-0000000\xff"), "bad-evidence", ""},
		{"an unknown key below 0", newSelf, set(-75005, uint64(1)), "bad-evidence", ""},
		{"an unknown key below 0 of a measurement", newSelf, measured(-1, uint64(1)), "bad-evidence", ""},
		{"a key of text", newSelf, growMap("\x63foo\x01"), "bad-evidence", ""},
		{"claims that are an array", newSelf, func(d *draft) { d.payload = func([]byte) []byte { return []byte{0x80} } }, "bad-evidence", ""},
		{"empty claims", newSelf, func(d *draft) { d.payload = func([]byte) []byte { return nil } }, "bad-evidence", ""},

		{"the profile of another format", newSelf, set(265, profileStation), "bad-evidence", ""},
		{"an iss", newSelf, set(1, "leipzig-l3-1"), "bad-evidence", ""},
		{"a method", newSelf, set(-75003, uint64(1)), "bad-evidence", ""},
		{"the hash of a request", newSelf, set(-75004, digest("csr")), "bad-evidence", ""},
		{"dbgstat 5", newSelf, set(263, uint64(5)), "bad-evidence", ""},
		{"dbgstat true", newSelf, set(263, true), "bad-evidence", ""},
		{"dbgstat below 0", newSelf, set(263, int64(-1)), "bad-evidence", ""},
		{"a hash of the key of 20 octets", newSelf, set(-75001, digest("x")[:20]), "bad-evidence", ""},
		{"a sub that is empty", newSelf, set(2, ""), "bad-evidence", ""},
		{"a sub with a line end", newSelf, set(2, "sensor-s1/SN-1\n"), "bad-evidence", ""},
		{"no measurement", newSelf, set(-75002, []any{}), "bad-evidence", ""},
		{"17 measurements", newSelf, set(-75002, many(17)), "bad-evidence", ""},
		{"a component measured twice", newSelf, func(d *draft) {
			d.claims[-75002] = slices.Repeat(d.claims[-75002].([]any), 2)
		}, "bad-evidence", ""},
		{"a measurement that is an array", newSelf, set(-75002, []any{[]any{}}), "bad-evidence", ""},
		{"a digest that is too short for its algorithm", newSelf, measured(2, int64(-43)), "bad-evidence", ""},
		{"a digest of SHA-1", newSelf, measured(2, int64(-14)), "bad-evidence", ""},
		{"a digest without an algorithm", newSelf, func(d *draft) { delete(d.claims[-75002].([]any)[0].(claimMap), 2) }, "bad-evidence", ""},
		{"a measurement without a digest", newSelf, func(d *draft) { delete(d.claims[-75002].([]any)[0].(claimMap), 3) }, "bad-evidence", ""},
		{"a measurement without a component", newSelf, func(d *draft) { delete(d.claims[-75002].([]any)[0].(claimMap), 1) }, "bad-evidence", ""},
		{"a svn below 0", newSelf, measured(5, int64(-1)), "bad-evidence", ""},
		{"a version of 65 octets", newSelf, measured(4, strings.Repeat("1", 65)), "bad-evidence", ""},

		{"a record without the indicator", newSelf, recorded(func(b []byte) []byte {
			return append([]byte{0x82}, b[1:len(b)-1]...)
		}), "bad-evidence", ""},
		{"a record that holds endorsements", newSelf, recorded(func(b []byte) []byte { return append(b[:len(b)-1], 2) }), "bad-evidence", ""},
		{"octets after the record", newSelf, recorded(func(b []byte) []byte { return append(b, 0) }), "bad-evidence", ""},
		{"a record of indefinite length", newSelf, recorded(func(b []byte) []byte {
			return append(append([]byte{0x9f}, b[1:]...), 0xff)
		}), "bad-evidence", ""},
		{"a statement that is not an OCTET STRING", newSelf, restated(func(b []byte) []byte { return append([]byte{0x03}, b[1:]...) }), "bad-evidence", ""},
		{"two statements of one format", newSelf, func(d *draft) { d.twice = true }, "bad-evidence", ""},
		{"a length in BER", newSelf, reencoded(berLength), "bad-evidence", ""},
		{"a bundle of indefinite length", newSelf, reencoded(func(b []byte) []byte {
			return append(append([]byte{0x30, 0x80}, b[4:]...), 0, 0)
		}), "bad-evidence", ""},
		{"octets after the bundle", newSelf, reencoded(func(b []byte) []byte { return append(b, 0) }), "bad-evidence", ""},

		{"a format that the product does not take", newSelf, func(d *draft) { d.formats = []string{"station"} }, "evidence-format", ""},
		{"a product that takes none", newSelf, func(d *draft) { d.formats = nil }, "evidence-format", ""},
		{"a media type that is not ours", newSelf, func(d *draft) { d.mediaType = "application/eat+jwt" }, "evidence-format", ""},
		{"a profile that is not ours", newSelf, func(d *draft) { d.mediaType = `application/eat+cwt; eat_profile="urn:x"` }, "evidence-format", ""},
		{"a statement of a TPM", newSelf, func(d *draft) { d.stmtType = "2.23.133.20.1" }, "evidence-format", ""},
		{"a CMW in JSON", newSelf, restated(func([]byte) []byte { return []byte("\x0c\x02[]") }), "evidence-format", ""},
	}
	for _, key := range []int64{2, 263, 265, -75001, -75002} {
		cases = append(cases, verifyCase{"without claim " + big.NewInt(key).String(), newSelf, without(key), "bad-evidence", ""})
	}
	return append(cases, verifyCase{"nine levels in a claim that is ignored", newSelf, func(d *draft) {
		d.payload = func(b []byte) []byte {
			at := bytes.Index(b, []byte("\x19\x01\x09"))
			rest := slices.Clone(b[at:])
			end := 3 + 2 + len(profileSelf)
			b = append(append(b[:at], rest[:end]...), nested...)
			b[0]++
			return append(b, rest[end:]...)
		}
	}, "bad-evidence", ""})
}

func refusedStation(testing.TB) []verifyCase {
	cases := []verifyCase{
		{"station: another key", newStation, func(d *draft) { d.signer = ecKey(d.t, elliptic.P256(), "stranger") }, "evidence-untrusted", ""},
		{"station: no station speaks", newStation, func(d *draft) { d.keys.Station, d.keys.StationName = nil, "" }, "evidence-untrusted", ""},
		{"station: another station made it", newStation, set(1, "leipzig-l3-2"), "evidence-untrusted", ""},
		{"station: another device", newStation, set(2, "sensor-s1/SN-00000002"), "evidence-device-mismatch", ""},
		{"station: another key to be certified", newStation, set(-75001, digest("other")), "evidence-key-mismatch", ""},
		{"station: ten minutes and a second ago", newStation, set(6, uint64(now().Unix()-601)), "evidence-stale", ""},
		{"station: ten minutes and a second ahead", newStation, set(6, uint64(now().Unix()+601)), "evidence-stale", ""},
		{"station: before the window of the batch", newStation, func(d *draft) {
			d.binding.IssuedFrom = now().Add(time.Minute)
		}, "evidence-stale", ""},
		{"station: after the window of the batch", newStation, func(d *draft) {
			d.binding.IssuedUntil = now().Add(-time.Minute)
		}, "evidence-stale", ""},
		{"station: an iat of text", newStation, set(6, "now"), "bad-evidence", ""},
		{"station: an iat with a fraction", newStation, set(6, 1.5), "bad-evidence", ""},
		{"station: an iat past all calendars", newStation, set(6, uint64(1)<<63), "bad-evidence", ""},
		{"station: method 0", newStation, set(-75003, uint64(0)), "bad-evidence", ""},
		{"station: method 4", newStation, set(-75003, uint64(4)), "bad-evidence", ""},
		{"station: dbgstat 5", newStation, set(263, uint64(5)), "bad-evidence", ""},
		{"station: the hash of the request inside a request", newStation, set(-75004, digest("csr")), "bad-evidence", ""},
		{"field: without the hash of the request", newHeader, without(-75004), "bad-evidence", ""},
		{"field: about another request", newHeader, set(-75004, digest("other")), "evidence-key-mismatch", ""},
		{"field: no request to hold it against", newHeader, func(d *draft) { d.binding.CSR = nil }, "evidence-key-mismatch", ""},
		{"field: a statement of format self", newHeader, set(265, profileSelf), "bad-evidence", ""},
		{"field: more than 8 KiB", newHeader, set(256, make([]byte, 8<<10)), "bad-evidence", ""},
		{"field: a product that takes no station", newHeader, func(d *draft) { d.formats = []string{"self"} }, "evidence-format", ""},
	}
	for _, key := range []int64{1, 2, 6, 10, 265, -75001, -75002, -75003} {
		cases = append(cases, verifyCase{"station: without claim " + big.NewInt(key).String(), newStation, without(key), "bad-evidence", ""})
	}
	return cases
}

func allCases(t testing.TB) []verifyCase {
	return slices.Concat(accepted(t), refusedSelf(t), refusedStation(t))
}

func many(n int) []any {
	var list []any
	for i := range n {
		list = append(list, claimMap{1: "c" + big.NewInt(int64(i)).String(), 2: int64(-16), 3: digest("x")})
	}
	return list
}

// addOrder makes s of a signature s + n, which a careless reader reduces.
func addOrder(b []byte) []byte {
	s := new(big.Int).SetBytes(b[32:])
	s.Add(s, elliptic.P256().Params().N)
	out := slices.Clone(b[:32])
	return append(out, s.Bytes()...) // 32 or 33 octets
}

// berLength writes the outer length with one octet more than DER allows.
func berLength(b []byte) []byte {
	if b[1] != 0x82 {
		panic("the test's bundle is too short")
	}
	n := binary.BigEndian.Uint16(b[2:])
	return append([]byte{0x30, 0x83, 0, byte(n >> 8), byte(n)}, b[4:]...)
}
