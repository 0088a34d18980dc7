package store

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// record is one kind of stored value: a sample, and how it is decoded and
// encoded again.
type record struct {
	name   string
	sample []byte
	again  func(index uint64, value []byte) ([]byte, error)
}

func at(seconds int64) time.Time { return time.Unix(1772366400+seconds, 7000).UTC() }

// der is a certificate as x509 makes it, with the given index in its serial.
func der(t testing.TB, index uint64, notAfter time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial := append([]byte{0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, byte(index>>32), byte(index>>24), byte(index>>16), byte(index>>8), byte(index))
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: "A1"},
		NotBefore: at(0), NotAfter: notAfter, DNSNames: []string{"a1.example"},
	}
	b, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// goldenDER is one that never changes, for the golden file.
func goldenDER(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/certificate.hex")
	if err != nil {
		t.Fatal(err)
	}
	out, err := hex.DecodeString(string(b))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func writeGolden(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func sampleCertificate(t testing.TB) Certificate {
	return Certificate{
		Ref: Ref{2, 7}, DER: goldenDER(t), Holder: Holder{HolderDevice, "sensor/A1"}, Profile: ProfileOperational, Revision: 3,
		Operation: OpSimpleEnroll, Label: "sensor", Principal: "token:0011223344556677", CSRHash: [32]byte{1, 2, 3}, IssuedAt: at(1),
		Status: Revoked, Reason: ReasonKeyCompromise, RevokedAt: at(2), InvalidAt: at(1), Closed: true, Presented: true,
	}
}

func sampleDevice() Device {
	return Device{
		DeviceID: DeviceID{"sensor", "A1"}, State: DeviceHeld, Reason: 6, ActivatedAt: at(1), ChangedAt: at(2), SeenAt: at(4), RenewedAt: at(3),
		Lineage: []Ref{{2, 7}, {2, MaxIndex}}, Events: []uint64{5, 6, 1 << 40}, Batch: "w47", Site: "leipzig", Line: "l3", Station: "l1",
		Identity:   Identity{VendorID: "V1", KeySHA256: []byte{1}, AKName: []byte{2}, DICEKeySHA256: []byte{3}, EATID: []byte{4}},
		Attributes: []Attribute{{"customer", "ACME"}, {"lot", "7"}}, Rework: true, Rekeys: 2,
		Evidence: Appraised{
			Format: "self", Tier: "T1", Fresh: "yes",
			Components: []Measured{{Component: "firmware", Version: "1.4", SVN: 7, Mark: 9}, {Component: "modem", Mark: 1}},
		},
	}
}

// TestDeviceReadBack: a device is read as it was, also without its parts.
func TestDeviceReadBack(t *testing.T) {
	whole := sampleDevice()
	expected := Device{DeviceID: whole.DeviceID, State: DeviceExpected, ChangedAt: at(1), Batch: "w47"}
	unsure := Device{DeviceID: whole.DeviceID, State: DeviceActive, ActivatedAt: at(1)} // neither changed nor seen
	for _, want := range []Device{whole, expected, unsure} {
		got, err := DecodeDevice(want.DeviceID, want.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("device (-want +got):\n%s", diff)
		}
	}
	plain := Device{State: DeviceActive, ActivatedAt: at(1), ChangedAt: at(1), SeenAt: at(1), Lineage: []Ref{{2, 70000}}, Events: []uint64{300000, 300002}}
	if n := len(plain.Encode()); n > 24 {
		t.Errorf("a device that a token enrolled takes %d octets, want 24 at most", n)
	}
}

func sampleEvent() Event {
	return Event{
		Name: EnrolmentRefused, Time: at(3), Salt: [16]byte{1, 2, 3}, Actor: "station:L1", Source: "192.0.2.7", Object: "sensor/A1",
		Serial: bytes.Repeat([]byte{7}, 16), Issuer: 2, Reason: "weak-key", Count: 4, Detail: map[string]string{"zz": "1", "a": "2", "bb": "3"},
		Digest: bytes.Repeat([]byte{9}, 32),
	}
}

func records(t testing.TB) []record {
	t.Helper()
	certificate, event := sampleCertificate(t), sampleEvent()
	eventBytes, err := event.Encode()
	if err != nil {
		t.Fatal(err)
	}
	device := sampleDevice()
	plain := Device{DeviceID: DeviceID{"sensor", "A1"}, State: DeviceActive, ActivatedAt: at(1), ChangedAt: at(1), SeenAt: at(1), Lineage: []Ref{{2, 7}}, Events: []uint64{900, 902}}
	batch := Batch{
		Name: "w47", Revision: 3, Product: "sensor", Site: "leipzig", Line: "l3", From: at(1), Until: at(9), State: BatchHasClosed,
		Manifest: Manifest{SHA256: [32]byte{7}, Rows: 20, Format: "csv"}, Used: 9, Scrapped: 2, Nonce: []byte{1, 2},
		CreatedAt: at(1), CreatedBy: "operator:a", ClosedAt: at(8),
	}
	order := Batch{Name: "w48", Revision: 1, Product: "sensor", Quota: 5, Used: 5, State: BatchOpen, CreatedAt: at(1), CreatedBy: "operator:a"}
	station := Station{
		Name: "l1", Revision: 2, Used: 4, CreatedAt: at(1), CreatedBy: "operator:a", Revoked: true, Certificates: []Ref{{3, 1}},
		StationSpec: StationSpec{
			Site: "leipzig", Line: "l3", Products: []string{"sensor"}, Quota: 20000, Rate: 1200, Until: at(9), ClientAuth: true,
			From: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("2001:db8::/32")},
		},
	}
	nonceKey := NonceKey{Key: [32]byte{8}, MadeAt: at(1)}
	redemption := Redemption{Nonce: []byte("n"), Expires: at(2)}
	incident := Incident{
		ID: 12, Kind: "renewal-fork", Object: "sensor/A1", Other: "sensor/A2", Actor: "station:l1", Source: "192.0.2.7", State: IncidentIsClosed,
		OpenedAt: at(1), LastSeq: 14, LastAt: at(2), Count: 3, ClosedAt: at(3), ClosedBy: "operator:a", Comment: "a lab unit",
	}
	revocation := Revocation{Ref: Ref{2, 7}, Serial: [16]byte{1, 15: 7}, Reason: 1, RevokedAt: at(1), InvalidAt: at(0), NotAfter: at(9)}
	entry := FeedEntry{Seq: 5, Ref: Ref{2, 7}, Status: Held}
	crl := CRL{Issuer: 2, Scope: "complete", Number: 1 << 40, ThisUpdate: at(1), SignedAt: at(2)}
	authority := Authority{ID: "0123456789abcdef", Name: "Acme", BaseURL: "http://pki", Local: true, CreatedAt: at(1), LogKey: "k", Hosts: []string{"a", "b"}}
	issuer := Issuer{ID: 2, Kind: KindDevices, Generation: 4, Certificate: []byte{0x30}, Key: "devices-4", MaxValidity: time.Hour, CreatedAt: at(1)}
	block := Block{Issuer: 2, Class: LongLived, First: 3 * ShardSize, End: 4 * ShardSize}
	token := Token{Hash: [32]byte{9}, Product: "sensor", Serial: "A1", Uses: 3, Used: 2, CreatedAt: at(1), ExpiresAt: at(2), CreatedBy: "operator:a", Voided: true}
	document := Document{Kind: KindProduct, Name: "sensor", Revision: 2, Body: []byte("{}"), At: at(1), By: "operator:a"}
	operator := Operator{Name: "a", Revision: 2, Role: RoleAdmin, Products: []string{"p"}, Sites: []string{"s", "t"}, At: at(1), By: "node", Removed: true, Certificates: []Ref{{3, 1}}}
	return []record{
		{"certificate", certificate.Encode(), func(index uint64, v []byte) ([]byte, error) {
			c, err := DecodeCertificate(Ref{2, index}, v)
			return c.Encode(), err
		}},
		{"device", device.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			d, err := DecodeDevice(DeviceID{}, v)
			return d.Encode(), err
		}},
		{"plain device", plain.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			d, err := DecodeDevice(DeviceID{}, v)
			return d.Encode(), err
		}},
		{"batch", batch.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			b, err := DecodeBatch("w47", v)
			return b.Encode(), err
		}},
		{"quota batch", order.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			b, err := DecodeBatch("w48", v)
			return b.Encode(), err
		}},
		{"station", station.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			s, err := DecodeStation("l1", v)
			return s.Encode(), err
		}},
		{"nonce key", nonceKey.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			k, err := DecodeNonceKey(v)
			return k.Encode(), err
		}},
		{"redeemed nonce", redemption.EncodeFor([32]byte{5}), func(_ uint64, v []byte) ([]byte, error) {
			r, csrHash, err := DecodeRedemption(nil, v)
			return r.EncodeFor(csrHash), err
		}},
		{"incident", incident.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			i, err := DecodeIncident(12, v)
			return i.Encode(), err
		}},
		{"revocation", revocation.Encode(), func(index uint64, v []byte) ([]byte, error) {
			r, err := DecodeRevocation(Ref{2, index}, v)
			return r.Encode(), err
		}},
		{"feed", entry.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			e, err := DecodeFeedEntry(5, v)
			return e.Encode(), err
		}},
		{"crl", crl.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			c, err := DecodeCRL(2, "complete", v)
			return c.Encode(), err
		}},
		{"authority", authority.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			a, err := DecodeAuthority(v)
			return a.Encode(), err
		}},
		{"issuer", issuer.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			i, err := DecodeIssuer(2, v)
			return i.Encode(), err
		}},
		{"block", block.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			b, err := DecodeBlock(2, LongLived, v)
			return b.Encode(), err
		}},
		{"token", token.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			t, err := DecodeToken([32]byte{9}, v)
			return t.Encode(), err
		}},
		{"document", document.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			d, err := DecodeDocument(KindProduct, "sensor", 2, v)
			return d.Encode(), err
		}},
		{"operator", operator.Encode(), func(_ uint64, v []byte) ([]byte, error) {
			o, err := DecodeOperator("a", v)
			return o.Encode(), err
		}},
		{"event", eventBytes, func(_ uint64, v []byte) ([]byte, error) {
			e, err := DecodeEvent(1, v)
			if err != nil {
				return nil, err
			}
			return encodeBody(e.body())
		}},
	}
}

// TestGolden: what is stored today must be read tomorrow. Once a version was
// released, a new layout is a new format octet, never a new golden file.
func TestGolden(t *testing.T) {
	var lines strings.Builder
	for _, r := range records(t) {
		fmt.Fprintf(&lines, "%s %x\n", r.name, r.sample)
	}
	const path = "testdata/records.golden"
	if *update {
		writeGolden(t, path, []byte(lines.String()))
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), lines.String()); diff != "" {
		t.Errorf("encodings changed (-golden +now):\n%s", diff)
	}
}

// TestEncodings: a value decodes to what it was, and no part or extension of it
// decodes at all.
func TestEncodings(t *testing.T) {
	for _, r := range records(t) {
		t.Run(r.name, func(t *testing.T) {
			again, err := r.again(7, r.sample)
			if err != nil || !bytes.Equal(again, r.sample) {
				t.Fatalf("decoded and encoded again: %x, %v\nwant %x", again, err, r.sample)
			}
			for n := range len(r.sample) {
				if _, err := r.again(7, r.sample[:n]); !errors.Is(err, ErrCorrupt) {
					t.Fatalf("first %d octets: %v, want %v", n, err, ErrCorrupt)
				}
			}
			if _, err := r.again(7, append(bytes.Clone(r.sample), 0)); !errors.Is(err, ErrCorrupt) {
				t.Errorf("one octet more: %v, want %v", err, ErrCorrupt)
			}
		})
	}
}

// FuzzDecode: arbitrary values never panic, and what decodes has one encoding.
func FuzzDecode(f *testing.F) {
	for n, r := range records(f) {
		f.Add(byte(n), uint64(7), r.sample)
	}
	kinds := records(f)
	f.Fuzz(func(t *testing.T, kind byte, index uint64, value []byte) {
		r := kinds[int(kind)%len(kinds)]
		again, err := r.again(index, value)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s: %v, want %v", r.name, err, ErrCorrupt)
			}
			return
		}
		if !bytes.Equal(again, value) {
			t.Fatalf("%s: %x decodes and encodes as %x", r.name, value, again)
		}
	})
}

func TestCertificateReadBack(t *testing.T) {
	want := sampleCertificate(t)
	parsed, err := x509.ParseCertificate(want.DER)
	if err != nil {
		t.Fatal(err)
	}
	parsed.SerialNumber.FillBytes(want.Serial[:])
	want.NotBefore, want.NotAfter, want.SPKI = parsed.NotBefore, parsed.NotAfter, parsed.RawSubjectPublicKeyInfo
	got, err := DecodeCertificate(want.Ref, want.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("certificate (-want +got):\n%s", diff)
	}
	if _, err := DecodeCertificate(Ref{2, 8}, want.Encode()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("under another index: %v, want %v", err, ErrCorrupt)
	}
}

// TestDERWalk compares with x509, with dates in both encodings.
func TestDERWalk(t *testing.T) {
	for _, notAfter := range []time.Time{at(10), time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)} {
		c := Certificate{DER: der(t, MaxIndex, notAfter)}
		if err := c.fillFromDER(); err != nil {
			t.Fatal(err)
		}
		want, err := x509.ParseCertificate(c.DER)
		if err != nil {
			t.Fatal(err)
		}
		if !c.NotBefore.Equal(want.NotBefore) || !c.NotAfter.Equal(want.NotAfter) {
			t.Errorf("dates are %v, %v, want %v, %v", c.NotBefore, c.NotAfter, want.NotBefore, want.NotAfter)
		}
		if !bytes.Equal(c.SPKI, want.RawSubjectPublicKeyInfo) || want.SerialNumber.Cmp(new(big.Int).SetBytes(c.Serial[:])) != 0 {
			t.Errorf("key %x, serial %x, want %x, %x", c.SPKI, c.Serial, want.RawSubjectPublicKeyInfo, want.SerialNumber)
		}
		if indexOf(c.Serial) != MaxIndex {
			t.Errorf("index is %d, want %d", indexOf(c.Serial), uint64(MaxIndex))
		}
	}
}

// TestOneEncoding: other ways to write the same record are refused.
func TestOneEncoding(t *testing.T) {
	token := Token{Product: "p", Uses: 1, ExpiresAt: at(0)}
	sound := token.Encode()
	for name, value := range map[string][]byte{
		"unknown format":     append([]byte{2}, sound[1:]...),
		"unknown flag":       append([]byte{1, 2}, sound[2:]...),
		"long varint":        append([]byte{1, 0, 0x81, 0x00}, sound[3:]...),
		"length beyond":      {1, 0, 200, 1},
		"length of 2^64-1":   {1, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1},
		"more used than had": (&Token{Product: "p", Uses: 1, Used: 2}).Encode(),
	} {
		if _, err := DecodeToken([32]byte{}, value); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want %v", name, err, ErrCorrupt)
		}
	}
	known := (&Certificate{Ref: Ref{2, 7}, DER: goldenDER(t), Holder: Holder{Kind: "devicf"}}).Encode()
	spelt := bytes.Replace(known, []byte("devicf"), []byte("device"), 1)
	if _, err := DecodeCertificate(Ref{2, 7}, spelt); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a known word spelt out: %v, want %v", err, ErrCorrupt)
	}
	if c, err := DecodeCertificate(Ref{2, 7}, known); err != nil || c.Holder.Kind != "devicf" {
		t.Errorf("an unknown word: %q, %v", c.Holder.Kind, err)
	}
}

func TestStoredTime(t *testing.T) {
	for _, row := range []struct{ in, want time.Time }{
		{time.Time{}, time.Time{}},
		{time.Unix(0, 0), time.Unix(0, 0).UTC()},
		{time.Unix(-5, 0), time.Unix(0, 0).UTC()},
		{time.Unix(1, 1999), time.Unix(1, 1000).UTC()},
		{time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC), time.UnixMicro(maxMicros).UTC()},
	} {
		if got := StoredTime(row.in); got != row.want {
			t.Errorf("StoredTime(%v) = %v, want %v", row.in, got, row.want)
		}
		d := decoder{rest: appendTime(nil, row.in)}
		if got := d.time(); got != row.want || d.bad || len(d.rest) > 0 {
			t.Errorf("%v reads back as %v, want %v", row.in, got, row.want)
		}
	}
}

func BenchmarkDecodeCertificate(b *testing.B) {
	c := sampleCertificate(b)
	value := c.Encode()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeCertificate(c.Ref, value); err != nil {
			b.Fatal(err)
		}
	}
}
