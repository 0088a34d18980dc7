package crl

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// FuzzParse: what the check before publication accepts, crypto/x509 accepts, and
// both see the same list. Nothing panics.
func FuzzParse(f *testing.F) {
	a := newAuthority(f, func() time.Time { return noon })
	i := a.issuers[devices]
	for _, n := range []int{0, 1, 5} {
		h := &header{
			algorithm: i.signer.Algorithm, issuer: i.cert.RawSubject, thisUpdate: noon, nextUpdate: noon.AddDate(30, 0, 0),
			keyID: i.cert.SubjectKeyId, number: 1 << 40, idp: shardIDP(profile.ShardURL(baseURL, "devices-1", 0)),
		}
		e := newEncoder(0, h)
		for index := range n {
			e.add(&store.Revocation{
				Serial: [16]byte{0: 1, 15: byte(index)}, RevokedAt: noon, InvalidAt: noon,
				Reason: []uint8{0, 1, 6, 9, 10}[index%5],
			})
		}
		tbs, err := e.finish(h)
		if err != nil {
			f.Fatal(err)
		}
		der, err := i.signer.Sign(tbs)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		l, err := parse(der)
		if err != nil {
			return
		}
		w := l.walk()
		count := 0
		for w.next() {
			count++
		}
		if w.err != nil {
			return
		}
		oracle, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Skipf("the oracle is stricter: %v", err)
		}
		if len(oracle.RevokedCertificateEntries) != count || !oracle.ThisUpdate.Equal(l.thisUpdate) || oracle.Number.Uint64() != l.number {
			t.Errorf("%d entries, number %d, thisUpdate %s; the oracle has %d, %d, %s", count, l.number, l.thisUpdate,
				len(oracle.RevokedCertificateEntries), oracle.Number, oracle.ThisUpdate)
		}
	})
}
