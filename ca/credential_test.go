package ca

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

func (b *bench) config(dir string, hosts ...string) CredentialConfig {
	return CredentialConfig{
		Authority: b.authority, Store: b.memory, Keys: b.ring, Dir: dir, Hosts: hosts,
		Now: b.clock.now, Log: slog.New(slog.DiscardHandler),
	}
}

func (b *bench) open(t *testing.T, dir string) *Credentials {
	t.Helper()
	c, err := OpenCredentials(t.Context(), b.config(dir, "localhost", "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// served returns the certificates in use, by slot.
func served(c *Credentials) map[string]string {
	list := map[string]string{}
	for _, s := range c.slots {
		list[s.name] = string(s.held.Load().certificate.Raw)
	}
	return list
}

// checkCredentials: every credential is in the store, on disk and beside its
// key, and no other key of a credential is left.
func checkCredentials(t *testing.T, b *bench, c *Credentials, dir string) {
	t.Helper()
	names, err := b.ring.Names()
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, name := range names {
		if strings.HasPrefix(name, "tls-") || strings.HasPrefix(name, "ocsp-") {
			count++
		}
	}
	if count != len(c.slots) {
		t.Errorf("%d keys for %d credentials: %v", count, len(c.slots), names)
	}
	for _, s := range c.slots {
		held := s.held.Load()
		index, _ := profile.IndexOf(held.certificate.SerialNumber.Bytes())
		record, err := b.memory.Certificate(t.Context(), store.Ref{Issuer: s.issuer, Index: index})
		if err != nil || !bytes.Equal(record.DER, held.certificate.Raw) || record.Holder.Kind != store.HolderServer {
			t.Errorf("%s: not in the store: %+v, %v", s.name, record, err)
		}
		if _, err := held.signer.Sign([]byte{0x30, 0}); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, s.name+".crt")); err != nil || !strings.HasPrefix(string(text), "-----BEGIN CERTIFICATE-----") {
			t.Errorf("%s: %s, %v", s.name, text, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); left != nil {
		t.Errorf("temporary files left: %v", left)
	}
}

func TestCredentialsLiveThroughRestartAndRenewal(t *testing.T) {
	b := found(t, publicURL, epoch)
	dir := filepath.Join(t.TempDir(), "ca")
	c := b.open(t, dir)
	checkCredentials(t, b, c, dir)
	first := served(c)
	if len(first) != 4 {
		t.Fatalf("%d credentials", len(first))
	}
	again := b.open(t, dir)
	for name, der := range served(again) {
		if der != first[name] {
			t.Errorf("%s: made anew at a restart", name)
		}
	}
	// Half of a responder's 14 days: the responders are renewed, TLS is not.
	b.clock.advance(7*profile.Day + time.Minute)
	if err := again.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, der := range served(again) {
		if changed := der != first[name]; changed != (name != "tls") {
			t.Errorf("%s: changed %v", name, changed)
		}
	}
	checkCredentials(t, b, again, dir)
	b.clock.advance(38 * profile.Day)
	last := b.open(t, dir)
	if served(last)["tls"] == first["tls"] {
		t.Error("the TLS certificate is past half of its life and was not renewed")
	}
	checkCredentials(t, b, last, dir)
	if err := last.Warm(t.Context()); err != nil {
		t.Error(err)
	}
	for _, i := range b.authority.Issuers() {
		der, signer, ok := last.Responder(i.ID)
		if ok != (i.Kind != store.KindRoot) {
			t.Errorf("%s: responder %v", i.Name, ok)
		}
		if !ok {
			continue
		}
		if p, same := signer.Key.Public().(interface{ Equal(x any) bool }); same && !p.Equal(parseCertificate(t, der).PublicKey) {
			t.Errorf("%s: key and certificate differ", i.Name)
		}
	}
}

func TestCredentialsAreMadeAnewWhenTheyCannotBeUsed(t *testing.T) {
	b := found(t, publicURL, epoch)
	dir := filepath.Join(t.TempDir(), "ca")
	c := b.open(t, dir)
	tlsFile := filepath.Join(dir, "tls.crt")
	ref := func() store.Ref {
		index, _ := profile.IndexOf(c.TLS().Leaf.SerialNumber.Bytes())
		return store.Ref{Issuer: 3, Index: index}
	}
	for _, row := range []struct {
		name   string
		damage func()
	}{
		{"file missing", func() { os.Remove(tlsFile) }},
		{"file torn", func() { os.WriteFile(tlsFile, []byte("-----BEGIN CERTIFICATE-----\nAAAA"), 0o600) }},
		{"file of noise", func() {
			os.WriteFile(tlsFile, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0o600)
		}},
		{"another's file", func() {
			text, _ := os.ReadFile(filepath.Join(dir, "ocsp-devices-1.crt"))
			os.WriteFile(tlsFile, text, 0o600)
		}},
		{"key missing", func() { b.ring.Remove(t.Context(), c.slots[0].held.Load().key) }},
		{"record missing", func() { delete(b.memory.certificates, ref()) }},
		{"revoked", func() {
			record := b.memory.certificates[ref()]
			record.Status = store.Revoked
			b.memory.certificates[ref()] = record
		}},
		{"clock back", func() { b.clock.advance(-time.Hour) }},
	} {
		before := served(c)
		row.damage()
		c = b.open(t, dir)
		if served(c)["tls"] == before["tls"] {
			t.Errorf("%s: still in use", row.name)
		}
		checkCredentials(t, b, c, dir)
	}
	before := served(c)
	other, err := OpenCredentials(t.Context(), b.config(dir, "est.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	for name, der := range served(other) {
		if (der != before[name]) != (name == "tls") {
			t.Errorf("other hosts: %s changed %v", name, der != before[name])
		}
	}
	if got := other.TLS().Leaf.DNSNames; len(got) != 1 || got[0] != "est.example.com" {
		t.Errorf("hosts %v", got)
	}
}

// The failure pair: failed and not stored, failed but stored. Either way what
// was good stays in use, and nothing uncommitted is ever served.
func TestCredentialsWhenTheStoreFails(t *testing.T) {
	for _, stored := range []bool{false, true} {
		b := found(t, publicURL, epoch)
		dir := filepath.Join(t.TempDir(), "ca")
		b.memory.failIssue, b.memory.storeFirst = store.ErrUnavailable, stored
		if _, err := OpenCredentials(t.Context(), b.config(dir, "localhost")); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		b.memory.failIssue = nil
		c := b.open(t, dir)
		checkCredentials(t, b, c, dir)
		before := served(c)
		b.clock.advance(8 * profile.Day)
		b.memory.failIssue = store.ErrUnavailable
		if err := c.Renew(t.Context()); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "ocsp-devices-1") {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		again, err := OpenCredentials(t.Context(), b.config(dir, "localhost", "127.0.0.1"))
		if err != nil {
			t.Fatalf("what is good must do: %v", err)
		}
		for name, der := range served(again) {
			if der != before[name] {
				t.Errorf("%s: not committed and in use", name)
			}
		}
		b.memory.failIssue, b.memory.failRead = nil, store.ErrUnavailable
		if err := again.Renew(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a store that cannot be read: %v", err)
		}
		b.memory.failRead = nil
		if err := again.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkCredentials(t, b, again, dir)
	}
}

func TestCredentialsThatCannotBeOpened(t *testing.T) {
	b := found(t, publicURL, epoch)
	good := b.config(filepath.Join(t.TempDir(), "ca"), "localhost")
	for name, change := range map[string]func(*CredentialConfig){
		"no authority": func(c *CredentialConfig) { c.Authority = nil },
		"no hosts":     func(c *CredentialConfig) { c.Hosts = nil },
		"no directory": func(c *CredentialConfig) { c.Dir = "" },
	} {
		c := good
		change(&c)
		if _, err := OpenCredentials(t.Context(), c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v, want ErrConfig", name, err)
		}
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := good
	c.Dir = filepath.Join(blocked, "ca")
	if _, err := OpenCredentials(t.Context(), c); err == nil {
		t.Error("opened below a file")
	}
	long := good
	if err := errors.Join(os.MkdirAll(long.Dir, 0o700), os.WriteFile(filepath.Join(long.Dir, "tls.crt"), make([]byte, maxPEMBytes+1), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCredentials(t.Context(), long); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("a long file: %v", err)
	}
}

// Over real TLS, at the real time: the client knows the root alone.
func TestCredentialsServeTLS(t *testing.T) {
	b := found(t, publicURL, time.Now())
	c := b.open(t, filepath.Join(t.TempDir(), "ca"))
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.TLS(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, err = io.WriteString(conn, "hello")
			err = errors.Join(err, conn.Close())
		}
		done <- err
	}()
	roots := x509.NewCertPool()
	roots.AddCert(b.authority.Issuers()[0].Certificate)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	conn, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", port), &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := io.ReadAll(conn); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCredentialKeysAreFilesBesideAToken(t *testing.T) {
	b := found(t, publicURL, epoch)
	c := b.open(t, filepath.Join(t.TempDir(), "ca"))
	if _, signer, _ := c.Responder(2); signer.OnToken {
		t.Error("a responder's key is taken for one on a token")
	}
	if names, err := b.ring.Files().Names(); err != nil || len(names) != 8 {
		t.Errorf("%v, %v", names, err)
	}
}
