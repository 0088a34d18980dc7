package attest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"io"
	"maps"
	"math/big"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/assay-pki/assay/enroll/attest"
)

const (
	profileSelf    = "urn:uuid:4b20875d-839b-4eab-a8f9-fdf0a4ed7571"
	profileStation = "urn:uuid:d0811d45-79bd-468e-86ab-2f3b8d0dbadc"

	protectedES256 = "\xa1\x01\x26"
	protectedES384 = "\xa1\x01\x38\x22"
	protectedEdDSA = "\xa1\x01\x27"
)

// fixedSigner signs the same bytes the same way (RFC 6979), so that vectors
// can be made again.
type fixedSigner struct{ *ecdsa.PrivateKey }

func (k fixedSigner) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.PrivateKey.Sign(nil, digest, opts)
}

// ecKey is a key for tests and published vectors, from one word.
func ecKey(t testing.TB, curve elliptic.Curve, word string) fixedSigner {
	t.Helper()
	scalar := make([]byte, (curve.Params().BitSize+7)/8)
	seed := sha256.Sum256([]byte("assay test key " + word))
	copy(scalar[len(scalar)-31:], seed[:]) // 31 octets: below the order of any curve
	key, err := ecdsa.ParseRawPrivateKey(curve, scalar)
	if err != nil {
		t.Fatal(err)
	}
	return fixedSigner{key}
}

func edKey(word string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("assay test key " + word))
	return ed25519.NewKeyFromSeed(seed[:])
}

func spkiOf(t testing.TB, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := mode.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type claimMap map[int64]any

// draft is a statement in the making, with what it is held against. Each case
// changes one thing.
type draft struct {
	t testing.TB

	claims  claimMap
	payload func([]byte) []byte // changes the encoded claims

	signer      crypto.Signer
	protected   string
	unprotected string
	resign      func([]byte) []byte // changes the signature
	cose        func([]byte) []byte // changes the COSE_Sign1

	mediaType string
	record    func([]byte) []byte // changes the CMW record
	stmt      func([]byte) []byte // changes the DER of stmt
	stmtType  string
	twice     bool
	attribute func([]byte) []byte
	header    bool

	binding attest.Binding
	keys    attest.Keys
	formats []string
}

func now() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

func nonce() []byte {
	n := sha256.Sum256([]byte("assay test nonce"))
	return n[:]
}

func digest(word string) []byte {
	d := sha256.Sum256([]byte(word))
	return d[:]
}

// newSelf is a good statement of the birth key; newStation one of a station.
func newSelf(t testing.TB) *draft {
	d := newDraft(t)
	d.claims[263], d.claims[265] = uint64(1), profileSelf
	d.signer = ecKey(t, elliptic.P256(), "birth")
	d.keys = attest.Keys{Self: ecKey(t, elliptic.P256(), "birth").Public(), CSRKey: ecKey(t, elliptic.P256(), "csr").Public()}
	d.mediaType, d.formats = `application/eat+cwt; eat_profile="`+profileSelf+`"`, []string{"self"}
	return d
}

func newStation(t testing.TB) *draft {
	d := newDraft(t)
	maps.Copy(d.claims, claimMap{265: profileStation, 1: "leipzig-l3-1", 6: uint64(now().Unix()), -75003: uint64(2)})
	d.signer = ecKey(t, elliptic.P256(), "station")
	d.keys = attest.Keys{
		CSRKey: ecKey(t, elliptic.P256(), "csr").Public(), Station: ecKey(t, elliptic.P256(), "station").Public(),
		StationName: "leipzig-l3-1",
	}
	d.mediaType, d.formats = `application/eat+cwt; eat_profile="`+profileStation+`"`, []string{"station"}
	return d
}

func newHeader(t testing.TB) *draft {
	d := newStation(t)
	d.header = true
	csr := sha256.Sum256([]byte("the DER of a request"))
	d.claims[-75004], d.binding.CSR = csr[:], csr[:]
	return d
}

func newDraft(t testing.TB) *draft {
	spki := spkiOf(t, ecKey(t, elliptic.P256(), "csr").Public())
	hash := sha256.Sum256(spki)
	return &draft{
		t: t,
		claims: claimMap{
			2: "sensor-s1/SN-00000001", 10: nonce(), -75001: hash[:],
			-75002: []any{claimMap{1: "firmware", 2: int64(-16), 3: digest("firmware 1.4.2"), 4: "1.4.2", 5: uint64(7)}},
		},
		protected: protectedES256, unprotected: "\xa0", stmtType: attest.TypeCMW,
		binding: attest.Binding{SPKI: spki, Product: "sensor-s1", Serial: "SN-00000001", Now: now()},
	}
}

func change(f func([]byte) []byte, b []byte) []byte {
	if f == nil {
		return b
	}
	return f(b)
}

// sign makes the COSE_Sign1 with nothing of ours but the test's own code.
func (d *draft) sign() []byte {
	d.t.Helper()
	payload := change(d.payload, encode(d.t, d.claims))
	toSign := encode(d.t, []any{"Signature1", []byte(d.protected), []byte{}, payload})
	var signature []byte
	var err error
	switch key := d.signer.(type) {
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, toSign)
	case fixedSigner:
		hash := crypto.SHA256
		if key.Curve == elliptic.P384() {
			hash = crypto.SHA384
		}
		h := hash.New()
		h.Write(toSign)
		var der []byte
		if der, err = key.Sign(nil, h.Sum(nil), hash); err != nil {
			d.t.Fatal(err)
		}
		var rs struct{ R, S *big.Int }
		if _, err = asn1.Unmarshal(der, &rs); err == nil {
			signature = append(rs.R.FillBytes(make([]byte, hash.Size())), rs.S.FillBytes(make([]byte, hash.Size()))...)
		}
	}
	if err != nil {
		d.t.Fatal(err)
	}
	out := append([]byte{0xd2, 0x84}, encode(d.t, []byte(d.protected))...)
	out = append(out, d.unprotected...)
	out = append(out, encode(d.t, payload)...)
	return change(d.cose, append(out, encode(d.t, change(d.resign, signature))...))
}

// value makes the attribute.
func (d *draft) value() []byte {
	d.t.Helper()
	record := change(d.record, encode(d.t, []any{d.mediaType, d.sign(), uint64(4)}))
	var octets cryptobyte.Builder
	octets.AddASN1OctetString(record)
	stmt := change(d.stmt, octets.BytesOrPanic())
	n := 1
	if d.twice {
		n = 2
	}
	var list [][]byte
	for range n {
		list = append(list, statementDER(d.t, d.stmtType, stmt))
	}
	return change(d.attribute, bundleDER(list, nil))
}

func statementDER(t testing.TB, oid string, stmt ...[]byte) []byte {
	t.Helper()
	var id asn1.ObjectIdentifier
	for _, known := range []asn1.ObjectIdentifier{
		{1, 3, 6, 1, 5, 5, 7, 1, 35}, {2, 23, 133, 5, 4, 9}, {2, 23, 133, 20, 1},
	} {
		if known.String() == oid {
			id = known
		}
	}
	if id == nil {
		t.Fatalf("no such type in the test: %s", oid)
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(id)
		for _, s := range stmt {
			b.AddBytes(s)
		}
	})
	return b.BytesOrPanic()
}

func bundleDER(statements, certs [][]byte) []byte {
	var b cryptobyte.Builder
	list := func(items [][]byte) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, item := range items {
				b.AddBytes(item)
			}
		})
	}
	list(statements)
	if certs != nil {
		list(certs)
	}
	inner := b.BytesOrPanic()
	var outer cryptobyte.Builder
	outer.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(inner) })
	return outer.BytesOrPanic()
}

// verify runs what a server runs.
func (d *draft) verify() (*attest.Claims, error) {
	d.t.Helper()
	b, err := attest.HeaderBundle(d.sign())
	if !d.header {
		b, err = attest.ParseBundle(d.value())
	}
	if err != nil {
		return nil, err
	}
	return attest.Verify(b, d.binding, d.keys, d.formats)
}
