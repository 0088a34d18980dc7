package line

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/assay-pki/assay/enroll/client"
)

// unit works one unit until it has an answer that counts. The error stops the
// run.
func (l *Line) unit(ctx context.Context, serial string) error {
	request, err := l.request(serial)
	if err != nil {
		return err
	}
	for t := (trying{}); ; {
		answer, err := l.client.Obtain(ctx, *request)
		if err == nil {
			return l.done(serial, request.CSR, answer)
		}
		// An answer that came counts, also when the run was stopped meanwhile.
		if v := t.judge(err); v != nil {
			return l.settled(serial, request.CSR, v)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := l.again(ctx, serial, &t, err); err != nil {
			return err
		}
	}
}

// request is what to send, with the journal told of it before it is. It keeps
// the CSR that was saved last, so that a repetition sends the same.
func (l *Line) request(serial string) (*client.Request, error) {
	r, err := l.config.Source.Request(serial)
	if err != nil {
		return nil, err
	}
	if r.CSR != nil {
		if err := l.sent(serial, r.CSR); err != nil {
			return nil, err
		}
	}
	save := r.Save
	r.Save = func(csr []byte) error {
		if save != nil {
			if err := save(csr); err != nil {
				return err
			}
		}
		r.CSR = csr
		return l.sent(serial, csr)
	}
	return &r, nil
}

func (l *Line) sent(serial string, csr []byte) error {
	e := entry{Serial: serial, State: stateSent, Request: hashOf(csr)}
	if before := l.journal.unit(serial); before.State == stateSent && before.Request == e.Request {
		return nil
	}
	return l.record(e, 0)
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// done writes the certificate, then the journal: if we stop between the two,
// the same CSR gets the same certificate again.
func (l *Line) done(serial string, csr []byte, answer *client.Answer) error {
	cert := answer.Certificate
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	if err := writeFile(l.path(fileName(serial)+".crt"), text, publicMode); err != nil {
		return fmt.Errorf("write the certificate of %s: %w", serial, err)
	}
	err := l.record(entry{
		Serial: serial, State: stateDone, Request: hashOf(csr),
		Certificate: hex.EncodeToString(cert.SerialNumber.Bytes()), SHA256: hashOf(cert.Raw),
	}, answer.Left)
	if err == nil && answer.Batch != "" && answer.Batch != l.config.Batch {
		err = fmt.Errorf("%w: %s, not %s; %s is done there", ErrOtherBatch, answer.Batch, l.config.Batch, serial)
	}
	return err
}

// verdict is an answer that counts: against one unit, or all.
type verdict struct {
	state, reason, text string
	// all units would meet it: the unit is left, and the run ends.
	all error
}

// trying is what one unit has been through in this run.
type trying struct {
	waits, faults int
}

// judge tells errors that count from those that pass by themselves, which are
// nil. A fault of the server (500) and an answer that is none pass a few times.
func (t *trying) judge(err error) *verdict {
	refusal, refused := errors.AsType[*client.Refusal](err)
	if errors.Is(err, client.ErrAnswer) || refused && refusal.Status == http.StatusInternalServerError {
		if t.faults++; t.faults < maxFaults {
			return nil
		}
	}
	if refused {
		return judgeRefusal(refusal)
	}
	if _, ok := errors.AsType[*client.Pending](err); ok {
		return &verdict{state: statePending, reason: "approval-pending"}
	}
	switch {
	case errors.Is(err, client.ErrUnreachable), errors.Is(err, context.Canceled):
		return nil
	}
	// Who answers is not trusted or no EST server, what was issued is not
	// accepted, evidence or request could not be made or kept: no other unit
	// would fare better.
	return &verdict{all: err}
}

func judgeRefusal(r *client.Refusal) *verdict {
	switch {
	case r.Status == http.StatusTooManyRequests, r.Status > http.StatusInternalServerError && r.Reason != "nonce-length":
		return nil
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusNotFound, concernsAll(r.Reason):
		return &verdict{all: fmt.Errorf("%w: %w", ErrStopped, r)}
	}
	reason := r.Reason
	if reason == "" {
		reason = fmt.Sprintf("http-%d", r.Status)
	}
	return &verdict{state: stateRefused, reason: reason, text: r.Text}
}

// concernsAll: the credential, the station or the batch, whatever the unit.
// quota-exhausted is not one: a unit whose answer was lost gets it all the same.
func concernsAll(reason string) bool {
	switch reason {
	case "not-authorized", "label-not-yours", "admission-not-allowed", "station-out-of-scope",
		"no-open-batch", "batch-paused", "batch-closed", "product-ambiguous", "nonce-length":
		return true
	}
	return strings.HasPrefix(reason, "certificate-")
}

func (l *Line) settled(serial string, csr []byte, v *verdict) error {
	if v.all != nil {
		return fmt.Errorf("%s: %w", serial, v.all)
	}
	e := entry{Serial: serial, State: v.state, Reason: v.reason, Text: cut(v.text)}
	if csr != nil {
		e.Request = hashOf(csr)
	}
	return l.record(e, 0)
}

// cut keeps whole characters.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "")
}

// again waits as the server advises, else longer each time, and gives the run
// up when nothing succeeds any more.
func (l *Line) again(ctx context.Context, serial string, t *trying, cause error) error {
	var advised time.Duration
	if refusal, ok := errors.AsType[*client.Refusal](cause); ok {
		advised = refusal.RetryAfter
	}
	wait := advised
	if wait <= 0 {
		wait = min(firstBackoff<<min(t.waits, 10), maxBackoff)
	}
	wait += rand.N(wait/2 + 1) // workers come back apart, and never too early
	t.waits++
	if left := l.patience(); wait > left {
		if left <= 0 || advised > left {
			return fmt.Errorf("%w: %s: %w", ErrUnavailable, serial, cause)
		}
		wait = left // for the last attempt
	}
	l.waiting(cause)
	if err := l.wait(ctx, wait); err != nil {
		return context.Cause(ctx)
	}
	return nil
}
