package agent

import (
	"crypto/tls"
	"time"
)

// Status is what is in the directory, for people and programs.
type Status struct {
	State
	// Dir is the directory, Subject the certificate's, in text.
	Dir     string `json:"dir"`
	Subject string `json:"subject"`
	KeyType string `json:"key_type"`
	// Expired and Due compare with the clock; Left is until notAfter, in
	// seconds, negative after it.
	Expired bool  `json:"expired"`
	Due     bool  `json:"renewal_due"`
	Left    int64 `json:"seconds_left"`
	// Pending is the operation of a request without an answer, or empty.
	Pending string `json:"pending,omitempty"`
}

// Status reads the directory and changes nothing. The error is ErrNotEnrolled
// when there is no certificate; Pending is set even then.
func (a *Agent) Status() (Status, error) {
	var waiting string
	if p, err := a.disk.loadPending(); err == nil && p != nil && a.answered() == "" {
		waiting = string(p.Operation)
	}
	id, err := a.disk.load()
	if err != nil {
		return Status{Dir: a.config.Dir, Pending: waiting}, err
	}
	s := a.outcome(id, false).Status
	s.Pending = waiting
	return s, nil
}

// Certificate is the current pair with its chain, for a TLS client of the
// device: it never mixes two generations.
func (a *Agent) Certificate() (*tls.Certificate, error) {
	id, err := a.disk.load()
	if err != nil {
		return nil, err
	}
	return id.tls(), nil
}

func (a *Agent) outcome(id *identity, unchanged bool) Outcome {
	now := a.config.Now()
	return Outcome{
		Status: Status{
			State: id.state, Dir: a.config.Dir, Subject: id.cert.Subject.String(), KeyType: keyTypeOf(id.key),
			Expired: now.After(id.cert.NotAfter), Due: !now.Before(id.state.RenewAt),
			Left: int64(id.cert.NotAfter.Sub(now) / time.Second),
		},
		Unchanged: unchanged,
	}
}
