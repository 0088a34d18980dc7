package enroll

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// noted is a refusal of which the audit log says more than the client hears.
type noted struct {
	refusal *v1.Refusal
	// incident is one of the kinds of docs/EVENTS.md, empty for none. It is
	// about the device, or what about names; other says whom else it concerns:
	// another device gets an incident of its own.
	incident, about, other string
	// facts go into the event of the refusal.
	facts map[string]string
}

func (e *noted) Error() string { return e.refusal.Error() }
func (e *noted) Unwrap() error { return e.refusal }

// refuse audits a refusal. It returns the refusal as it is, and as the client
// may be told it.
func (a *attempt) refuse(ctx context.Context, err error) (real, told *v1.Refusal) {
	r := a.explain(err)
	a.audit(ctx, r, err)
	return r, tell(r, a.who.actor != "")
}

// tell is the audience rule: what only a principal may know, others do not hear.
func tell(r *v1.Refusal, authenticated bool) *v1.Refusal {
	if !authenticated && r.Reason.About().Audience == v1.Principals {
		return v1.Refuse(v1.NotAuthorized, "")
	}
	return r
}

// explain turns any error into a refusal. What is not the client's doing goes to
// the log, at most once a second.
func (s *Service) explain(err error) *v1.Refusal {
	r, ok := errors.AsType[*v1.Refusal](err)
	if !ok {
		r = &v1.Refusal{Reason: v1.Internal, Err: err}
		switch {
		case errors.Is(err, store.ErrIndexExhausted):
			r.Reason, r.RetryAfter = v1.IndexExhausted, retryStore
		case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrCorrupt):
			r.Reason, r.RetryAfter = v1.StoreUnavailable, retryStore
		case isContext(err): // the client went away, or we are stopping
			r.Reason, r.RetryAfter = v1.Overloaded, retryRace
		}
	}
	if r.Reason.About().Status >= 500 && r.Reason != v1.Overloaded && r.Reason != v1.NonceLength {
		s.complaints.Do(func() {
			s.log.Error("enrolment failed", slog.String("reason", string(r.Reason)), slog.Any("err", errors.Unwrap(r)))
		})
	}
	return r
}

// audit leaves an event about a refusal: an authenticated principal's at once,
// others counted. Trouble of ours is not the client's act.
func (a *attempt) audit(ctx context.Context, r *v1.Refusal, err error) {
	if r.Reason.About().Status >= 500 {
		return
	}
	if a.who.actor == "" {
		a.refusals.Count(r.Reason, a.Source)
		return
	}
	refused := store.Event{
		Name: store.EnrolmentRefused, Time: a.at, Actor: a.who.actor, Source: a.source(),
		Object: a.object(), Reason: string(r.Reason), Detail: map[string]string{"operation": a.Operation},
	}
	if c := a.who.cert; c != nil {
		refused.Serial, refused.Issuer = c.Serial[:], c.Issuer
	}
	events := []store.Event{refused}
	if more, ok := errors.AsType[*noted](err); ok {
		maps.Copy(events[0].Detail, more.facts)
		events = append(events, more.incidents(refused)...)
	}
	if err := a.refusals.record(ctx, a.at, events...); err != nil {
		a.complaints.Do(func() { a.log.Error("refusal not audited", slog.Any("err", err)) })
	}
}

// incidents are those that the refusal opens.
func (e *noted) incidents(refused store.Event) []store.Event {
	if e.incident == "" {
		return nil
	}
	one := refused
	one.Name, one.Object = store.IncidentOpened, cmp.Or(e.about, refused.Object)
	one.Detail = map[string]string{"kind": e.incident}
	if e.other == "" {
		return []store.Event{one}
	}
	one.Detail["other"] = e.other
	kind, device, _ := strings.Cut(e.other, " ")
	if kind != store.HolderDevice {
		return []store.Event{one}
	}
	mirrored := one
	mirrored.Object, mirrored.Serial, mirrored.Issuer = device, nil, 0
	mirrored.Detail = map[string]string{"kind": e.incident, "other": kind + " " + one.Object}
	return []store.Event{one, mirrored}
}

// object is the device that the request is about, as far as it is known.
func (a *attempt) object() string {
	switch {
	case a.device.Serial != "":
		return a.device.String()
	case a.who.device.Serial != "":
		return a.who.device.String()
	}
	return ""
}

// Refused counts a refusal that an edge made by itself, before it asked.
func (s *Service) Refused(operation string, reason v1.Reason, source netip.Addr) {
	s.observer.Enrolled(operation, reason)
	if reason.About().Status < 500 {
		s.refusals.Count(reason, source)
	}
}
