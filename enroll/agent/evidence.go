package agent

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/evidence"
)

// Measure is a file that evidence measures, under the name of its component.
type Measure struct {
	Component string `json:"component"`
	File      string `json:"file"`
}

// Measured is what self evidence says of the device, now and at each renewal.
type Measured struct {
	// Measure are the files to hash; none: no self evidence.
	Measure []Measure `json:"measure,omitempty"`
	// DebugOpen: the debug port is open; most products refuse that.
	DebugOpen bool `json:"debug_open,omitempty"`
}

// About is what evidence is to be made about.
type About struct {
	// Product and Serial are the device's; the product is without ".birth".
	Product, Serial string
	// Nonce is the server's; nil when it has none.
	Nonce []byte
	// SPKI is the DER of the public key that the certificate is asked for.
	SPKI []byte
	// Key signs: the birth key if there is one, else the current key, else
	// the key of the request.
	Key crypto.Signer
	Measured
}

// Producer makes the value of the attribute id-aa-attestation: the DER of an
// AttestationBundle.
type Producer func(ctx context.Context, about About) ([]byte, error)

// SelfEvidence is the Producer of the format self: it hashes the files anew
// each time.
func SelfEvidence(_ context.Context, about About) ([]byte, error) {
	s := evidence.Statement{
		Product: about.Product, Serial: about.Serial, Nonce: about.Nonce, SPKI: about.SPKI, Debug: evidence.DebugDisabled,
	}
	if about.DebugOpen {
		s.Debug = evidence.DebugEnabled
	}
	for _, m := range about.Measure {
		measured, err := evidence.MeasureFile(m.Component, m.File)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", m.Component, err)
		}
		s.Measurements = append(s.Measurements, measured)
	}
	statement, err := evidence.Self(about.Key, s)
	if err != nil {
		return nil, err
	}
	return evidence.Attribute(statement)
}

// evidenceBy is the hook of client.Request; nil when no evidence is wanted.
func (a *Agent) evidenceBy(p *pending, key crypto.Signer, what Measured) func(context.Context, []byte, []byte) ([]byte, error) {
	produce := a.config.Evidence
	if produce == nil {
		if len(what.Measure) == 0 {
			return nil
		}
		produce = SelfEvidence
	}
	return func(ctx context.Context, nonce, spki []byte) ([]byte, error) {
		return produce(ctx, About{
			Product: strings.TrimSuffix(p.Product, birthSuffix), Serial: p.Serial,
			Nonce: nonce, SPKI: spki, Key: key, Measured: what,
		})
	}
}

// birthSuffix is what the label of a birth profile adds to its product.
const birthSuffix = ".birth"

// enrolmentSigner is whose key signs the evidence of an enrolment: that of the
// device's own certificate if one admits us, else the current one.
func enrolmentSigner(e Enrolment, current *identity, requested crypto.Signer) crypto.Signer {
	if own := ownKey(e.Certificate, e.Serial); own != nil {
		return own
	}
	if current != nil {
		return current.key
	}
	return requested
}

// ownKey is the key of a certificate of this very device, else nil: a
// station's key does not speak for a device.
func ownKey(cert *tls.Certificate, serial string) crypto.Signer {
	if cert == nil || cert.Leaf == nil || cert.Leaf.Subject.SerialNumber != serial {
		return nil
	}
	key, _ := cert.PrivateKey.(crypto.Signer)
	return key
}

// birthKeyFile is the file of the birth key that admitted us, for evidence at
// renewals; empty without one. A birth certificate names the serial alone.
func birthKeyFile(e Enrolment) (string, error) {
	if e.KeyFile == "" || ownKey(e.Certificate, e.Serial) == nil || e.Certificate.Leaf.Subject.CommonName != "" {
		return "", nil
	}
	path, err := filepath.Abs(e.KeyFile)
	if err != nil {
		return "", fmt.Errorf("find the birth key: %w", err)
	}
	return path, nil
}

// renewalSigner is the birth key if the device has one, else the current key.
func renewalSigner(id *identity) (crypto.Signer, error) {
	if id.state.BirthKey == "" {
		return id.key, nil
	}
	b, err := readFile(id.state.BirthKey)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: the birth key %s is gone, and evidence is signed with it", ErrConfig, id.state.BirthKey)
	}
	if err != nil {
		return nil, fmt.Errorf("read the birth key: %w", err)
	}
	key, err := ParseKey(b)
	if err != nil {
		return nil, fmt.Errorf("read the birth key: %w", err)
	}
	return key, nil
}

// absolute makes the files independent of where we were started.
func (m Measured) absolute() (Measured, error) {
	out := Measured{DebugOpen: m.DebugOpen}
	for _, m := range m.Measure {
		if m.Component == "" || m.File == "" {
			return out, fmt.Errorf("%w: a measure needs a component and a file", ErrConfig)
		}
		path, err := filepath.Abs(m.File)
		if err != nil {
			return out, fmt.Errorf("find the file of component %s: %w", m.Component, err)
		}
		out.Measure = append(out.Measure, Measure{m.Component, path})
	}
	return out, nil
}

// outdated says that a refusal is about what evidence said, so that only
// evidence made anew can help.
func outdated(r *client.Refusal) bool {
	switch r.Reason {
	case "bad-evidence", "debug-enabled", "tier-too-low", "component-missing", "nonce-invalid", "nonce-reused":
		return true
	}
	return strings.HasPrefix(r.Reason, "evidence-") || strings.HasPrefix(r.Reason, "firmware-")
}
