package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"

	"github.com/assay-pki/assay/enroll/wire"
)

// bootstrap is the manual verification of RFC 7030 §4.1.1 with the fingerprint
// in the place of a person. It fetches /cacerts from whoever answers, showing
// no credential, and accepts them only if they hold the pinned root and the
// certificate of that very connection chains to it under the server's name.
// From then on that root alone is trusted for the server.
func (c *checked) bootstrap(ctx context.Context) (*x509.CertPool, *CACerts, error) {
	client := c.httpClient(&tls.Config{
		MinVersion: tls.VersionTLS12, Time: c.Now,
		// Verified below, by the pin, before anything is used.
		InsecureSkipVerify: true,
	})
	defer client.CloseIdleConnections()
	bare := *c
	bare.User, bare.Token = "", ""
	r, err := bare.exchange(ctx, client, message{method: http.MethodGet, operation: wire.OpCACerts})
	if err != nil {
		return nil, nil, fmt.Errorf("fetch the pinned root: %w", err)
	}
	cas, err := readCACerts(r, c.Now())
	if err != nil {
		return nil, nil, fmt.Errorf("fetch the pinned root: %w", err)
	}
	root := cas.pinned(c.pin)
	if root == nil {
		return nil, nil, fmt.Errorf("%w: none of its roots has the pinned fingerprint", ErrUntrusted)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	if err := c.verifyPeer(r.tls, roots, cas); err != nil {
		return nil, nil, fmt.Errorf("%w: not under the pinned root: %w", ErrUntrusted, err)
	}
	return roots, cas, nil
}

// pinned is the root of that fingerprint, nil without one.
func (c *CACerts) pinned(pin []byte) *x509.Certificate {
	for _, root := range c.Roots {
		if sum := sha256.Sum256(root.Raw); bytes.Equal(sum[:], pin) {
			return root
		}
	}
	return nil
}

// verifyPeer is what crypto/tls would have done with these roots.
func (c *checked) verifyPeer(state *tls.ConnectionState, roots *x509.CertPool, cas *CACerts) error {
	intermediates := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		intermediates.AddCert(cert)
	}
	for _, cert := range cas.Intermediates {
		intermediates.AddCert(cert)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, DNSName: c.host, CurrentTime: c.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}
