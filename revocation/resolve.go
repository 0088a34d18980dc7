package revocation

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// Target is what an ID means.
type Target struct {
	// Device is set when a device is meant or holds the certificate.
	Device store.DeviceID
	// Certificate is set when the ID names one.
	Certificate *store.Certificate
}

// IsDevice tells whether a device is concerned.
func (t Target) IsDevice() bool { return t.Device != store.DeviceID{} }

// Resolve finds what an ID means: PRODUCT/SERIAL, a certificate's serial number
// in hex (any case; colons and spaces are allowed), or a certificate as PEM or
// DER. A device named by PRODUCT/SERIAL is not looked up: the act on it does
// that. The error is a *v1.Refusal unless the store failed in a way unknown.
func (s *Service) Resolve(ctx context.Context, id string) (Target, error) {
	if id == "" || len(id) > maxID {
		return Target{}, malformedID("an id has 1 to 16384 characters")
	}
	if der, ok := certificateBytes(id); ok {
		return s.resolveCertificate(ctx, der)
	}
	if strings.Contains(id, "/") {
		device, ok := store.ParseDeviceID(id)
		if !ok {
			return Target{}, malformedID("a device is named PRODUCT/SERIAL")
		}
		return Target{Device: device}, nil
	}
	serial, err := parseSerial(id)
	if err != nil {
		return Target{}, malformedID(err.Error())
	}
	return s.find(ctx, serial, func(c *store.Certificate) bool { return c.Serial == serial })
}

// certificateBytes tells PEM and DER certificates from typed ids: DER of more
// than 127 octets starts with two octets that nobody types.
func certificateBytes(id string) ([]byte, bool) {
	if block, _ := pem.Decode([]byte(id)); block != nil {
		return block.Bytes, true
	}
	return []byte(id), len(id) > 2 && id[0] == 0x30 && id[1] > 0x7f
}

func (s *Service) resolveCertificate(ctx context.Context, der []byte) (Target, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		r := malformedID("the certificate does not parse")
		r.Err = err
		return Target{}, r
	}
	var serial [serialOctets]byte
	if len(cert.SerialNumber.Bytes()) != serialOctets {
		return Target{}, v1.Refuse(v1.NotFound, "the certificate is not one of this authority")
	}
	cert.SerialNumber.FillBytes(serial[:])
	return s.find(ctx, serial, func(c *store.Certificate) bool { return string(c.DER) == string(der) })
}

// parseSerial reads a serial number as people copy it. Leading zeros may be
// missing.
func parseSerial(id string) ([serialOctets]byte, error) {
	var serial [serialOctets]byte
	digits := strings.NewReplacer(":", "", " ", "").Replace(id)
	digits = strings.TrimLeft(digits, "0")
	if digits == "" || len(digits) > 2*serialOctets {
		return serial, fmt.Errorf("a serial number of this authority has %d hex digits", 2*serialOctets)
	}
	digits = strings.Repeat("0", 2*serialOctets-len(digits)) + digits
	if _, err := hex.Decode(serial[:], []byte(digits)); err != nil {
		return serial, errors.New("neither PRODUCT/SERIAL nor a serial number in hex nor a certificate")
	}
	return serial, nil
}

// find asks each issuer for the serial's index: the number alone does not say
// whose it is.
func (s *Service) find(ctx context.Context, serial [serialOctets]byte, same func(*store.Certificate) bool) (Target, error) {
	index, ok := profile.IndexOf(serial[:])
	if !ok {
		return Target{}, notOurs(serial)
	}
	issuers, err := s.store.Issuers(ctx)
	if err != nil {
		return Target{}, refusal("list issuers", err)
	}
	for _, issuer := range issuers {
		cert, err := s.store.Certificate(ctx, store.Ref{Issuer: issuer.ID, Index: index})
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return Target{}, refusal("look up the certificate", err)
		}
		if same(&cert) {
			return targetOf(&cert), nil
		}
	}
	return Target{}, notOurs(serial)
}

func targetOf(cert *store.Certificate) Target {
	t := Target{Certificate: cert}
	if cert.Holder.Kind == store.HolderDevice {
		t.Device, _ = store.ParseDeviceID(cert.Holder.Name)
	}
	return t
}

func notOurs(serial [serialOctets]byte) *v1.Refusal {
	return &v1.Refusal{
		Reason: v1.NotFound,
		Detail: fmt.Sprintf("no certificate of this authority has the serial number %x", serial),
		Next:   "list the device's certificates: assay device show PRODUCT/SERIAL",
	}
}

func malformedID(detail string) *v1.Refusal {
	return &v1.Refusal{
		Reason: v1.BadQuery,
		Detail: detail,
		Next:   "name it by PRODUCT/SERIAL, by a certificate's serial number in hex, or by a certificate file",
	}
}
