package api

import (
	"context"
	"errors"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/enroll/attest"
	"github.com/assay-pki/assay/store"
)

type firmwareActIn struct {
	FirmwarePath
	Body *v1.FirmwareAct
}

type firmwareChangeOut struct {
	Body v1.FirmwareChange
}

// verdict changes a release for an act and names the event; changed is false
// when it is so already.
type verdict func(r *attest.Release, in v1.FirmwareAct, now time.Time) (event store.EventName, changed bool, err error)

// onFirmware is the handler of an act.
func (a *API) onFirmware(do verdict) func(context.Context, *caller, *firmwareActIn) (*firmwareChangeOut, error) {
	return func(ctx context.Context, who *caller, in *firmwareActIn) (*firmwareChangeOut, error) {
		if err := a.may(ctx, who, in.Product, ""); err != nil {
			return nil, err
		}
		var body v1.FirmwareAct
		if in.Body != nil {
			body = *in.Body
		}
		before, err := a.store.Document(ctx, store.KindFirmware, in.name())
		if err != nil {
			return nil, err
		}
		r, err := release(before)
		if err != nil {
			return nil, err
		}
		by := a.actor(who)
		was := r.State
		event, changed, err := do(r, body, by.At)
		if err != nil {
			return nil, err
		}
		if changed && was == attest.StateDraft && event == store.FirmwareApproved {
			if err := a.mayApprove(ctx, by.Principal, before, false); err != nil {
				return nil, err
			}
		}
		after := before
		if changed {
			if after, err = a.changeRelease(ctx, r, before, body, event, by); err != nil {
				return nil, err
			}
		}
		out := &firmwareChangeOut{Body: v1.FirmwareChange{DryRun: body.DryRun, Changed: changed}}
		if out.Body.Firmware, err = a.firmware(ctx, after); err != nil {
			return nil, err
		}
		if body.DryRun && r.State == attest.StateRecalled && event == store.FirmwareRecalled {
			out.Body.Impact, err = a.impact(ctx, r, body.Cursor, by.At)
		}
		return out, err
	}
}

// changeRelease stores a release, or in a dry run only says how it would be.
func (a *API) changeRelease(
	ctx context.Context, r *attest.Release, before store.Document, in v1.FirmwareAct, event store.EventName, by store.Actor,
) (store.Document, error) {
	body, err := r.CanonicalJSON()
	if err != nil {
		return before, err
	}
	if in.DryRun {
		before.Body = body
		return before, nil
	}
	facts := map[string]string{}
	if in.Comment != "" {
		facts["comment"] = in.Comment
	}
	if event == store.FirmwareDeprecated && !r.Deadline.IsZero() {
		facts["deadline"] = r.Deadline.Format(time.RFC3339)
	}
	if event == store.FirmwareRecalled {
		facts["grace"] = profile.Duration(r.Grace).String()
		if r.Critical {
			facts["critical"] = "true"
		}
	}
	return a.store.PutDocument(ctx, store.PutDocument{
		Kind: store.KindFirmware, Name: before.Name, Body: body, Expect: before.Revision,
		Event: event, Facts: facts, By: by,
	})
}

func approve(r *attest.Release, in v1.FirmwareAct, _ time.Time) (store.EventName, bool, error) {
	if err := only(in, v1.FirmwareAct{}); err != nil {
		return "", false, err
	}
	if r.State == attest.StateApproved {
		return store.FirmwareApproved, false, nil
	}
	return store.FirmwareApproved, true, stateTrouble(r.Approve())
}

func deprecate(r *attest.Release, in v1.FirmwareAct, _ time.Time) (store.EventName, bool, error) {
	if err := only(in, v1.FirmwareAct{Deadline: in.Deadline}); err != nil {
		return "", false, err
	}
	deadline := in.Deadline.UTC().Truncate(time.Second)
	if r.State == attest.StateDeprecated && r.Deadline.Equal(deadline) {
		return store.FirmwareDeprecated, false, nil
	}
	return store.FirmwareDeprecated, true, stateTrouble(r.Deprecate(deadline))
}

// recall may be repeated with other terms; the grace counts from the first.
func recall(r *attest.Release, in v1.FirmwareAct, now time.Time) (store.EventName, bool, error) {
	if err := only(in, v1.FirmwareAct{Grace: in.Grace, Critical: in.Critical, Cursor: in.Cursor}); err != nil {
		return "", false, err
	}
	grace, err := graceOf(in)
	if err != nil {
		return "", false, err
	}
	if r.State == attest.StateRecalled && r.Grace == grace && r.Critical == in.Critical {
		return store.FirmwareRecalled, false, nil
	}
	return store.FirmwareRecalled, true, stateTrouble(r.Recall(now, grace, in.Critical))
}

func graceOf(in v1.FirmwareAct) (time.Duration, error) {
	if in.Grace == "" {
		return 0, nil
	}
	d, err := profile.ParseDuration(in.Grace)
	grace := time.Duration(d)
	switch {
	case err != nil:
		return 0, badDocument("", v1.Fault{At: "grace", Reason: err.Error()})
	case grace < 0 || grace > maxGrace || grace%time.Second != 0:
		return 0, badDocument("", v1.Fault{At: "grace", Reason: "0s to 365d, in whole seconds"})
	case grace > 0 && in.Critical:
		return 0, badDocument("", v1.Fault{At: "grace", Reason: "a critical recall has none"})
	}
	return grace, nil
}

func undoRecall(r *attest.Release, in v1.FirmwareAct, _ time.Time) (store.EventName, bool, error) {
	if err := only(in, v1.FirmwareAct{}); err != nil {
		return "", false, err
	}
	return store.FirmwareRecallUndone, true, stateTrouble(r.UndoRecall())
}

// only refuses terms that belong to another act.
func only(in, terms v1.FirmwareAct) error {
	terms.Comment, terms.DryRun = in.Comment, in.DryRun
	if in == terms {
		return nil
	}
	return badDocument("", v1.Fault{At: "", Reason: "deadline is for deprecate; grace, critical and cursor are for recall"})
}

func stateTrouble(err error) error {
	if s, ok := errors.AsType[*attest.StateError](err); ok {
		return &v1.Refusal{Reason: v1.WrongState, Detail: "the release is " + s.State + ": " + s.Next}
	}
	return err
}
