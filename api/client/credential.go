package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Names of the files of a credential's directory.
const (
	CertificateFile = "operator.crt" // PEM: the certificate, then its issuer's
	KeyFile         = "operator.key" // PEM: PKCS#8
	RootsFile       = "ca.crt"       // PEM: what the server is verified with
)

// Credential is a client certificate with its key, and the roots that the
// server is verified with. Without a certificate the server answers
// credential-missing.
type Credential struct {
	Certificate tls.Certificate
	Roots       *x509.CertPool
}

func (c Credential) certificates() []tls.Certificate {
	if len(c.Certificate.Certificate) == 0 {
		return nil
	}
	return []tls.Certificate{c.Certificate}
}

// LoadCredential reads operator.crt, operator.key and ca.crt of a directory.
func LoadCredential(dir string) (Credential, error) {
	var files [3][]byte
	for i, name := range []string{CertificateFile, KeyFile, RootsFile} {
		b, err := readBounded(filepath.Join(dir, name))
		if err != nil {
			return Credential{}, fmt.Errorf("load the credential: %w", err)
		}
		files[i] = b
	}
	pair, err := tls.X509KeyPair(files[0], files[1])
	if err != nil {
		return Credential{}, fmt.Errorf("load the credential %s: %w", dir, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(files[2]) {
		return Credential{}, fmt.Errorf("load the credential: %s holds no certificate", filepath.Join(dir, RootsFile))
	}
	return Credential{Certificate: pair, Roots: roots}, nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCredentialBytes+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxCredentialBytes {
		return nil, errors.New(path + " is too large for a credential")
	}
	return b, nil
}
