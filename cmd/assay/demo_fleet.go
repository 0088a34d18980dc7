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
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
	"golang.org/x/sync/errgroup"

	admin "github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/client"
)

// demoDevice is a simulated device: what a real one keeps in its flash.
type demoDevice struct {
	serial string
	key    crypto.Signer
	cert   *x509.Certificate
}

func newDeviceKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
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

// renewal renews a device over a connection of its own, with a new key; the old
// one shows what firmware runs. The client verifies that the answer is for the
// new key and chains to the root.
func (d *demo) renewal(ctx context.Context, dev *demoDevice) error {
	roots := x509.NewCertPool()
	roots.AddCert(d.root)
	c, err := client.New(client.Config{
		URL: "https://" + d.at.EST, Label: demoProduct, Roots: roots,
		Certificate: &tls.Certificate{Certificate: [][]byte{dev.cert.Raw}, PrivateKey: dev.key},
	})
	if err != nil {
		return err
	}
	defer c.CloseIdle()
	key, err := newDeviceKey()
	if err != nil {
		return err
	}
	unit := simulated{product: demoProduct, serial: dev.serial, digest: demoImage(demoRelease)}
	answer, err := c.Obtain(ctx, client.Request{
		Key: key, Renews: dev.cert,
		Evidence: func(_ context.Context, nonce, _ []byte) ([]byte, error) { return unit.evidence(dev.key, key, nonce) },
	})
	if err != nil {
		return err
	}
	dev.key, dev.cert = key, answer.Certificate
	return nil
}

// renew gives every fifth device a new key and certificate by its old one.
func (d *demo) renew(ctx context.Context) error {
	began := time.Now()
	fleet := d.fleet[:len(d.fleet)/5]
	if err := d.each(ctx, saidDemoRenewing, fleet, d.renewal); err != nil {
		return err
	}
	d.done(began, len(fleet), saidDemoRenewed(len(fleet)))
	return nil
}

// The last devices of the fleet are held; the first of them is released again.
// The ones before them are decommissioned.
const (
	demoHeld  = 3
	demoEnded = 2
)

func (d *demo) held() []*demoDevice { return d.fleet[len(d.fleet)-demoHeld:] }

func (d *demo) ended() []*demoDevice {
	end := len(d.fleet) - demoHeld
	return d.fleet[end-demoEnded : end]
}

// change does one act on devices and wants each to be in a state afterwards.
func (d *demo) change(ctx context.Context, fleet []*demoDevice, act deviceAct, want string) error {
	for _, dev := range fleet {
		change, err := act(d.api, ctx, demoProduct, dev.serial, v1.Act{Comment: "demo", Ticket: "DEMO-1"}, false)
		if err != nil {
			return fmt.Errorf("device %s: %w", dev.serial, err)
		}
		if change.Device == nil || change.Device.State != want || len(change.Changed) != 1 {
			return fmt.Errorf("device %s: %d certificates changed, want 1 and state %s", dev.serial, len(change.Changed), want)
		}
	}
	return nil
}

func (d *demo) hold(ctx context.Context) error {
	began := time.Now()
	if err := d.change(ctx, d.held(), (*admin.Client).Hold, "held"); err != nil {
		return err
	}
	if err := wantRefusal(d.renewal(ctx, d.held()[1]), v1.DeviceHeld, v1.CertificateHeld); err != nil {
		return fmt.Errorf("renewal of a held device: %w", err)
	}
	d.done(began, demoHeld, saidDemoHeld(demoHeld))
	return nil
}

// release undoes one hold: its device renews again.
func (d *demo) release(ctx context.Context) error {
	began := time.Now()
	released := d.held()[:1]
	if err := d.change(ctx, released, (*admin.Client).Release, "active"); err != nil {
		return err
	}
	if err := d.renewal(ctx, released[0]); err != nil {
		return fmt.Errorf("renewal of a released device: %w", err)
	}
	d.done(began, 1, saidDemoReleased(released[0].serial))
	return nil
}

func (d *demo) decommission(ctx context.Context) error {
	began := time.Now()
	if err := d.change(ctx, d.ended(), (*admin.Client).Decommission, "decommissioned"); err != nil {
		return err
	}
	d.done(began, demoEnded, saidDemoEnded(demoEnded))
	return nil
}

// checkOCSP asks about devices of every fate.
func (d *demo) checkOCSP(ctx context.Context) error {
	began := time.Now()
	issuer, err := d.issuerOf(ctx, d.fleet[0].cert, "")
	if err != nil {
		return err
	}
	rows := []struct {
		dev            *demoDevice
		status, reason int
	}{
		{d.fleet[0], ocsp.Good, 0},
		{d.held()[0], ocsp.Good, 0},
		{d.held()[1], ocsp.Revoked, ocsp.CertificateHold},
		{d.ended()[0], ocsp.Revoked, ocsp.CessationOfOperation},
	}
	for _, row := range rows {
		answer, err := d.askOCSP(ctx, "http://"+d.at.HTTP+"/ocsp", row.dev.cert, issuer)
		if err != nil {
			return err
		}
		if answer.Status != row.status || answer.RevocationReason != row.reason {
			return fmt.Errorf("OCSP says %d (%s) of %s, want %d (%s)", answer.Status, reasonName(answer.RevocationReason),
				row.dev.serial, row.status, reasonName(row.reason))
		}
	}
	d.done(began, len(rows), saidDemoOCSP())
	return nil
}

// crlPatience is what revocation promises for shard CRLs.
const crlPatience = 2 * time.Second

// checkCRL waits until the complete CRL has exactly those held and those
// decommissioned, and until the shard that each certificate names has it.
func (d *demo) checkCRL(ctx context.Context) error {
	began := time.Now()
	gone := slices.Concat(d.held()[1:], d.ended())
	issuer, err := d.issuerOf(ctx, gone[0].cert, "")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, crlPatience)
	defer cancel()
	if err := d.waitListed(ctx, "http://"+d.at.HTTP+"/crl/devices-1.crl", issuer, gone, len(gone)); err != nil {
		return err
	}
	for _, dev := range gone {
		if err := d.waitListed(ctx, dev.cert.CRLDistributionPoints[0], issuer, []*demoDevice{dev}, len(gone)); err != nil {
			return err
		}
	}
	d.done(began, 1+len(gone), saidDemoCRL(len(gone)))
	return nil
}

// waitListed fetches a CRL until it has the devices, and never more than most.
func (d *demo) waitListed(ctx context.Context, url string, issuer *x509.Certificate, gone []*demoDevice, most int) error {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		list, err := d.fetchCRL(ctx, url, issuer)
		if err != nil {
			return err
		}
		if n := len(list.RevokedCertificateEntries); n > most {
			return fmt.Errorf("%s lists %d certificates, want %d at most", url, n, most)
		}
		if listed(list, gone) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not list what was revoked within %s", url, crlPatience)
		case <-again.C:
		}
	}
}

func listed(list *x509.RevocationList, gone []*demoDevice) bool {
	found := 0
	for _, dev := range gone {
		for _, e := range list.RevokedCertificateEntries {
			if e.SerialNumber.Cmp(dev.cert.SerialNumber) == 0 {
				found++
			}
		}
	}
	return found == len(gone)
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

// refuseEnded: a decommissioned device cannot come back, by itself or by the
// line.
func (d *demo) refuseEnded(ctx context.Context) error {
	began := time.Now()
	dev := d.ended()[0]
	if err := wantRefusal(d.renewal(ctx, dev), v1.CertificateRevoked, v1.DeviceDecommissioned); err != nil {
		return fmt.Errorf("renewal of a decommissioned device: %w", err)
	}
	if err := d.refuseUnit(ctx, dev.serial, demoRelease, v1.DeviceDecommissioned); err != nil {
		return err
	}
	d.done(began, 2, saidDemoEndedRefused())
	return nil
}

func parseOneCertificate(text []byte) (*x509.Certificate, error) {
	block, rest := pem.Decode(text)
	if block == nil || len(bytes.TrimSpace(rest)) != 0 {
		return nil, errors.New("want one certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}
