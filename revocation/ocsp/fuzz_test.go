package ocsp

import (
	"bytes"
	"crypto"
	"crypto/x509/pkix"
	"testing"
	"time"

	xocsp "golang.org/x/crypto/ocsp"
)

// FuzzParseRequest: nothing panics, the limits hold, and what is accepted the
// oracle reads alike.
func FuzzParseRequest(f *testing.F) {
	a := newAuthority(f, func() time.Time { return noon })
	cert := a.neverIssued(devices, 1)
	f.Add(a.question(devices, cert, crypto.SHA1))
	f.Add(a.question(devices, cert, crypto.SHA512))
	nonce := a.wireRequest(devices, cert, cert)
	nonce.TBS.Extensions = []pkix.Extension{nonceOf(marshal(f, []byte{1, 2, 3}))}
	f.Add(marshal(f, nonce))
	nonce.TBS.List[0].Extensions = []pkix.Extension{{Id: oidOther, Critical: true}}
	f.Add(marshal(f, nonce))
	f.Fuzz(func(t *testing.T, der []byte) {
		q, err := parseRequest(der)
		if err != nil {
			return
		}
		if len(q.ids) == 0 || len(q.ids) > maxRequests || q.nonce != nil && (len(q.nonce) == 0 || len(q.nonce) > maxNonce) {
			t.Fatalf("%d requests, nonce of %d octets", len(q.ids), len(q.nonce))
		}
		want, err := xocsp.ParseRequest(der)
		if err != nil {
			return
		}
		if first := q.ids[0]; !bytes.Equal(first.nameHash, want.IssuerNameHash) || !bytes.Equal(first.keyHash, want.IssuerKeyHash) {
			t.Errorf("got %x %x, the oracle has %x %x", first.nameHash, first.keyHash, want.IssuerNameHash, want.IssuerKeyHash)
		}
	})
}

// FuzzHandler: any octets are answered with one of our own DER answers.
func FuzzHandler(f *testing.F) {
	a := newAuthority(f, func() time.Time { return noon })
	r := a.responder()
	f.Add(a.question(devices, a.neverIssued(devices, 1), crypto.SHA256))
	f.Fuzz(func(t *testing.T, der []byte) {
		answer := r.Answer(t.Context(), der)
		if len(answer) < 5 || answer[0] != 0x30 {
			t.Errorf("%x", answer)
		}
	})
}
