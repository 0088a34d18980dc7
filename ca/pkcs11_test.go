//go:build cgo && pkcs11

package ca

import (
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/assay-pki/assay/ca/keys"
)

const softHSM = "/usr/lib/softhsm/libsofthsm2.so"

func TestAnAuthorityOnAToken(t *testing.T) {
	if _, err := os.Stat(softHSM); err != nil {
		t.Skip("libsofthsm2 is not installed")
	}
	if _, err := exec.LookPath("softhsm2-util"); err != nil {
		t.Skip("softhsm2-util is not installed")
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\nlog.level = ERROR\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", conf)
	if out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "assay", "--pin", "4711", "--so-pin", "4712").CombinedOutput(); err != nil {
		t.Fatalf("softhsm2-util: %v: %s", err, out)
	}
	b := &bench{clock: &clock{t: epoch}}
	var err error
	b.ring, err = keys.Open(t.Context(), keys.Config{
		Dir: filepath.Join(dir, "keys"), Passphrase: []byte("secret"), KMS: "pkcs11:module-path=" + softHSM + ";token=assay?pin-value=4711",
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := Found(t.Context(), FoundConfig{Name: "acme", PublicURL: publicURL, Hosts: []string{"localhost"}, Keys: b.ring, Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	b.memory = newMemory(f)
	b.restart(t)
	for range 3 {
		made, err := b.authority.Sign(t.Context(), order(t, `{}`))
		if err != nil {
			t.Fatal(err)
		}
		if err := parseCertificate(t, made.DER).CheckSignatureFrom(b.authority.Issuers()[1].Certificate); err != nil {
			t.Error(err)
		}
	}
	if !b.authority.issuers[1].signer.OnToken {
		t.Error("the signer does not know that its key is on a token")
	}
	if _, err := b.authority.Anchor(2); err != nil {
		t.Error(err)
	}
	c, err := OpenCredentials(t.Context(), CredentialConfig{
		Authority: b.authority, Store: b.memory, Keys: b.ring, Dir: filepath.Join(dir, "ca"), Hosts: []string{"localhost"},
		Now: b.clock.now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, signer, ok := c.Responder(2); !ok || signer.OnToken {
		t.Errorf("responder %v", ok)
	}
	if names, err := b.ring.Files().Names(); err != nil || len(names) != 4 {
		t.Errorf("key files: %v, %v", names, err)
	}
	if _, err := Found(t.Context(), FoundConfig{Name: "acme", PublicURL: publicURL, Hosts: []string{"localhost"}, Keys: b.ring, Now: b.clock.now}); !errors.Is(err, keys.ErrExists) {
		t.Errorf("a second founding: %v", err)
	}
	if _, err := b.ring.Signer(t.Context(), "root"); err != nil {
		t.Errorf("the root's key after it: %v", err)
	}
}
