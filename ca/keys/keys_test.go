package keys

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func open(t *testing.T, dir string) *Ring {
	t.Helper()
	r, err := Open(t.Context(), Config{Dir: dir, Passphrase: []byte("correct horse")})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func keyDir(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "keys")
}

func TestAKeyIsThereAfterARestart(t *testing.T) {
	dir := keyDir(t)
	r := open(t, dir)
	made, err := r.Create(t.Context(), "devices-1", ECP256)
	if err != nil {
		t.Fatal(err)
	}
	if cached, err := r.Signer(t.Context(), "devices-1"); err != nil || cached != made {
		t.Errorf("the ring does not keep what it made: %v", err)
	}
	read, err := open(t, dir).Signer(t.Context(), "devices-1")
	if err != nil {
		t.Fatal(err)
	}
	if !read.(*ecdsa.PrivateKey).Equal(made) {
		t.Error("another key came back")
	}
	info, err := os.Stat(filepath.Join(dir, "devices-1.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "devices-1.key"))
	if err != nil {
		t.Fatal(err)
	}
	if block, _ := pem.Decode(text); block == nil || block.Type != "ENCRYPTED PRIVATE KEY" {
		t.Errorf("not encrypted PKCS#8:\n%s", text)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".new-*")); left != nil {
		t.Errorf("temporary files left: %v", left)
	}
}

func TestAKeyIsNeverReplaced(t *testing.T) {
	dir := keyDir(t)
	a, b := open(t, dir), open(t, dir)
	if _, err := a.Create(t.Context(), "root", ECP384); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(filepath.Join(dir, "root.key"))
	for _, r := range []*Ring{a, b} {
		if _, err := r.Create(t.Context(), "root", ECP256); !errors.Is(err, ErrExists) {
			t.Errorf("got %v, want ErrExists", err)
		}
	}
	// Another process makes it between the look and the link.
	if err := createFile(filepath.Join(dir, "root.key"), []byte("x")); !errors.Is(err, ErrExists) {
		t.Errorf("got %v, want ErrExists", err)
	}
	if after, _ := os.ReadFile(filepath.Join(dir, "root.key")); !bytes.Equal(before, after) {
		t.Error("the key was changed")
	}
}

func TestErrorsOfOpening(t *testing.T) {
	dir := keyDir(t)
	r := open(t, dir)
	if _, err := r.Create(t.Context(), "devices-1", ECP256); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "devices-1.key")
	good, _ := os.ReadFile(path)
	block, _ := pem.Decode(good)
	damaged := func(b []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: b})
	}
	short := bytes.Clone(block.Bytes)
	short = short[:len(short)-5] // asn1 refuses it
	cut := cutCipherText(t, block.Bytes)
	plain, _ := Generate(ECP256)
	plainText, _ := encode(plain, nil)
	for name, content := range map[string][]byte{
		"empty": {}, "noise": []byte("hello"), "short": damaged(short), "cut cipher text": damaged(cut), "plain": plainText,
		"long": bytes.Repeat([]byte("x"), maxFileBytes+1),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, dir).Signer(t.Context(), "devices-1"); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got %v, want ErrDamaged", name, err)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	wrong, err := Open(t.Context(), Config{Dir: dir, Passphrase: []byte("wrong")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.Signer(t.Context(), "devices-1"); !errors.Is(err, ErrPassphrase) && !errors.Is(err, ErrDamaged) {
		t.Errorf("wrong passphrase: %v", err)
	}
	if _, err := r.Signer(t.Context(), "devices-2"); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such key: %v", err)
	}
	for _, name := range []string{"", "../root", "A", "a.b", "a/b", strings.Repeat("a", 81), "-a"} {
		if _, err := r.Signer(t.Context(), name); err == nil {
			t.Errorf("name %q accepted", name)
		}
	}
	if _, err := Open(t.Context(), Config{Dir: dir}); !errors.Is(err, ErrPassphrase) {
		t.Errorf("empty passphrase: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Signer(cancelled, "devices-1"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// cutCipherText takes one octet off the cipher text and keeps the DER whole.
func cutCipherText(t *testing.T, der []byte) []byte {
	t.Helper()
	out := bytes.Clone(der)
	// SEQUENCE (2-octet length), algorithm, OCTET STRING (2-octet length).
	i := bytes.LastIndex(out[:len(out)-0x80], []byte{0x04, 0x81})
	if out[1] != 0x82 && out[1] != 0x81 || i < 0 {
		t.Fatalf("not the expected form: %x", out)
	}
	out[i+2]--
	switch out[1] {
	case 0x81:
		out[2]--
	case 0x82:
		n := int(out[2])<<8 | int(out[3])
		out[2], out[3] = byte((n-1)>>8), byte(n-1)
	}
	return out[:len(out)-1]
}

// Threat 41: what others can read is refused, with the command that mends it.
func TestThreat41WideModesAreRefused(t *testing.T) {
	dir := keyDir(t)
	r := open(t, dir)
	if _, err := r.Create(t.Context(), "root", ECP256); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "root.key")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, dir).Signer(t.Context(), "root")
	if !errors.Is(err, ErrMode) || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Errorf("file: got %v", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), Config{Dir: dir, Passphrase: []byte("x")})
	if !errors.Is(err, ErrMode) || !strings.Contains(err.Error(), "chmod 700 "+dir) {
		t.Errorf("directory: got %v", err)
	}
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chmod(dir, 0o700), os.Chmod(path, 0o600), os.Chown(path, 65534, -1)); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, dir).Signer(t.Context(), "root"); !errors.Is(err, ErrMode) || !strings.Contains(err.Error(), "chown 0 ") {
			t.Errorf("owner: got %v", err)
		}
	}
}

// Threat 48: no secret in what people print.
func TestThreat48SecretsAreNotPrinted(t *testing.T) {
	c := Config{Dir: "d", Passphrase: []byte("hunter2"), KMS: "pkcs11:token=x?pin-value=4711"}
	for _, s := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), c.LogValue().String()} {
		if strings.Contains(s, "hunter2") || strings.Contains(s, "4711") || strings.Contains(s, "104 117") {
			t.Errorf("printed: %s", s)
		}
	}
	if got := redact(errors.New("no token x for pkcs11:token=x?pin-value=4711, PIN 4711"), c.KMS); strings.Contains(got, "4711") {
		t.Errorf("the PIN is in %q", got)
	}
	odd := struct{ crypto.Signer }{}
	if _, err := encode(odd, nil); err == nil || strings.Contains(err.Error(), "value") {
		t.Errorf("got %v", err)
	}
}

func TestUnlockFile(t *testing.T) {
	dir := keyDir(t)
	first, err := UnlockFile(dir)
	if err != nil || len(first) != 44 {
		t.Fatalf("got %q, %v", first, err)
	}
	if again, err := UnlockFile(dir); err != nil || !bytes.Equal(first, again) {
		t.Errorf("got %q, %v, want the same", again, err)
	}
	info, err := os.Stat(filepath.Join(dir, UnlockName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	r, err := Open(t.Context(), Config{Dir: dir, Passphrase: first})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Create(t.Context(), "root", ECP256); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, UnlockName)); err != nil {
		t.Fatal(err)
	}
	if got, err := UnlockFile(dir); !errors.Is(err, ErrPassphrase) {
		t.Errorf("a new passphrase %q for old keys, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(dir, UnlockName), []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := UnlockFile(dir); !errors.Is(err, ErrPassphrase) {
		t.Errorf("an empty file: %v", err)
	}
}

func TestAddNamesRemove(t *testing.T) {
	for name, r := range map[string]*Ring{"files": open(t, keyDir(t)), "memory": Memory()} {
		t.Run(name, func(t *testing.T) { addNamesRemove(t, r) })
	}
}

func addNamesRemove(t *testing.T, r *Ring) {
	if r.Files() != r {
		t.Error("another ring of files")
	}
	key, err := Generate(Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add(t.Context(), "tls-01", key); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Create(t.Context(), "devices-1", ECP256); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Create(t.Context(), "devices-1", ECP256); !errors.Is(err, ErrExists) {
		t.Errorf("got %v, want ErrExists", err)
	}
	if err := newRing(r.backend).Add(t.Context(), "tls-01", key); !errors.Is(err, ErrExists) {
		t.Errorf("got %v, want ErrExists", err)
	}
	if again, err := newRing(r.backend).Signer(t.Context(), "devices-1"); err != nil || again == nil {
		t.Error(err)
	}
	names, err := r.Names()
	if diff := cmp.Diff([]string{"devices-1", "tls-01"}, names); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if err := r.Remove(t.Context(), "tls-01"); err != nil {
		t.Fatal(err)
	}
	if err := r.Remove(t.Context(), "tls-01"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if _, err := r.Signer(t.Context(), "tls-01"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestWarmLoadsSideBySide(t *testing.T) {
	dir := keyDir(t)
	r := open(t, dir)
	for _, name := range []string{"a", "b", "c"} {
		if _, err := r.Create(t.Context(), name, ECP256); err != nil {
			t.Fatal(err)
		}
	}
	r = open(t, dir)
	if err := r.Warm(t.Context(), "a", "b", "c"); err != nil {
		t.Fatal(err)
	}
	if err := r.Warm(t.Context(), "a", "d"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestDeferredLoadsWhenItSigns(t *testing.T) {
	dir := keyDir(t)
	r := open(t, dir)
	key, err := r.Create(t.Context(), "devices-1", ECP256)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := Generate(ECP256)
	r = open(t, dir)
	d := r.Deferred("devices-1", key.Public())
	if len(r.entries) != 0 {
		t.Error("loaded before use")
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			digest := sha256.Sum256([]byte("x"))
			signature, err := d.Sign(rand.Reader, digest[:], crypto.SHA256)
			if err != nil || !ecdsa.VerifyASN1(key.Public().(*ecdsa.PublicKey), digest[:], signature) {
				t.Errorf("signature: %v", err)
			}
		})
	}
	wg.Wait()
	if s, err := NewSigner(d); err != nil || s.OnToken {
		t.Errorf("OnToken %v, %v", s.OnToken, err)
	}
	if _, err := r.Deferred("devices-1", other.Public()).Sign(rand.Reader, make([]byte, 32), crypto.SHA256); !errors.Is(err, ErrDamaged) {
		t.Errorf("another key's certificate: %v", err)
	}
}

func TestWriteReplacesAtomically(t *testing.T) {
	path := filepath.Join(t.TempDir(), "station.key")
	for range 2 {
		key, _ := Generate(ECP256)
		if err := Write(path, key, nil); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		back, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil || !back.(*ecdsa.PrivateKey).Equal(key) {
			t.Errorf("read back: %v", err)
		}
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	key, _ := Generate(ECP256)
	if err := Write(path, key, []byte{}); !errors.Is(err, ErrPassphrase) {
		t.Errorf("empty passphrase: %v", err)
	}
	if err := Write(filepath.Join(path, "x", "y"), key, nil); err == nil {
		t.Error("written below a file")
	}
}

func TestKMSThatIsNotThere(t *testing.T) {
	for _, uri := range []string{"awskms:region=x", "tpmkms:", "no scheme"} {
		if _, err := Open(t.Context(), Config{Dir: keyDir(t), Passphrase: []byte("x"), KMS: uri}); err == nil {
			t.Errorf("%s opened", uri)
		}
	}
	if withPKCS11 {
		return
	}
	_, err := Open(t.Context(), Config{Dir: keyDir(t), Passphrase: []byte("x"), KMS: "pkcs11:token=assay?pin-value=4711"})
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "make build-pkcs11") || strings.Contains(err.Error(), "4711") {
		t.Errorf("got %v", err)
	}
}

func rsaKey(t *testing.T) crypto.Signer {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The oracle is crypto/x509: what it signs has the same inner and outer
// algorithm, and it verifies what we sign.
func TestSignerIsThatOfX509(t *testing.T) {
	list := map[string]crypto.Signer{"rsa": rsaKey(t)}
	for _, kind := range []Kind{ECP256, ECP384, Ed25519} {
		list[string(kind)], _ = Generate(kind)
	}
	for name, key := range list {
		t.Run(name, func(t *testing.T) {
			s, err := NewSigner(key)
			if err != nil {
				t.Fatal(err)
			}
			template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "x"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1e9, 0), BasicConstraintsValid: true, IsCA: true}
			der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(der); err != nil {
				t.Errorf("theirs: %v", err)
			}
			c, _ := x509.ParseCertificate(der)
			ours, err := s.Sign(c.RawTBSCertificate)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := x509.ParseCertificate(ours)
			if err != nil {
				t.Fatal(err)
			}
			if err := parsed.CheckSignatureFrom(parsed); err != nil {
				t.Errorf("ours: %v", err)
			}
			if err := s.Verify(ours); err != nil {
				t.Errorf("ours: %v", err)
			}
			for _, i := range []int{10, len(ours) - 1} {
				bad := bytes.Clone(ours)
				bad[i] ^= 1
				if err := s.Verify(bad); !errors.Is(err, ErrSignature) {
					t.Errorf("octet %d changed: %v", i, err)
				}
			}
			if err := s.Verify(append(bytes.Clone(ours), 0)); !errors.Is(err, ErrSignature) {
				t.Errorf("an octet more: %v", err)
			}
		})
	}
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if _, err := NewSigner(p224); err == nil {
		t.Error("P-224 accepted")
	}
}

func TestLongStructures(t *testing.T) {
	key, _ := Generate(ECP256)
	s, _ := NewSigner(key)
	for _, n := range []int{0, 100, 0x7f, 0x80, 0xff, 0x100, 70_000, 1 << 24} {
		body := make([]byte, n)
		tbs := append(appendHead(nil, 0x30, n), body...)
		der, err := s.Sign(tbs)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(der); err != nil {
			t.Errorf("%d octets: %v", n, err)
		}
	}
}

func TestOpensslReadsOurKeys(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	dir := keyDir(t)
	if _, err := UnlockFile(dir); err != nil {
		t.Fatal(err)
	}
	passphrase, _ := UnlockFile(dir)
	r, err := Open(t.Context(), Config{Dir: dir, Passphrase: passphrase})
	if err != nil {
		t.Fatal(err)
	}
	key, err := r.Create(t.Context(), "devices-1", ECP256)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("openssl", "pkey", "-in", filepath.Join(dir, "devices-1.key"),
		"-passin", "file:"+filepath.Join(dir, UnlockName), "-pubout", "-outform", "DER").Output()
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := x509.MarshalPKIXPublicKey(key.Public()); !bytes.Equal(out, want) {
		t.Error("openssl reads another key")
	}
}
