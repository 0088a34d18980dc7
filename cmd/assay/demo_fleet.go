package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/crypto/ocsp"
	"golang.org/x/sync/errgroup"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/client"
)

// demoDevice is a simulated device: what a real one keeps in its flash.
type demoDevice struct {
	serial string
	token  string
	key    crypto.Signer
	cert   *x509.Certificate
}

// estClient is the device's own connection: with its certificate once it has
// one, else with its token.
func (d *demo) estClient(dev *demoDevice) (*client.Client, error) {
	roots := x509.NewCertPool()
	roots.AddCert(d.root)
	config := client.Config{URL: "https://" + d.at.EST, Label: demoProduct, Roots: roots, User: dev.serial, Token: dev.token}
	if dev.cert != nil {
		config.User, config.Token = "", ""
		config.Certificate = &tls.Certificate{Certificate: [][]byte{dev.cert.Raw}, PrivateKey: dev.key}
	}
	return client.New(config)
}

// each runs act for a number of devices, so many at one time, with a bar.
func (d *demo) each(ctx context.Context, words string, fleet []*demoDevice, act func(context.Context, *demoDevice) error) error {
	bar := d.say.progress(words, len(fleet))
	defer bar.stop()
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(d.workers)
	for _, dev := range fleet {
		workers.Go(func() error {
			defer bar.one()
			if err := act(ctx, dev); err != nil {
				return fmt.Errorf("device %s: %w", dev.serial, err)
			}
			return nil
		})
	}
	return workers.Wait()
}

func (d *demo) tokens(ctx context.Context) error {
	began := time.Now()
	for i := range d.devices {
		serial := fmt.Sprintf("SN-%08d", i+1)
		t, err := d.api.CreateToken(ctx, v1.TokenRequest{Product: demoProduct, Serial: serial, TTL: "1h"})
		if err != nil {
			return fmt.Errorf("make a token for %s: %w", serial, err)
		}
		d.fleet = append(d.fleet, &demoDevice{serial: serial, token: t.Token})
	}
	d.done(began, d.devices, saidDemoTokens(d.devices))
	return nil
}

func (d *demo) enrol(ctx context.Context) error {
	began := time.Now()
	err := d.each(ctx, saidDemoEnrolling, d.fleet, func(ctx context.Context, dev *demoDevice) error {
		return d.certify(ctx, dev, (*client.Client).Enroll, func(key crypto.Signer) ([]byte, error) {
			return client.NewCSR(key, pkix.Name{CommonName: dev.serial, SerialNumber: dev.serial})
		})
	})
	if err != nil {
		return err
	}
	d.done(began, len(d.fleet), saidDemoEnrolled(len(d.fleet), d.workers))
	return nil
}

// operation is Enroll or Reenroll.
type operation = func(*client.Client, context.Context, []byte) (*client.Answer, error)

// certify makes a new key for the device and asks for its certificate.
func (d *demo) certify(ctx context.Context, dev *demoDevice, ask operation, request func(crypto.Signer) ([]byte, error)) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	csr, err := request(key)
	if err != nil {
		return err
	}
	answer, err := d.ask(ctx, dev, ask, csr)
	if err != nil {
		return err
	}
	dev.key, dev.cert = key, answer.Certificate
	return nil
}

// ask sends one request over a connection of the device's own. The client
// verifies that the answer is for its key and chains to the root.
func (d *demo) ask(ctx context.Context, dev *demoDevice, ask operation, csr []byte) (*client.Answer, error) {
	c, err := d.estClient(dev)
	if err != nil {
		return nil, err
	}
	defer c.CloseIdle()
	return ask(c, ctx, csr)
}

// refuse shows two refusals: a token that was used, and another device's name.
func (d *demo) refuse(ctx context.Context) error {
	began := time.Now()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	csr, err := client.NewCSR(key, pkix.Name{CommonName: d.fleet[0].serial})
	if err != nil {
		return err
	}
	thief := &demoDevice{serial: d.fleet[0].serial, token: d.fleet[0].token}
	_, err = d.ask(ctx, thief, (*client.Client).Enroll, csr)
	if err := wantRefusal(err, v1.CredentialRejected); err != nil {
		return fmt.Errorf("a used token: %w", err)
	}
	if csr, err = client.NewCSR(d.fleet[0].key, pkix.Name{CommonName: d.fleet[1].serial}); err != nil {
		return err
	}
	_, err = d.ask(ctx, d.fleet[0], (*client.Client).Reenroll, csr)
	if err := wantRefusal(err, v1.ClaimedSerialMismatch); err != nil {
		return fmt.Errorf("another device's name: %w", err)
	}
	d.done(began, 2, saidDemoRefused())
	return nil
}

// wantRefusal wants an error to be this refusal.
func wantRefusal(err error, want v1.Reason) error {
	refusal, ok := errors.AsType[*client.Refusal](err)
	if !ok {
		return fmt.Errorf("got %v, want a refusal %s", err, want)
	}
	if refusal.Reason != string(want) {
		return fmt.Errorf("refused with %s, want %s", refusal.Reason, want)
	}
	return nil
}

// renew gives every fifth device a new key and certificate by its old one.
func (d *demo) renew(ctx context.Context) error {
	began := time.Now()
	fleet := d.fleet[:len(d.fleet)/5]
	err := d.each(ctx, saidDemoRenewing, fleet, func(ctx context.Context, dev *demoDevice) error {
		return d.certify(ctx, dev, (*client.Client).Reenroll, func(key crypto.Signer) ([]byte, error) {
			return client.NewRenewalCSR(key, dev.cert)
		})
	})
	if err != nil {
		return err
	}
	d.done(began, len(fleet), saidDemoRenewed(len(fleet)))
	return nil
}

// stolen is the device that the story revokes.
func (d *demo) stolen() *demoDevice { return d.fleet[len(d.fleet)-1] }

func (d *demo) revoke(ctx context.Context) error {
	began := time.Now()
	change, err := d.api.Revoke(ctx, v1.RevocationRequest{
		Device: demoProduct + "/" + d.stolen().serial, Reason: "keyCompromise", Comment: "stolen", Ticket: "DEMO-1",
	})
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	if len(change.Changed) != 1 {
		return fmt.Errorf("revoke: %d certificates changed, want 1", len(change.Changed))
	}
	d.done(began, 1, saidDemoRevoked(d.stolen().serial))
	return nil
}

// checkOCSP asks about a good device and the revoked one.
func (d *demo) checkOCSP(ctx context.Context) error {
	began := time.Now()
	issuer, err := d.issuerOf(ctx, d.fleet[0].cert, "")
	if err != nil {
		return err
	}
	for _, row := range []struct {
		dev  *demoDevice
		want int
	}{{d.fleet[0], ocsp.Good}, {d.stolen(), ocsp.Revoked}} {
		answer, err := d.askOCSP(ctx, "http://"+d.at.HTTP+"/ocsp", row.dev.cert, issuer)
		if err != nil {
			return err
		}
		if answer.Status != row.want {
			return fmt.Errorf("OCSP says %d of %s, want %d", answer.Status, row.dev.serial, row.want)
		}
	}
	d.done(began, 2, saidDemoOCSP())
	return nil
}

// crlPatience is what revocation promises for shard CRLs.
const crlPatience = 2 * time.Second

// checkCRL waits until the complete CRL and the shard that the certificate
// names have the revoked device, and no other.
func (d *demo) checkCRL(ctx context.Context) error {
	began := time.Now()
	dev := d.stolen()
	issuer, err := d.issuerOf(ctx, dev.cert, "")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, crlPatience)
	defer cancel()
	urls := []string{dev.cert.CRLDistributionPoints[0], "http://" + d.at.HTTP + "/crl/devices-1.crl"}
	for _, url := range urls {
		if err := d.waitListed(ctx, url, issuer, dev.cert); err != nil {
			return err
		}
	}
	d.done(began, len(urls), saidDemoCRL())
	return nil
}

func (d *demo) waitListed(ctx context.Context, url string, issuer, cert *x509.Certificate) error {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		list, err := d.fetchCRL(ctx, url, issuer)
		if err != nil {
			return err
		}
		if n := len(list.RevokedCertificateEntries); n > 1 {
			return fmt.Errorf("%s lists %d certificates, want 1", url, n)
		} else if n == 1 && list.RevokedCertificateEntries[0].SerialNumber.Cmp(cert.SerialNumber) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not list the revoked device within %s", url, crlPatience)
		case <-again.C:
		}
	}
}

func (d *demo) fetchCRL(ctx context.Context, url string, issuer *x509.Certificate) (*x509.RevocationList, error) {
	der, err := d.fetch(ctx, http.MethodGet, url, "", nil, maxSmallFile)
	if err != nil {
		return nil, err
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", url, err)
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return nil, fmt.Errorf("verify %s: %w", url, err)
	}
	return list, nil
}

// refuseRevoked: the revoked device cannot come back by itself.
func (d *demo) refuseRevoked(ctx context.Context) error {
	began := time.Now()
	dev := d.stolen()
	csr, err := client.NewRenewalCSR(dev.key, dev.cert)
	if err != nil {
		return err
	}
	_, err = d.ask(ctx, dev, (*client.Client).Reenroll, csr)
	if err := wantRefusal(err, v1.CertificateRevoked); err != nil {
		return fmt.Errorf("renewal of the revoked device: %w", err)
	}
	d.done(began, 1, saidDemoRevokedRefused())
	return nil
}

func parseOneCertificate(text []byte) (*x509.Certificate, error) {
	block, rest := pem.Decode(text)
	if block == nil || len(bytes.TrimSpace(rest)) != 0 {
		return nil, errors.New("want one certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}
