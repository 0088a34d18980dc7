package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/lint"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// deviceKeys is one public key of each type.
func deviceKeys(t testing.TB) map[profile.KeyType]crypto.PublicKey {
	t.Helper()
	list := map[profile.KeyType]crypto.PublicKey{}
	for _, kind := range []profile.KeyType{
		profile.ECP256, profile.ECP384, profile.ECP521, profile.Ed25519, profile.RSA2048, profile.RSA3072, profile.RSA4096,
	} {
		public, err := throwaway(kind)
		if err != nil {
			t.Fatal(err)
		}
		list[kind] = public
	}
	return list
}

// The oracle: what crypto/x509 signs for the same facts is the same, octet for
// octet, but for the signature.
func TestTheCompiledTBSIsThatOfX509(t *testing.T) {
	late := time.Date(2045, 6, 1, 0, 0, 0, 0, time.UTC)
	publics := deviceKeys(t)
	for _, row := range []struct {
		name, spec string
		at         time.Time
		only       profile.KeyType // all when empty
	}{
		{name: "plain", at: epoch, spec: `{` + everyKey + `}`},
		{name: "crl only", at: epoch, only: profile.ECP256, spec: `{"operational":{"status":["crl"]}}`},
		{name: "ocsp only", at: epoch, only: profile.ECP256, spec: `{"operational":{"status":["ocsp"]}}`},
		{name: "names", at: epoch, spec: `{` + everyKey + `,"roles":["sensor"],"operational":{"validity":"825d","san":{"dns":["{serial}.devices.example.com","{site}.example.com"],"uri":["urn:dev:{product}:{serial}"]}}}`},
		{name: "after 2049", at: late, only: profile.ECP256, spec: `{"operational":{"validity":"825d"}}`},
		{name: "into 2050", at: time.Date(2049, 12, 1, 0, 0, 0, 0, time.UTC), only: profile.RSA4096, spec: `{` + everyKey + `}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := found(t, publicURL, row.at)
			for kind, public := range publics {
				if row.only == "" || row.only == kind {
					checkOracle(t, b, compiled(t, row.spec), public, kind)
				}
			}
		})
	}
}

func checkOracle(t *testing.T, b *bench, p *profile.Profile, public crypto.PublicKey, kind profile.KeyType) {
	t.Helper()
	names := profile.Names{Product: "sensor-s1", Serial: "SN-00000001", Site: "leipzig", Batch: "w47"}
	made, err := b.authority.Sign(t.Context(), profile.Order{Profile: p, Names: names, SPKI: spkiOf(t, public)})
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	devices := b.authority.Issuers()[1]
	subject := pkix.Name{Organization: []string{"acme"}, OrganizationalUnit: p.Roles, CommonName: names.Serial, SerialNumber: names.Serial}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(made.Serial[:]), Subject: subject,
		NotBefore: made.NotBefore, NotAfter: made.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		SubjectKeyId:          oracleKeyID(t, public),
		IssuingCertificateURL: []string{publicURL + "/ca/devices-1.cer"},
	}
	if p.Status.CRL {
		template.CRLDistributionPoints = []string{publicURL + "/crl/devices-1/0.crl"}
	}
	if p.Status.OCSP {
		template.OCSPServer = []string{publicURL + "/ocsp"}
	}
	if san, _ := p.SAN(names); san != nil {
		u, _ := url.Parse("urn:dev:sensor-s1:SN-00000001")
		template.DNSNames = []string{"SN-00000001.devices.example.com", "leipzig.example.com"}
		template.URIs = []*url.URL{u}
	}
	key, err := b.ring.Signer(t.Context(), "devices-1")
	if err != nil {
		t.Fatal(err)
	}
	want, err := x509.CreateCertificate(rand.Reader, template, devices.Certificate, public, key)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	got := parseCertificate(t, made.DER)
	if !bytes.Equal(got.RawTBSCertificate, parseCertificate(t, want).RawTBSCertificate) {
		t.Errorf("%s: the TBSCertificate differs:\ngot  %x\nwant %x", kind, got.RawTBSCertificate, parseCertificate(t, want).RawTBSCertificate)
	}
	if err := got.CheckSignatureFrom(devices.Certificate); err != nil {
		t.Errorf("%s: %v", kind, err)
	}
}

// oracleKeyID lets crypto/x509 make the identifier: from Go 1.25 it is method 1
// of RFC 7093.
func oracleKeyID(t *testing.T, public crypto.PublicKey) []byte {
	t.Helper()
	key, _ := keys.Generate(keys.ECP256)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: epoch, BasicConstraintsValid: true, IsCA: true}
	parent := &x509.Certificate{PublicKey: key.Public()}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	return parseCertificate(t, der).SubjectKeyId
}

func order(t testing.TB, spec string) profile.Order {
	t.Helper()
	return profile.Order{Profile: compiled(t, spec), Names: profile.Names{Product: "sensor-s1", Serial: "SN-1"}, SPKI: newSPKI(t)}
}

func TestValidity(t *testing.T) {
	now := epoch.Truncate(time.Second)
	for _, row := range []struct {
		name, url, spec     string
		at                  time.Duration // after founding
		ordered             time.Time
		notBefore, notAfter time.Time
		class               store.Class
	}{
		{name: "the profile's", url: publicURL, spec: `{}`, notBefore: now.Add(-10 * time.Minute), notAfter: now.Add(90 * profile.Day), class: store.ShortLived},
		{name: "long", url: publicURL, spec: `{"operational":{"validity":"825d"}}`, notBefore: now.Add(-10 * time.Minute), notAfter: now.Add(825 * profile.Day), class: store.LongLived},
		{name: "ordered", url: publicURL, spec: `{"operational":{"validity":"825d"}}`, ordered: now.Add(time.Hour + time.Millisecond), notBefore: now.Add(-10 * time.Minute), notAfter: now.Add(time.Hour), class: store.ShortLived},
		{name: "ordered too long", url: publicURL, spec: `{}`, ordered: endOfTime(), notBefore: now.Add(-10 * time.Minute), notAfter: now.Add(90 * profile.Day), class: store.ShortLived},
		{name: "local", spec: `{"operational":{"validity":"825d"}}`, notBefore: now.Add(-10 * time.Minute), notAfter: now.Add(7 * profile.Day), class: store.ShortLived},
		{name: "the issuer ends", url: publicURL, at: issuerLife - profile.Day, spec: `{}`, notBefore: now.Add(issuerLife - profile.Day - 10*time.Minute), notAfter: now.Add(issuerLife), class: store.ShortLived},
		{name: "the issuer begins", url: publicURL, at: -24*time.Hour + time.Minute, spec: `{}`, notBefore: now.Add(-24 * time.Hour), notAfter: now.Add(-24*time.Hour + time.Minute + 90*profile.Day), class: store.ShortLived},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := found(t, row.url, epoch)
			b.clock.advance(row.at)
			o := order(t, row.spec)
			o.NotAfter = row.ordered
			made, err := b.authority.Sign(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			c := parseCertificate(t, made.DER)
			if !c.NotBefore.Equal(row.notBefore) || !c.NotAfter.Equal(row.notAfter) || !made.NotAfter.Equal(row.notAfter) || !made.NotBefore.Equal(row.notBefore) {
				t.Errorf("got %v to %v\nwant %v to %v", c.NotBefore, c.NotAfter, row.notBefore, row.notAfter)
			}
			if _, ok := b.memory.blocks[runKey{2, row.class}]; !ok {
				t.Errorf("not of class %d: %v", row.class, b.memory.blocks)
			}
		})
	}
	b := found(t, publicURL, epoch)
	b.clock.advance(issuerLife)
	if _, err := b.authority.Sign(t.Context(), order(t, `{}`)); !errors.Is(err, ErrIssuerExpired) {
		t.Errorf("got %v, want ErrIssuerExpired", err)
	}
	o := order(t, `{}`)
	o.NotAfter = epoch
	if _, err := b.authority.Sign(t.Context(), o); !errors.Is(err, ErrIssuerExpired) {
		t.Errorf("got %v, want ErrIssuerExpired", err)
	}
}

func TestOrdersThatAreRefused(t *testing.T) {
	b := found(t, publicURL, epoch)
	p384, _ := keys.Generate(keys.ECP384)
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	for name, row := range map[string]struct {
		change func(*profile.Order)
		want   error
	}{
		"no profile":       {func(o *profile.Order) { o.Profile = nil }, ErrKey},
		"no key":           {func(o *profile.Order) { o.SPKI = nil }, ErrKey},
		"long key":         {func(o *profile.Order) { o.SPKI = make([]byte, 4096) }, ErrKey},
		"noise":            {func(o *profile.Order) { o.SPKI = []byte{0x30, 3, 1, 2, 3} }, ErrKey},
		"key not allowed":  {func(o *profile.Order) { o.SPKI = spkiOf(t, p384.Public()) }, ErrKey},
		"P-224":            {func(o *profile.Order) { o.SPKI = spkiOf(t, p224.Public()) }, ErrKey},
		"point off curve":  {func(o *profile.Order) { o.SPKI = bytes.Clone(o.SPKI); o.SPKI[len(o.SPKI)-1] ^= 1 }, ErrKey},
		"octets after":     {func(o *profile.Order) { o.SPKI = append(bytes.Clone(o.SPKI), 0) }, ErrKey},
		"no serial":        {func(o *profile.Order) { o.Names.Serial = "" }, profile.ErrName},
		"control in names": {func(o *profile.Order) { o.Names.Serial = "a\nb" }, profile.ErrName},
	} {
		o := order(t, `{"keys":{"allow":["ec-p256"]}}`)
		row.change(&o)
		if made, err := b.authority.Sign(t.Context(), o); !errors.Is(err, row.want) || made.DER != nil {
			t.Errorf("%s: got %v, want %v", name, err, row.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.authority.Sign(ctx, order(t, `{}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestIndicesAreGivenOnce(t *testing.T) {
	b := found(t, publicURL, epoch)
	// Near the end of the first block, so that the second is leased on the way.
	b.memory.blocks[runKey{2, store.ShortLived}] = store.Block{Issuer: 2, Class: store.ShortLived, First: 0, End: profile.ShardSize}
	b.memory.nextShard[2] = 1
	b.memory.certificates[store.Ref{Issuer: 2, Index: profile.ShardSize - 21}] = store.Certificate{}
	b.restart(t)
	o := order(t, `{}`)
	var mu sync.Mutex
	seen := map[uint64]bool{}
	serials := map[[16]byte]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				made, err := b.authority.Sign(t.Context(), o)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if seen[made.Index] || serials[made.Serial] {
					t.Errorf("index %d given twice", made.Index)
				}
				seen[made.Index], serials[made.Serial] = true, true
				mu.Unlock()
				c, _ := x509.ParseCertificate(made.DER)
				if want := fmt.Sprintf("%s/crl/devices-1/%d.crl", publicURL, made.Index/profile.ShardSize); c.CRLDistributionPoints[0] != want {
					t.Errorf("index %d: CDP %s", made.Index, c.CRLDistributionPoints[0])
				}
			}
		})
	}
	wg.Wait()
	for i := range uint64(80) {
		if !seen[profile.ShardSize-20+i] {
			t.Errorf("index %d left out", profile.ShardSize-20+i)
		}
	}
	if b.memory.leases != 1 {
		t.Errorf("%d leases, want 1", b.memory.leases)
	}
}

func TestARestartGoesOnInTheBlock(t *testing.T) {
	b := found(t, publicURL, epoch)
	o := order(t, `{}`)
	first, err := b.authority.Sign(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	b.memory.certificates[store.Ref{Issuer: 2, Index: first.Index}] = store.Certificate{}
	lost, err := b.authority.Sign(t.Context(), o) // signed, never committed
	if err != nil {
		t.Fatal(err)
	}
	b.restart(t)
	again, err := b.authority.Sign(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if again.Index != lost.Index || again.Serial == lost.Serial || b.memory.leases != 1 {
		t.Errorf("index %d after %d, %d leases", again.Index, lost.Index, b.memory.leases)
	}
}

func TestWhenNoBlockCanBeLeased(t *testing.T) {
	b := found(t, publicURL, epoch)
	b.memory.failLease = errors.New("disk full")
	if _, err := b.authority.Sign(t.Context(), order(t, `{}`)); !errors.Is(err, ErrBlocks) {
		t.Errorf("got %v, want ErrBlocks", err)
	}
	b.memory.failLease = store.ErrIndexExhausted
	if _, err := b.authority.Sign(t.Context(), order(t, `{}`)); !errors.Is(err, store.ErrIndexExhausted) || !strings.Contains(err.Error(), "assay ca rotate") {
		t.Errorf("got %v, want ErrIndexExhausted", err)
	}
	b.memory.failLease = nil
	if _, err := b.authority.Sign(t.Context(), order(t, `{}`)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	b.authority.LeaseFrom(nil)
	if _, err := b.authority.Operator(t.Context(), OperatorRequest{Name: "mira", SPKI: newSPKI(t)}); !errors.Is(err, ErrBlocks) {
		t.Errorf("got %v, want ErrBlocks", err)
	}
	b.authority.LeaseFrom(wrongBlocks{})
	if _, err := b.authority.Operator(t.Context(), OperatorRequest{Name: "mira", SPKI: newSPKI(t)}); !errors.Is(err, ErrBlocks) {
		t.Errorf("got %v, want ErrBlocks", err)
	}
}

type wrongBlocks struct{}

func (wrongBlocks) Lease(_ context.Context, issuer store.IssuerID, class store.Class) (store.Block, error) {
	return store.Block{Issuer: issuer, Class: class, First: 5, End: 10}, nil
}

// blockedBlocks lets the test decide when a lease ends.
type blockedBlocks struct {
	entered, release chan struct{}
	*memory
}

func (s blockedBlocks) Lease(ctx context.Context, issuer store.IssuerID, class store.Class) (store.Block, error) {
	s.entered <- struct{}{}
	select {
	case <-s.release:
		return s.memory.Lease(ctx, issuer, class)
	case <-ctx.Done():
		return store.Block{}, ctx.Err()
	}
}

func TestOneLeaseAtATime(t *testing.T) {
	b := found(t, publicURL, epoch)
	slow := blockedBlocks{make(chan struct{}), make(chan struct{}), b.memory}
	b.authority.LeaseFrom(slow)
	o := order(t, `{}`)
	first, cancelFirst := context.WithCancel(t.Context())
	results := make(chan error, 3)
	go func() { _, err := b.authority.Sign(first, o); results <- err }()
	<-slow.entered
	waiting, cancelWaiting := context.WithCancel(t.Context())
	go func() { _, err := b.authority.Sign(waiting, o); results <- err }()
	cancelWaiting()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Errorf("the waiting one: %v", err)
	}
	// The one that leases gives up; the next leases for itself.
	go func() { _, err := b.authority.Sign(t.Context(), o); results <- err }()
	cancelFirst()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Errorf("the leasing one: %v", err)
	}
	<-slow.entered
	close(slow.release)
	if err := <-results; err != nil {
		t.Errorf("the next: %v", err)
	}
	if b.memory.leases != 1 {
		t.Errorf("%d leases", b.memory.leases)
	}
}

// faultyKey signs another digest: a module whose memory is damaged.
type faultyKey struct{ crypto.Signer }

func (k faultyKey) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	wrong := bytes.Clone(digest)
	wrong[0] ^= 1
	return k.Signer.Sign(r, wrong, o)
}

func TestAWrongSignatureIsNotReleased(t *testing.T) {
	b := found(t, publicURL, epoch)
	i := b.authority.issuers[1]
	key, err := b.ring.Signer(t.Context(), "devices-1")
	if err != nil {
		t.Fatal(err)
	}
	if i.signer, err = keys.NewSigner(faultyKey{key}); err != nil {
		t.Fatal(err)
	}
	if !i.signer.OnToken {
		t.Fatal("an unknown signer is taken for a key in memory")
	}
	for range 3 {
		if _, err := b.authority.Sign(t.Context(), order(t, `{}`)); !errors.Is(err, ErrSigner) || !errors.Is(err, keys.ErrSignature) {
			t.Errorf("got %v, want ErrSigner", err)
		}
	}
	if _, err := b.authority.SignTBS(t.Context(), 2, []byte{0x30, 0}); !errors.Is(err, ErrSigner) {
		t.Errorf("SignTBS: got %v, want ErrSigner", err)
	}
	if _, err := b.authority.Responder(t.Context(), ResponderRequest{Issuer: 2, SPKI: newSPKI(t)}); !errors.Is(err, ErrSigner) {
		t.Errorf("Responder: got %v, want ErrSigner", err)
	}
	// A key in memory is looked at once in 64 times, the first included.
	i.signer.OnToken = false
	refused := 0
	i.signed.Store(0)
	for range 128 {
		if _, err := b.authority.Sign(t.Context(), order(t, `{}`)); err != nil {
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d of 128 verified, want 2", refused)
	}
}

func TestSignTBSMakesCRLs(t *testing.T) {
	b := found(t, publicURL, epoch)
	for _, i := range b.authority.Issuers() {
		key, err := b.ring.Signer(t.Context(), i.Name)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: epoch, NextUpdate: epoch.Add(time.Hour)}, i.Certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		crl, _ := x509.ParseRevocationList(theirs)
		if !bytes.Contains(crl.RawTBSRevocationList, b.authority.SignatureAlgorithm(i.ID)) {
			t.Errorf("%s: another algorithm", i.Name)
		}
		ours, err := b.authority.SignTBS(t.Context(), i.ID, crl.RawTBSRevocationList)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseRevocationList(ours)
		if err != nil {
			t.Fatal(err)
		}
		if err := parsed.CheckSignatureFrom(i.Certificate); err != nil {
			t.Errorf("%s: %v", i.Name, err)
		}
	}
	if _, err := b.authority.SignTBS(t.Context(), 9, nil); !errors.Is(err, ErrIssuer) || b.authority.SignatureAlgorithm(9) != nil {
		t.Errorf("issuer 9: %v", err)
	}
}

func TestCheckLintsAProfile(t *testing.T) {
	b := found(t, publicURL, epoch)
	for _, spec := range []string{
		`{}`, `{` + everyKey + `,"roles":["a","b"],"operational":{"status":["ocsp"],"san":{"dns":["{serial}.{site}.example.com"],"uri":["urn:x:{batch}"]}}}`,
	} {
		if err := b.authority.Check(t.Context(), compiled(t, spec)); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
	}
	if b.memory.leases != 0 {
		t.Error("a check took an index")
	}
	product, _ := profile.ParseProduct("sensor-s1", []byte(`{"operational":{"validity":"826d"}}`))
	long, err := product.Compile(1, "acme", profile.IssuerLimits{})
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := errors.AsType[*profile.FaultsError](b.authority.Check(t.Context(), long)); !ok || e.Faults[0].At != "operational.validity" {
		t.Errorf("got %v", e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.authority.Check(ctx, compiled(t, `{}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	// The throwaway certificate must not verify under the issuer.
	i := b.authority.issuers[1]
	signer, err := standIn(i)
	if err != nil {
		t.Fatal(err)
	}
	if signer.Key.Public().(*ecdsa.PublicKey).Equal(i.Certificate.PublicKey) {
		t.Error("a check signs with the issuer's key")
	}
}

func TestALintedFaultIsReturned(t *testing.T) {
	b := found(t, publicURL, epoch)
	b.authority.issuers[1].shapes[3].usage = nil // a fault of ours
	_, err := b.authority.Sign(t.Context(), order(t, `{}`))
	if e, ok := errors.AsType[*lint.Error](err); !ok || len(e.Findings) != 2 {
		t.Errorf("got %v, want two findings", err)
	}
}

func BenchmarkSign(b *testing.B) {
	bench := found(b, publicURL, epoch)
	o := order(b, `{"serial_pattern":"^SN-[0-9]+$"}`)
	if _, err := bench.authority.Sign(b.Context(), o); err != nil {
		b.Fatal(err)
	}
	floor := verifyFloor(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bench.authority.Sign(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/floor, "v/op")
}

// verifyFloor is the time of one P-256 verification, in ns: the unit v.
func verifyFloor(b *testing.B) float64 {
	b.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	digest := make([]byte, 32)
	signature, _ := ecdsa.SignASN1(rand.Reader, key, digest)
	const n = 3000
	start := time.Now()
	for range n {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest, signature) {
			b.Fatal("does not verify")
		}
	}
	return float64(time.Since(start).Nanoseconds()) / n
}
