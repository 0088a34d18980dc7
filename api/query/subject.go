package query

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// Subject is a device that is to be judged.
type Subject struct {
	Device store.Device
	Source Source
}

// Source looks up what a device's own record does not say, when a term asks for
// it and not before. store.ErrNotFound means that the device lacks the field;
// any other error ends the match. An implementation may keep what it has read
// for the length of one list, and then needs no lock: one goroutine calls it.
type Source interface {
	// Certificate returns a certificate of the device's lineage.
	Certificate(ctx context.Context, ref store.Ref) (Certificate, error)
	// Batch returns the batch that the device belongs to.
	Batch(ctx context.Context, name string) (store.Batch, error)
	// Release returns a firmware release of the device's product.
	Release(ctx context.Context, product, version string) (Release, error)
	// Incidents returns the kinds of the incidents about a device that are not
	// closed.
	Incidents(ctx context.Context, device store.DeviceID) ([]string, error)
}

// Certificate is a stored certificate with the name of its issuer.
type Certificate struct {
	store.Certificate
	// Issuer is as in URLs: devices-1.
	Issuer string
}

// Release is what the language knows of a firmware release.
type Release struct {
	// State: draft, approved, deprecated or recalled.
	State string
	// Digests of each component, as sha256:HEX in lower case.
	Digests map[string][]string
}

// view is a subject under a match: each thing is looked up once.
type view struct {
	*Subject
	certificate *Certificate
	parsed      *x509.Certificate
	looked      bool
	releases    map[string]*Release
	incidents   []string
	asked       bool
}

// newest returns the newest operational certificate, else the newest of all;
// nil when the device has none.
func (v *view) newest(ctx context.Context) (*Certificate, error) {
	if v.looked {
		return v.certificate, nil
	}
	for _, ref := range slices.Backward(v.Device.Lineage) {
		c, err := v.Source.Certificate(ctx, ref)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		operational := c.Profile == store.ProfileOperational
		if v.certificate == nil || operational {
			v.certificate = &c
		}
		if operational {
			break
		}
	}
	v.looked = true
	return v.certificate, nil
}

// x509 parses the newest certificate; nil when there is none.
func (v *view) x509(ctx context.Context) (*x509.Certificate, error) {
	c, err := v.newest(ctx)
	if err != nil || c == nil {
		return nil, err
	}
	if v.parsed == nil {
		if v.parsed, err = x509.ParseCertificate(c.DER); err != nil {
			return nil, err
		}
	}
	return v.parsed, nil
}

func (v *view) release(ctx context.Context, version string) (*Release, error) {
	if r, ok := v.releases[version]; ok {
		return r, nil
	}
	r, err := v.Source.Release(ctx, v.Device.Product, version)
	found := &r
	if errors.Is(err, store.ErrNotFound) {
		found, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	if v.releases == nil {
		v.releases = map[string]*Release{}
	}
	v.releases[version] = found
	return found, nil
}

func (v *view) openIncidents(ctx context.Context) ([]string, error) {
	if v.asked {
		return v.incidents, nil
	}
	kinds, err := v.Source.Incidents(ctx, v.Device.DeviceID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	v.incidents, v.asked = kinds, true
	return kinds, nil
}

// createdAt is when the device came to be known: with its manifest, else with
// its first certificate.
func (v *view) createdAt(ctx context.Context) (time.Time, error) {
	d := &v.Device
	if d.State == store.DeviceExpected {
		return d.ChangedAt, nil
	}
	if d.Batch == "" {
		return d.ActivatedAt, nil
	}
	b, err := v.Source.Batch(ctx, d.Batch)
	if errors.Is(err, store.ErrNotFound) {
		return d.ActivatedAt, nil
	}
	if err == nil && b.Manifest.Rows > 0 {
		return b.CreatedAt, nil
	}
	return d.ActivatedAt, err
}

// keyType is that of the newest certificate, as ec-p256.
func (v *view) keyType(ctx context.Context) (string, error) {
	c, err := v.x509(ctx)
	if err != nil || c == nil {
		return "", err
	}
	kind, _ := profile.KeyTypeOf(c.PublicKey)
	return string(kind), nil
}
