package keys

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.step.sm/crypto/kms/apiv1"
	"go.step.sm/crypto/pemutil"
)

const fileSuffix = ".key"

// directory is the backend of encrypted PKCS#8 files.
type directory struct {
	dir        string
	passphrase []byte
	kms        apiv1.KeyManager
}

func (d *directory) path(name string) string { return filepath.Join(d.dir, name+fileSuffix) }

func (d *directory) create(name string, kind Kind) (crypto.Signer, error) {
	key, err := generate(d.kms, kind)
	if err != nil {
		return nil, err
	}
	return key, d.add(name, key)
}

func (d *directory) add(name string, key crypto.Signer) error {
	if _, err := os.Lstat(d.path(name)); err == nil {
		return ErrExists // before a tenth of a second is spent on encrypting
	}
	text, err := encode(key, d.passphrase)
	if err != nil {
		return err
	}
	return createFile(d.path(name), text)
}

func (d *directory) load(name string) (crypto.Signer, error) {
	text, err := readSecret(d.path(name))
	if err != nil {
		return nil, err
	}
	return d.decrypt(d.path(name), text)
}

// decrypt opens a key. The decoder panics on some damaged files (a cipher text
// that is no whole number of blocks); to its callers that is one more way of
// being damaged.
func (d *directory) decrypt(path string, text []byte) (key crypto.Signer, err error) {
	defer func() {
		if recover() != nil {
			key, err = nil, fmt.Errorf("%s: %w: restore it from a backup", path, ErrDamaged)
		}
	}()
	if block, _ := pem.Decode(text); block == nil || block.Type != "ENCRYPTED PRIVATE KEY" {
		return nil, fmt.Errorf("%s is not an encrypted PKCS#8 key: %w: restore it from a backup", path, ErrDamaged)
	}
	key, err = d.kms.CreateSigner(&apiv1.CreateSignerRequest{SigningKeyPEM: text, Password: d.passphrase})
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, fmt.Errorf("%s: %w: give the right one with --passphrase-file", path, ErrPassphrase)
	case err != nil:
		// A wrong passphrase passes the padding check once in 256 times.
		return nil, fmt.Errorf("%s: %w, or the passphrase is wrong: give the right one with --passphrase-file, or restore the file from a backup", path, ErrDamaged)
	}
	return key, nil
}

func (d *directory) remove(name string) error {
	err := os.Remove(d.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	return syncDir(d.dir)
}

func (d *directory) names() ([]string, error) {
	list, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, fmt.Errorf("list the keys: %w", err)
	}
	var names []string
	for _, e := range list {
		if name, ok := strings.CutSuffix(e.Name(), fileSuffix); ok && namePattern.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Generate makes a key in memory, for Ring.Add or Write.
func Generate(kind Kind) (crypto.Signer, error) {
	return generate(softKMS(), kind)
}

func generate(manager apiv1.KeyManager, kind Kind) (crypto.Signer, error) {
	algorithm, err := algorithmOf(kind)
	if err != nil {
		return nil, err
	}
	made, err := manager.CreateKey(&apiv1.CreateKeyRequest{SignatureAlgorithm: algorithm})
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return made.CreateSignerRequest.Signer, nil
}

func algorithmOf(kind Kind) (apiv1.SignatureAlgorithm, error) {
	switch kind {
	case ECP256:
		return apiv1.ECDSAWithSHA256, nil
	case ECP384:
		return apiv1.ECDSAWithSHA384, nil
	case Ed25519:
		return apiv1.PureEd25519, nil
	}
	return 0, fmt.Errorf("%q is not a kind of key that can be made: ec-p256, ec-p384 or ed25519", kind)
}

// encode prints a key as PKCS#8, encrypted unless the passphrase is nil.
func encode(key crypto.Signer, passphrase []byte) ([]byte, error) {
	options := []pemutil.Options{pemutil.WithPKCS8(true)}
	if passphrase != nil {
		options = append(options, pemutil.WithPassword(passphrase))
	}
	block, err := pemutil.Serialize(key, options...)
	if err != nil {
		// The library's message prints the value: the key must not be in it.
		return nil, fmt.Errorf("a key of type %T cannot be written as PKCS#8", key)
	}
	return pem.EncodeToMemory(block), nil
}

// Write writes a key to a file of mode 0600, atomically and durably, in place
// of what was there: the credential of an operator or a station. It is plain
// PKCS#8 when the passphrase is nil.
func Write(path string, key crypto.Signer, passphrase []byte) error {
	if passphrase != nil && len(passphrase) == 0 {
		return fmt.Errorf("write key %s: the passphrase is empty: %w", path, ErrPassphrase)
	}
	text, err := encode(key, passphrase)
	if err != nil {
		return fmt.Errorf("write key %s: %w", path, err)
	}
	temporary, err := writeTemporary(path, text)
	if err != nil {
		return fmt.Errorf("write key %s: %w", path, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(fmt.Errorf("write key %s: %w", path, err), os.Remove(temporary))
	}
	return syncDir(filepath.Dir(path))
}

// createFile writes a new secret file; ErrExists if the name is taken, also by
// another process in the same moment. It is whole and durable, or absent.
func createFile(path string, text []byte) error {
	temporary, err := writeTemporary(path, text)
	if err != nil {
		return err
	}
	// A link is atomic as a rename is, and never replaces anything. A crash
	// before it leaves a temporary file that no ring reads.
	err = os.Link(temporary, path)
	removed := os.Remove(temporary)
	switch {
	case errors.Is(err, fs.ErrExist):
		return ErrExists
	case err != nil:
		return err
	case removed != nil:
		return removed
	}
	return syncDir(filepath.Dir(path))
}

// writeTemporary writes beside path and syncs the bytes.
func writeTemporary(path string, text []byte) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(text); err != nil {
		return "", err
	}
	return f.Name(), f.Sync()
}

// readSecret reads a small file that only we may read. The mode is that of the
// file that was opened, whatever becomes of the name.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkSecret(path, info, fileMode); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("%s is longer than %d bytes: %w", path, maxFileBytes, ErrDamaged)
	}
	return text, nil
}
