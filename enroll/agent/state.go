package agent

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/assay-pki/assay/enroll/client"
)

// stateVersion is the format of state.json.
const stateVersion = 1

// State is state.json: what the device must know besides key and
// certificates. Times are UTC.
type State struct {
	Version int    `json:"version"`
	Server  string `json:"est"`
	Product string `json:"product"`
	Serial  string `json:"serial"`
	// CertificateSerial is that of device.crt, in hex.
	CertificateSerial string    `json:"certificate_serial"`
	NotBefore         time.Time `json:"not_before"`
	NotAfter          time.Time `json:"not_after"`
	// RenewFrom and RenewUntil are the server's advice, or ours; RenewAt was
	// drawn between them, so that a fleet spreads.
	RenewFrom  time.Time `json:"renew_from"`
	RenewUntil time.Time `json:"renew_until"`
	RenewAt    time.Time `json:"renew_at"`
	// InstalledAt is when the device wrote this.
	InstalledAt time.Time `json:"installed_at"`
	// Request is the SHA-256 of the CSR that device.crt answers, in hex.
	Request string `json:"request_sha256"`
	// Measured is what self evidence is made of, with absolute names.
	Measured
	// BirthKey is the file of the birth key, which signs evidence; empty:
	// device.key does.
	BirthKey string `json:"birth_key,omitempty"`
}

func newState(server, product, serial string, a *client.Answer, request string, now time.Time) State {
	cert := a.Certificate
	return State{
		Version: stateVersion, Server: server, Product: product, Serial: serial,
		CertificateSerial: fmt.Sprintf("%x", cert.SerialNumber.Bytes()),
		NotBefore:         cert.NotBefore.UTC(), NotAfter: cert.NotAfter.UTC(),
		RenewFrom: a.RenewFrom.UTC(), RenewUntil: a.RenewUntil.UTC(),
		RenewAt:     draw(a.RenewFrom, a.RenewUntil),
		InstalledAt: now.UTC().Truncate(time.Second), Request: request,
	}
}

// draw is a uniform time between the two, in whole seconds.
func draw(from, until time.Time) time.Time {
	span := max(until.Sub(from), 0)
	return from.Add(rand.N(span + 1)).UTC().Truncate(time.Second)
}

func (s State) encode() ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// decodeState refuses what a later version wrote, rather than lose half of it.
func decodeState(b []byte) (State, error) {
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("state.json: %w", err)
	}
	if s.Version != stateVersion {
		return s, fmt.Errorf("state.json is of version %d, this program knows %d", s.Version, stateVersion)
	}
	return s, nil
}
