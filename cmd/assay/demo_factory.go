package main

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	admin "github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/evidence"
	"github.com/assay-pki/assay/enroll/line"
)

// What the demo's factory makes, and where.
const (
	demoProduct = "sensor-s1"
	demoRelease = "1.4.2"
	demoDraft   = "1.5.0-rc1"
	demoBatch   = "demo-batch"
	demoStation = "leipzig-l3-1"
	demoSite    = "leipzig"
	demoLineNo  = "l3"
)

// demoLine is the factory line: a station and its connection to the EST server.
type demoLine struct {
	*line.Station
	key crypto.Signer
	est *client.Client
}

// demoImage stands for the image of a release; its digest is what counts.
func demoImage(version string) []byte {
	digest := sha256.Sum256([]byte("image of " + demoProduct + " " + version))
	return digest[:]
}

func demoSerial(n int) string { return fmt.Sprintf("SN-%08d", n) }

// apply declares one document of the story.
func (d *demo) apply(ctx context.Context, kind, name string, spec any) (v1.Applied, error) {
	body, err := json.Marshal(spec)
	if err != nil {
		return v1.Applied{}, fmt.Errorf("encode %s: %w", name, err)
	}
	applied, err := d.api.Apply(ctx, v1.Document{APIVersion: v1.APIVersion, Kind: kind, Name: name, Spec: body}, admin.Expect{New: true})
	if err != nil {
		return applied, fmt.Errorf("make %s %s: %w", strings.ToLower(kind), name, err)
	}
	return applied, nil
}

func (d *demo) product(ctx context.Context) error {
	began := time.Now()
	p := productFlags{evidence: "station", description: "Demo sensor", pattern: "^SN-[0-9]{8}$", roles: []string{"sensor"}}
	spec, err := p.spec()
	if err != nil {
		return err
	}
	if _, err = d.apply(ctx, v1.KindProduct, demoProduct, spec); err != nil {
		return err
	}
	d.done(began, 1, saidDemoProduct(demoProduct))
	return nil
}

// firmware makes two releases known and approves the first.
func (d *demo) firmware(ctx context.Context) error {
	began := time.Now()
	for i, version := range []string{demoRelease, demoDraft} {
		spec := v1.FirmwareSpec{State: v1.FirmwareDraft, Components: []v1.FirmwareComponent{{
			Component: firmwareComponent, SVN: uint64(7 + i), Digests: []string{"sha256:" + hex.EncodeToString(demoImage(version))},
		}}}
		if _, err := d.apply(ctx, v1.KindFirmware, demoProduct+"/"+version, spec); err != nil {
			return err
		}
	}
	change, err := d.api.ApproveFirmware(ctx, demoProduct, demoRelease, v1.FirmwareAct{Comment: "tested"})
	if err != nil {
		return fmt.Errorf("approve the release: %w", err)
	}
	if change.Firmware.State != v1.FirmwareApproved {
		return fmt.Errorf("release %s is %s, want approved", demoRelease, change.Firmware.State)
	}
	d.done(began, 2, saidDemoFirmware(demoRelease, demoDraft))
	return nil
}

// batch makes the production order: one serial more than are enrolled, for the
// unit with the wrong firmware.
func (d *demo) batch(ctx context.Context) error {
	began := time.Now()
	var manifest strings.Builder
	manifest.WriteString("serial,attr.customer\n")
	for n := range d.devices + 1 {
		manifest.WriteString(demoSerial(n+1) + ",ACME\n")
	}
	_, err := d.apply(ctx, v1.KindBatch, demoBatch, v1.BatchSpec{
		Product: demoProduct, Site: demoSite, Line: demoLineNo, Manifest: demoBatch + ".csv", ManifestData: manifest.String(),
	})
	if err != nil {
		return err
	}
	b, err := d.api.Batch(ctx, demoBatch)
	if err != nil {
		return err
	}
	if b.Limit != uint64(d.devices+1) {
		return fmt.Errorf("batch %s takes %d devices, want %d", demoBatch, b.Limit, d.devices+1)
	}
	d.done(began, d.devices+1, saidDemoBatch(demoBatch, d.devices+1))
	return nil
}

// station makes the station and opens its connection.
func (d *demo) station(ctx context.Context) error {
	began := time.Now()
	_, err := d.apply(ctx, v1.KindStation, demoStation, v1.StationSpec{
		Site: demoSite, Line: demoLineNo, Products: []string{demoProduct}, FromIP: []string{"127.0.0.0/8"},
	})
	if err != nil {
		return err
	}
	dir := filepath.Join(filepath.Dir(d.flags.dir), "station")
	if _, err := certifyStation(ctx, d.api, demoStation, dir); err != nil {
		return fmt.Errorf("certify the station: %w", err)
	}
	s, err := line.OpenStation(dir)
	if err != nil {
		return err
	}
	d.line = &demoLine{Station: s}
	if d.line.key, err = s.Key(); err != nil {
		return err
	}
	d.line.est, err = client.New(client.Config{
		URL: "https://" + d.at.EST, Label: demoProduct, Roots: s.Roots, Certificate: &s.Certificate, UserAgent: "assay-demo/" + version(),
	})
	if err != nil {
		return err
	}
	d.done(began, 1, saidDemoStation(demoStation, demoSite, demoLineNo))
	return nil
}

// unit enrols one device at the line: the station reads its firmware back and
// says so in the device's request.
func (l *demoLine) unit(ctx context.Context, dev *demoDevice, image []byte) (*client.Answer, error) {
	return l.est.Obtain(ctx, client.Request{
		Key: dev.key, Subject: deviceName(dev.serial),
		Evidence: func(_ context.Context, nonce, spki []byte) ([]byte, error) {
			statement, err := evidence.Station(l.key, evidence.Statement{
				Product: demoProduct, Serial: dev.serial, Nonce: nonce, SPKI: spki, Debug: evidence.DebugDisabledPermanently,
				Measurements: []evidence.Measurement{{Component: firmwareComponent, Digest: image}},
				Station:      l.Info.Station, Method: evidence.MethodDebugPort, IssuedAt: time.Now(),
			})
			if err != nil {
				return nil, err
			}
			return evidence.Attribute(statement)
		},
	})
}

func (d *demo) enrol(ctx context.Context) error {
	began := time.Now()
	for n := range d.devices {
		d.fleet = append(d.fleet, &demoDevice{serial: demoSerial(n + 1)})
	}
	image := demoImage(demoRelease)
	err := d.each(ctx, saidDemoEnrolling, d.fleet, func(ctx context.Context, dev *demoDevice) error {
		var err error
		if dev.key, err = newDeviceKey(); err != nil {
			return err
		}
		answer, err := d.line.unit(ctx, dev, image)
		if err != nil {
			return err
		}
		if answer.Batch != demoBatch {
			return fmt.Errorf("counted in batch %q, want %s", answer.Batch, demoBatch)
		}
		dev.cert = answer.Certificate
		return nil
	})
	if err != nil {
		return err
	}
	d.done(began, len(d.fleet), saidDemoEnrolled(len(d.fleet), d.workers))
	return nil
}

// refuseUnit wants the line to be refused one unit.
func (d *demo) refuseUnit(ctx context.Context, serial, version string, want v1.Reason) error {
	key, err := newDeviceKey()
	if err != nil {
		return err
	}
	_, err = d.line.unit(ctx, &demoDevice{serial: serial, key: key}, demoImage(version))
	if err := wantRefusal(err, want); err != nil {
		return fmt.Errorf("unit %s with firmware %s: %w", serial, version, err)
	}
	return nil
}

func (d *demo) refuseFirmware(ctx context.Context) error {
	began := time.Now()
	serial := demoSerial(d.devices + 1)
	if err := d.refuseUnit(ctx, serial, demoDraft, v1.FirmwareNotApproved); err != nil {
		return err
	}
	d.done(began, 1, saidDemoRefusedFirmware(serial, demoDraft))
	return nil
}

func (d *demo) refuseSerial(ctx context.Context) error {
	began := time.Now()
	serial := demoSerial(99_999_999)
	if err := d.refuseUnit(ctx, serial, demoRelease, v1.SerialNotInManifest); err != nil {
		return err
	}
	d.done(began, 1, saidDemoRefusedSerial(serial))
	return nil
}

// count wants the batch to agree with the line to the unit.
func (d *demo) count(ctx context.Context) error {
	began := time.Now()
	b, err := d.api.Batch(ctx, demoBatch)
	if err != nil {
		return err
	}
	if b.Used != uint64(d.devices) || b.Left != 1 {
		return fmt.Errorf("batch %s: %d used, %d left; want %d and 1", demoBatch, b.Used, b.Left, d.devices)
	}
	d.done(began, 1, saidDemoCounted(b.Used, b.Limit))
	return nil
}

// wantRefusal wants an error to be one of these refusals.
func wantRefusal(err error, want ...v1.Reason) error {
	refusal, ok := errors.AsType[*client.Refusal](err)
	if !ok {
		return fmt.Errorf("got %v, want a refusal %s", err, want)
	}
	for _, w := range want {
		if refusal.Reason == string(w) {
			return nil
		}
	}
	return fmt.Errorf("refused with %s, want %s", refusal.Reason, want)
}
