package revocation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// Service performs the acts. It is safe for concurrent use.
type Service struct {
	store store.Store
	now   func() time.Time
}

// New returns a service over a store. now is the node's clock.
func New(s store.Store, now func() time.Time) *Service {
	return &Service{store: s, now: now}
}

// Request says what is to end, and why.
type Request struct {
	// ID is what Resolve reads.
	ID string
	// Only revokes the certificate that ID names and nothing else. Without it,
	// the certificate's device ends. Certificates of operators, stations and
	// servers are always revoked alone.
	Only bool
	// Reason is a name of RFC 5280 §5.3.1. Revoke wants one; Decommission takes
	// cessationOfOperation without.
	Reason string
	// InvalidAt is when the key is thought to have been lost (invalidityDate);
	// zero for none. It is cut to the second, as on the CRL.
	InvalidAt time.Time
	// Comment is at most 1 KiB, Ticket 128 octets; both are one line of text.
	Comment, Ticket string
	// DryRun answers what would change and changes nothing.
	DryRun bool
	// By is who asks. A zero At becomes the node's clock.
	By store.Actor
}

// Revoke ends a device with all its live certificates, or one certificate. With
// reason certificateHold it holds the device. What is revoked already is no
// error: Changed is empty then. Errors are *v1.Refusal (not-found, wrong-state,
// bad-query, bad-document, store-unavailable) unless the cause is unknown.
func (s *Service) Revoke(ctx context.Context, r Request) (store.StatusChange, error) {
	reason, faults := s.check(&r)
	if r.Reason == "" {
		faults = append(faults, v1.Fault{At: "reason", Reason: "missing: say why, for example keyCompromise or superseded"})
	}
	if len(faults) > 0 {
		return store.StatusChange{}, badDocument(faults)
	}
	target, err := s.Resolve(ctx, r.ID)
	if err != nil {
		return store.StatusChange{}, err
	}
	if reason == store.ReasonCertificateHold {
		return s.holdInstead(ctx, r, target)
	}
	act := store.Revoke{
		Reason: reason, InvalidAt: r.InvalidAt,
		Comment: r.Comment, Ticket: r.Ticket, By: r.By, DryRun: r.DryRun,
	}
	switch {
	case r.Only && target.Certificate == nil:
		return store.StatusChange{}, badDocument([]v1.Fault{{At: "only", Reason: "needs a certificate's serial number, not a device"}})
	case r.Only || !target.IsDevice():
		act.Ref = target.Certificate.Ref
	default:
		act.Device = target.Device
	}
	change, err := s.store.Revoke(ctx, act)
	return change, refusal("revoke "+nameOf(target), err)
}

// holdInstead answers a revocation with reason certificateHold.
func (s *Service) holdInstead(ctx context.Context, r Request, target Target) (store.StatusChange, error) {
	switch {
	case r.Only || !target.IsDevice():
		return store.StatusChange{}, &v1.Refusal{
			Reason: v1.WrongState,
			Detail: "one certificate cannot be held: a hold is a device's, with all its certificates",
			Next:   "hold the device: assay device hold PRODUCT/SERIAL; or revoke the certificate with another reason",
		}
	case !r.InvalidAt.IsZero():
		return store.StatusChange{}, badDocument([]v1.Fault{{At: "invalidAt", Reason: "a hold has no invalidity date"}})
	}
	change, err := s.store.Hold(ctx, holdOf(r, target))
	return change, refusal("hold "+nameOf(target), err)
}

// Hold suspends a device and all its live certificates. Holding what is held
// changes nothing. Errors as of Revoke.
func (s *Service) Hold(ctx context.Context, r Request) (store.StatusChange, error) {
	return s.suspend(ctx, r, "hold", s.store.Hold)
}

// Release undoes a hold: certificates that it held are good again. Releasing
// what is active changes nothing. Errors as of Revoke.
func (s *Service) Release(ctx context.Context, r Request) (store.StatusChange, error) {
	return s.suspend(ctx, r, "release", s.store.Release)
}

func (s *Service) suspend(
	ctx context.Context, r Request, verb string,
	act func(context.Context, store.Hold) (store.StatusChange, error),
) (store.StatusChange, error) {
	reason, faults := s.check(&r)
	if r.Reason != "" && reason != store.ReasonCertificateHold {
		faults = append(faults, v1.Fault{At: "reason", Reason: "a hold has the reason certificateHold and no other"})
	}
	if len(faults) > 0 {
		return store.StatusChange{}, badDocument(faults)
	}
	target, err := s.device(ctx, r.ID, verb)
	if err != nil {
		return store.StatusChange{}, err
	}
	change, err := act(ctx, holdOf(r, target))
	return change, refusal(verb+" "+nameOf(target), err)
}

// Decommission ends a device at the end of its life, reason
// cessationOfOperation unless another is given. Errors as of Revoke.
func (s *Service) Decommission(ctx context.Context, r Request) (store.StatusChange, error) {
	if r.Reason == "" {
		r.Reason = store.ReasonName(store.ReasonCessationOfOperation)
	}
	reason, faults := s.check(&r)
	if reason == store.ReasonCertificateHold {
		faults = append(faults, v1.Fault{At: "reason", Reason: "certificateHold suspends, it does not end: assay device hold"})
	}
	if len(faults) > 0 {
		return store.StatusChange{}, badDocument(faults)
	}
	target, err := s.device(ctx, r.ID, "decommission")
	if err != nil {
		return store.StatusChange{}, err
	}
	change, err := s.store.Revoke(ctx, store.Revoke{
		Device: target.Device, Reason: reason, InvalidAt: r.InvalidAt,
		Comment: r.Comment, Ticket: r.Ticket, By: r.By, DryRun: r.DryRun,
	})
	return change, refusal("decommission "+nameOf(target), err)
}

// device resolves an ID of which a device must come.
func (s *Service) device(ctx context.Context, id, verb string) (Target, error) {
	target, err := s.Resolve(ctx, id)
	if err != nil {
		return Target{}, err
	}
	if !target.IsDevice() {
		return Target{}, &v1.Refusal{
			Reason: v1.WrongState,
			Detail: fmt.Sprintf("cannot %s the certificate: it is a %s's, not a device's", verb, target.Certificate.Holder.Kind),
			Next:   "revoke it: assay revoke --serial HEX --reason R",
		}
	}
	return target, nil
}

// check judges the request's fields, all at once, and fills in what is left
// out. It returns the reason that the name means.
func (s *Service) check(r *Request) (uint8, []v1.Fault) {
	var faults []v1.Fault
	add := func(at, reason string) { faults = append(faults, v1.Fault{At: at, Reason: reason}) }
	now := s.now()
	if r.By.At.IsZero() {
		r.By.At = now
	}
	r.InvalidAt = r.InvalidAt.Truncate(time.Second)
	// CRL-13: the date is not after the revocation, which is about to happen.
	if r.InvalidAt.After(now) {
		add("invalidAt", "lies in the future")
	}
	checkText(add, "comment", r.Comment, maxComment)
	checkText(add, "ticket", r.Ticket, maxTicket)
	if r.Reason == "" {
		return store.ReasonUnspecified, faults
	}
	reason, ok := ParseReason(r.Reason)
	switch {
	case ok && reason == store.ReasonRemoveFromCRL:
		add("reason", "removeFromCRL is for delta CRLs; to undo a hold: assay device release")
	case !ok && nearestReason(r.Reason) != "":
		add("reason", "unknown: did you mean "+nearestReason(r.Reason)+"?")
	case !ok:
		add("reason", "unknown: one of "+strings.Join(ReasonNames(), ", "))
	}
	return reason, faults
}

// checkText keeps control characters out of logs and terminals.
func checkText(add func(at, reason string), at, text string, limit int) {
	switch {
	case len(text) > limit:
		add(at, fmt.Sprintf("longer than %d octets", limit))
	case !utf8.ValidString(text):
		add(at, "not UTF-8")
	case strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }):
		add(at, "has control or invisible characters")
	}
}

func holdOf(r Request, t Target) store.Hold {
	return store.Hold{Device: t.Device, Comment: r.Comment, Ticket: r.Ticket, By: r.By, DryRun: r.DryRun}
}

func nameOf(t Target) string {
	if t.IsDevice() {
		return t.Device.String()
	}
	return fmt.Sprintf("certificate %x", t.Certificate.Serial)
}

func badDocument(faults []v1.Fault) *v1.Refusal {
	return &v1.Refusal{
		Reason: v1.BadDocument,
		Detail: faults[0].At + ": " + faults[0].Reason,
		Next:   "see assay revoke --help",
		Faults: faults,
	}
}

// refusal turns the store's sentinels into what a person is told. doing is the
// act, for the message.
func refusal(doing string, err error) error {
	refuse := func(reason v1.Reason, detail string) *v1.Refusal {
		return &v1.Refusal{Reason: reason, Detail: doing + ": " + detail, Err: err}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound):
		r := refuse(v1.NotFound, "there is no such device or certificate")
		r.Next = "check the name: assay device list"
		return r
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrDecommissioned), errors.Is(err, store.ErrHeld):
		r := refuse(v1.WrongState, "its state does not allow this")
		r.Next = "look at its state: assay device show"
		return r
	case errors.Is(err, store.ErrChanged):
		return refuse(v1.ChangedMeanwhile, "it was changed meanwhile")
	case errors.Is(err, store.ErrUnavailable):
		r := refuse(v1.StoreUnavailable, "the store is unavailable; whether it was done can be read when it is back")
		r.RetryAfter = retryStore
		return r
	}
	return fmt.Errorf("%s: %w", doing, err)
}
