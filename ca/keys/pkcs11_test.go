//go:build cgo && pkcs11

package keys

import (
	"crypto/ecdsa"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const softHSM = "/usr/lib/softhsm/libsofthsm2.so"

// softHSMURI makes a token of SoftHSM2 in a directory of its own.
func softHSMURI(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(softHSM); err != nil {
		t.Skip("libsofthsm2 is not installed")
	}
	if _, err := exec.LookPath("softhsm2-util"); err != nil {
		t.Skip("softhsm2-util is not installed")
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := errors.Join(
		os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "pin"), []byte("4711"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", conf)
	out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "assay", "--pin", "4711", "--so-pin", "4712").CombinedOutput()
	if err != nil {
		t.Fatalf("softhsm2-util: %v: %s", err, out)
	}
	return "pkcs11:module-path=" + softHSM + ";token=assay?pin-source=" + filepath.Join(dir, "pin")
}

func TestKeysOnAToken(t *testing.T) {
	uri := softHSMURI(t)
	c := Config{Dir: keyDir(t), Passphrase: []byte("x"), KMS: uri}
	r, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]Kind{"root": ECP384, "devices-1": ECP256} {
		key, err := r.Create(t.Context(), name, kind)
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewSigner(key)
		if err != nil {
			t.Fatal(err)
		}
		if !s.OnToken {
			t.Errorf("%s: not on the token", name)
		}
		der, err := s.Sign([]byte{0x30, 0})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(der); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Create(t.Context(), "root", ECP384); !errors.Is(err, ErrExists) {
		t.Errorf("got %v, want ErrExists", err)
	}
	if _, err := r.Create(t.Context(), "ed", Ed25519); err == nil {
		t.Error("Ed25519 on a token")
	}
	if names, err := r.Files().Names(); err != nil || len(names) != 0 {
		t.Errorf("files: %v, %v", names, err)
	}
	// The module allows one login a process: the same token, a fresh cache.
	again := newRing(r.backend)
	key, err := again.Signer(t.Context(), "devices-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := key.Public().(*ecdsa.PublicKey); !ok {
		t.Errorf("got %T", key.Public())
	}
	if _, err := again.Signer(t.Context(), "devices-2"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if err := again.Remove(t.Context(), "devices-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := newRing(r.backend).Signer(t.Context(), "devices-1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after Remove: %v, want ErrNotFound", err)
	}
	_, err = Open(t.Context(), Config{Dir: c.Dir, Passphrase: c.Passphrase, KMS: strings.Replace(uri, "token=assay", "token=other", 1)})
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("another token: %v", err)
	}
}
