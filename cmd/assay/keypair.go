package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// keyPair is a fresh key in PEM and the request for its certificate.
type keyPair struct{ key, csr []byte }

// newKey makes a P-256 key and a PKCS#10 request that names its holder.
func newKey(name string) (keyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keyPair{}, fmt.Errorf("make a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return keyPair{}, fmt.Errorf("encode the key: %w", err)
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}
	csr, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return keyPair{}, fmt.Errorf("make a certificate request: %w", err)
	}
	return keyPair{
		key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		csr: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}),
	}, nil
}

// freeDirectory refuses a path where a credential would overwrite something.
func freeDirectory(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if len(entries) > 0 {
		return failDirectoryInUse(path)
	}
	return nil
}

// writeCredential puts files of mode 0600 into a new directory of mode 0700,
// all or none: they are written beside it, and renamed into place together.
func writeCredential(dir string, files map[string][]byte) error {
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", parent, err)
	}
	// MkdirTemp makes it 0700.
	draft, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+"-")
	if err != nil {
		return fmt.Errorf("make the credential's directory: %w", err)
	}
	defer os.RemoveAll(draft)
	for name, text := range files {
		if err := renameio.WriteFile(filepath.Join(draft, name), text, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	// An empty directory in the way is replaced; anything else is refused.
	if err := os.Rename(draft, dir); err != nil {
		return fmt.Errorf("put the credential into place: %w", err)
	}
	return syncDirectory(parent)
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}
