package ca

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// issue makes a credential: sign, key, record, certificate, each durable before
// the next.
func (r *Credentials) issue(ctx context.Context, s *slot) (*credential, error) {
	key, err := keys.Generate(keys.ECP256)
	if err != nil {
		return nil, err
	}
	made, err := r.order(ctx, s, key.Public())
	if err != nil {
		return nil, err
	}
	name := s.keyName(made.Serial[:])
	if err := r.config.Keys.Add(ctx, name, key); err != nil {
		return nil, err
	}
	// A crash here, or until the file is written, leaves a key without a
	// certificate: the next sweep removes it.
	if err := r.commit(ctx, s, made); err != nil {
		return nil, err
	}
	fresh, err := r.assemble(s, made.DER, name)
	if err != nil {
		return nil, err
	}
	return fresh, r.write(s, made.DER)
}

func (r *Credentials) order(ctx context.Context, s *slot, public any) (profile.Made, error) {
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return profile.Made{}, err
	}
	if s.server {
		return r.config.Authority.Server(ctx, ServerRequest{Hosts: r.config.Hosts, SPKI: spki})
	}
	return r.config.Authority.Responder(ctx, ResponderRequest{Issuer: s.issuer, SPKI: spki})
}

func (r *Credentials) commit(ctx context.Context, s *slot, made profile.Made) error {
	now := r.config.Now()
	kind := store.ProfileOCSP
	if s.server {
		kind = store.ProfileServer
	}
	_, err := r.config.Store.Issue(ctx, store.Issuance{
		Certificate: store.Certificate{
			Ref: store.Ref{Issuer: s.issuer, Index: made.Index}, DER: made.DER, Serial: made.Serial,
			Holder: store.Holder{Kind: store.HolderServer, Name: s.name}, Profile: kind,
			Operation: store.OpNode, Principal: "node", IssuedAt: now,
		},
		By: store.Actor{Principal: "node", At: now},
	})
	return err
}

func (s *slot) keyName(serial []byte) string { return s.name + "-" + hex.EncodeToString(serial) }

func (s *slot) path(dir string) string { return filepath.Join(dir, s.name+".crt") }

// assemble pairs a certificate with its key, which is not decrypted yet.
func (r *Credentials) assemble(s *slot, der []byte, key string) (*credential, error) {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	deferred := r.config.Keys.Deferred(key, certificate.PublicKey)
	signer, err := keys.NewSigner(deferred)
	if err != nil {
		return nil, err
	}
	c := &credential{certificate: certificate, key: key, signer: signer}
	if s.server {
		issuer, err := r.config.Authority.issuer(s.issuer)
		if err != nil {
			return nil, err
		}
		c.tls = &tls.Certificate{
			Certificate: [][]byte{certificate.Raw, issuer.Certificate.Raw}, PrivateKey: deferred, Leaf: certificate,
		}
	}
	return c, nil
}

// read returns what is on disk; nil when nothing usable is, which is renewed.
// An error is one that a renewal would not mend.
func (r *Credentials) read(ctx context.Context, s *slot) (*credential, error) {
	text, err := readFile(s.path(r.config.Dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	held, why := r.judge(s, text)
	if why == "" {
		var names []string
		if names, err = r.config.Keys.Names(); err != nil {
			return nil, err
		}
		if !slices.Contains(names, held.key) {
			why = "its key is missing"
		}
	}
	if why != "" {
		r.config.Log.WarnContext(ctx, "credential on disk not usable", slog.String(logCredential, s.name), slog.String(logReason, why))
		return nil, nil
	}
	return held, nil
}

// judge says why a certificate's file cannot be used, "" when it can.
func (r *Credentials) judge(s *slot, text []byte) (*credential, string) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, "it is not a PEM certificate"
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, "it does not parse"
	}
	issuer, err := r.config.Authority.issuer(s.issuer)
	if err != nil || certificate.CheckSignatureFrom(issuer.Certificate) != nil || !bytes.Equal(certificate.RawIssuer, issuer.SubjectDER) {
		return nil, "it is not of its issuer"
	}
	if now := r.config.Now(); now.Before(certificate.NotBefore) || !now.Before(certificate.NotAfter) {
		return nil, "it is not valid now"
	}
	if s.server && !sameHosts(certificate, r.config.Hosts) {
		return nil, "it is for other hosts"
	}
	held, err := r.assemble(s, certificate.Raw, s.keyName(certificate.SerialNumber.Bytes()))
	if err != nil {
		return nil, "its key is of another kind"
	}
	return held, ""
}

func sameHosts(c *x509.Certificate, hosts []string) bool {
	want, err := parseHosts(hosts)
	return err == nil && bytes.Equal(want.der(), hostNames{c.DNSNames, c.IPAddresses}.der())
}

// write replaces the certificate's file: leaf, then issuer for TLS.
func (r *Credentials) write(s *slot, der []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if s.server {
		issuer, err := r.config.Authority.issuer(s.issuer)
		if err != nil {
			return err
		}
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer.Certificate.Raw})...)
	}
	return writeFile(s.path(r.config.Dir), text)
}

// sweep removes the keys of earlier certificates. It runs after the new
// certificate is durable, and again at each Renew.
func (r *Credentials) sweep(ctx context.Context, s *slot) error {
	names, err := r.config.Keys.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		serial, ours := strings.CutPrefix(name, s.name+"-")
		if !ours || len(serial) != 2*profile.SerialSize || name == s.held.Load().key {
			continue
		}
		if err := r.config.Keys.Remove(ctx, name); err != nil && !errors.Is(err, keys.ErrNotFound) {
			return err
		}
	}
	return nil
}

func makeDir(dir string) error { return os.MkdirAll(dir, 0o700) }

// readFile reads a small file.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPEMBytes+1))
	if err == nil && len(text) > maxPEMBytes {
		err = fmt.Errorf("%s is longer than %d bytes: remove it, it is made anew", path, maxPEMBytes)
	}
	return text, err
}

// writeFile replaces a file: no reader sees a torn one, and it is durable when
// writeFile returns.
func writeFile(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(os.Remove(f.Name())))
		}
	}()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
