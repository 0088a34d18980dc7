package line

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/evidence"
)

// Evidence that simulated devices bring.
const (
	EvidenceNone    = "none"
	EvidenceSelf    = "self"
	EvidenceStation = "station"
)

// Digest is what a component measures.
type Digest struct {
	Component string
	SHA256    []byte
}

// SimulationConfig says which devices to make.
type SimulationConfig struct {
	// Serials of the devices, in the order of work.
	Serials []string
	// Dir keeps key and CSR of each, so that the next run sends the same.
	Dir     string
	Product string
	// Evidence is one of the three above.
	Evidence string
	// Station signs station evidence.
	Station *Station
	// Digests are the measurements; at least one where there is evidence.
	Digests []Digest
	// Wrong is how many of the devices measure something else, spread evenly.
	Wrong int
	// Nonce of the batch; nil: one is fetched for each device.
	Nonce []byte
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Simulation is a Source of devices that exist on the disk alone.
type Simulation struct {
	config SimulationConfig
	wrong  map[string]bool
}

// NewSimulation makes the directory. The error is ErrConfig or the disk's.
func NewSimulation(config SimulationConfig) (*Simulation, error) {
	s := &Simulation{config: config, wrong: map[string]bool{}}
	if err := s.check(); err != nil {
		return nil, err
	}
	for i := range config.Wrong {
		s.wrong[config.Serials[i*len(config.Serials)/config.Wrong]] = true
	}
	if config.Now == nil {
		s.config.Now = time.Now
	}
	if err := os.MkdirAll(config.Dir, dirMode); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Simulation) check() error {
	c := s.config
	seen := make(map[string]bool, len(c.Serials))
	for _, serial := range c.Serials {
		if err := checkSerial(serial); err != nil {
			return fmt.Errorf("%w: %q: %w", ErrConfig, serial, err)
		}
		if seen[serial] {
			return fmt.Errorf("%w: serial %s stands twice", ErrConfig, serial)
		}
		seen[serial] = true
	}
	switch {
	case len(c.Serials) == 0 || len(c.Serials) > maxUnits:
		return fmt.Errorf("%w: %d devices, want 1 to %d", ErrConfig, len(c.Serials), maxUnits)
	case c.Wrong < 0 || c.Wrong > len(c.Serials):
		return fmt.Errorf("%w: %d of %d devices with wrong firmware", ErrConfig, c.Wrong, len(c.Serials))
	case c.Evidence != EvidenceNone && c.Evidence != EvidenceSelf && c.Evidence != EvidenceStation:
		return fmt.Errorf("%w: evidence %q is not none, self or station", ErrConfig, c.Evidence)
	case c.Evidence == EvidenceStation && c.Station == nil:
		return fmt.Errorf("%w: station evidence needs the station", ErrConfig)
	case (c.Evidence == EvidenceNone) != (len(c.Digests) == 0):
		return fmt.Errorf("%w: evidence and digests of the firmware belong together", ErrConfig)
	case c.Evidence == EvidenceNone && c.Wrong > 0:
		return fmt.Errorf("%w: wrong firmware shows in evidence alone", ErrConfig)
	}
	return nil
}

// Units are the serials.
func (s *Simulation) Units() []string { return s.config.Serials }

// Request is that of a device: the one that was saved, else a new key.
func (s *Simulation) Request(serial string) (client.Request, error) {
	r := client.Request{Subject: pkix.Name{CommonName: serial, SerialNumber: serial}, Nonce: s.config.Nonce}
	path := filepath.Join(s.config.Dir, fileName(serial)+".pem")
	key, csr, err := loadDevice(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return r, fmt.Errorf("key of %s: %w", serial, err)
	}
	r.Key, r.CSR = key, csr
	r.Save = func(csr []byte) error { return saveDevice(path, key, csr) }
	switch s.config.Evidence {
	case EvidenceSelf:
		r.Evidence = func(_ context.Context, nonce, spki []byte) ([]byte, error) {
			return attribute(evidence.Self(key, s.statement(serial, nonce, spki)))
		}
	case EvidenceStation:
		r.Evidence = func(_ context.Context, nonce, spki []byte) ([]byte, error) {
			return s.stationEvidence(serial, nonce, spki)
		}
	}
	return r, nil
}

func (s *Simulation) statement(serial string, nonce, spki []byte) evidence.Statement {
	st := evidence.Statement{Product: s.config.Product, Serial: serial, Nonce: nonce, SPKI: spki, Debug: evidence.DebugDisabled}
	for _, d := range s.config.Digests {
		digest := d.SHA256
		if s.wrong[serial] {
			sum := sha256.Sum256(digest) // of no release
			digest = sum[:]
		}
		st.Measurements = append(st.Measurements, evidence.Measurement{Component: d.Component, Digest: digest})
	}
	return st
}

func (s *Simulation) stationEvidence(serial string, nonce, spki []byte) ([]byte, error) {
	key, err := s.config.Station.Key()
	if err != nil {
		return nil, err
	}
	st := s.statement(serial, nonce, spki)
	st.Station, st.Method, st.IssuedAt = s.config.Station.Station, evidence.MethodProgrammer, s.config.Now()
	return attribute(evidence.Station(key, st))
}

func attribute(statement []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return evidence.Attribute(statement)
}

const (
	typeKey = "PRIVATE KEY"
	typeCSR = "CERTIFICATE REQUEST"
)

// saveDevice writes key and CSR in one file, so that never one is there
// without the other.
func saveDevice(path string, key crypto.Signer, csr []byte) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	err = errors.Join(
		pem.Encode(&text, &pem.Block{Type: typeKey, Bytes: der}),
		pem.Encode(&text, &pem.Block{Type: typeCSR, Bytes: csr}),
	)
	if err != nil {
		return err
	}
	return writeFile(path, text.Bytes(), secretMode)
}

func loadDevice(path string) (crypto.Signer, []byte, error) {
	text, err := readFile(path, maxCSRFile)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block(text, typeKey))
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("read %s: a key that cannot sign", path)
	}
	return key, block(text, typeCSR), nil
}
