package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/assay-pki/assay/enroll/client"
)

// prove presents a new pair to the server once and makes it the current one
// when it was taken. Until then the old pair is in use. When it is refused, it
// is dropped (ErrNewRefused); when nobody answers, it stays beside the old one
// for the next attempt.
func (a *Agent) prove(ctx context.Context, old, id *identity) (Outcome, error) {
	err := a.present(ctx, id)
	switch {
	case err == nil, undecided(err) && a.config.Now().After(old.cert.NotAfter):
		// The old one is worth nothing any more: the new one can only be better.
	case undecided(err):
		return Outcome{}, fmt.Errorf("try the new certificate: %w", err)
	default:
		err = fmt.Errorf("%w: %w", ErrNewRefused, err)
		return Outcome{}, errors.Join(err, a.disk.remove(pendingDir), a.disk.remove(id.generation))
	}
	if err := a.disk.activate(id); err != nil {
		return Outcome{}, fmt.Errorf("install the certificate: %w", err)
	}
	return a.tidied(id)
}

// present asks for a nonce with the pair: the cheapest question that a server
// answers by who asks. A server without nonces has read the certificate too.
func (a *Agent) present(ctx context.Context, id *identity) error {
	config := a.clientConfig(id.state.Server, id.state.Product)
	config.Roots, config.Certificate = id.serverRoots(), id.tls()
	c, err := client.New(config)
	if err != nil {
		return err
	}
	defer c.CloseIdle()
	_, _, err = c.Nonce(ctx, 0)
	if errors.Is(err, client.ErrAnswer) {
		return nil
	}
	if refusal, ok := errors.AsType[*client.Refusal](err); ok && refusal.Status < http.StatusInternalServerError {
		switch refusal.Status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
			return err
		}
		return nil
	}
	return err
}

// undecided says that an answer to present does not tell whether the pair is
// good: nobody answered, or the server is busy, or the device is held, which
// no other certificate would change.
func undecided(err error) bool {
	if refusal, ok := errors.AsType[*client.Refusal](err); ok {
		switch refusal.Status {
		case http.StatusUnauthorized, http.StatusForbidden:
			return refusal.Reason == "device-held" || refusal.Reason == "certificate-held"
		}
		return true
	}
	// Other makers' servers judge in the handshake and send an alert.
	alert, ok := errors.AsType[*net.OpError](err)
	return !ok || alert.Op != "remote error"
}
