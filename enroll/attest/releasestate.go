package attest

import (
	"fmt"
	"time"
)

// StateError says that a release is not in a state for an act.
type StateError struct {
	Release, State string
	// Next says what to do instead.
	Next string
}

// Error names the release, its state, and what to do instead.
func (e *StateError) Error() string {
	return fmt.Sprintf("release %s is %s: %s", e.Release, e.State, e.Next)
}

func (r *Release) wrongState(next string) error {
	return &StateError{Release: r.Name(), State: r.State, Next: next}
}

// Approve lets devices have certificates with a draft, or again with a
// deprecated release. The error is a *StateError.
func (r *Release) Approve() error {
	switch r.State {
	case StateDraft, StateDeprecated:
		r.State, r.Deadline = StateApproved, time.Time{}
		return nil
	case StateRecalled:
		return r.wrongState("undo the recall first")
	}
	return r.wrongState("there is nothing to approve")
}

// Deprecate lets certificates end at the deadline, and gives none afterwards;
// zero: no deadline. A deprecated release gets a new deadline. The error is a
// *StateError.
func (r *Release) Deprecate(deadline time.Time) error {
	deadline = deadline.UTC().Truncate(time.Second)
	switch {
	case r.State == StateApproved, r.State == StateDeprecated && !r.Deadline.Equal(deadline):
		r.State, r.Deadline = StateDeprecated, deadline
		return nil
	case r.State == StateDeprecated:
		return r.wrongState("it has that deadline already")
	case r.State == StateRecalled:
		return r.wrongState("undo the recall first")
	}
	return r.wrongState("approve it first; a draft admits nobody")
}

// Recall ends the release: certificates for another grace (whole seconds, at
// most ten years; 0 for none), cut to its end, or critical: none at once. A
// second recall changes grace and critical, counted from the first. The error
// is a *StateError, or another for a grace out of range.
func (r *Release) Recall(at time.Time, grace time.Duration, critical bool) error {
	grace = grace.Truncate(time.Second)
	if grace < 0 || grace > maxGrace {
		return fmt.Errorf("recall release %s: a grace is 0 to ten years", r.Name())
	}
	switch {
	case r.State == StateApproved, r.State == StateDeprecated:
		r.Before, r.RecalledAt = r.State, at.UTC().Truncate(time.Second)
	case r.State != StateRecalled:
		return r.wrongState("it was never approved, it admits nobody")
	case r.Grace == grace && r.Critical == critical:
		return r.wrongState("it was recalled with this grace already")
	}
	r.State, r.Grace, r.Critical = StateRecalled, grace, critical
	return nil
}

// UndoRecall puts the release where it was. The error is a *StateError.
func (r *Release) UndoRecall() error {
	if r.State != StateRecalled {
		return r.wrongState("there is no recall to undo")
	}
	r.State, r.Before = r.Before, ""
	r.RecalledAt, r.Grace, r.Critical = time.Time{}, 0, false
	return nil
}

// Declare returns the release as it stands after a document was applied to it;
// r is nil for a new one. What commands stored outlives the document: a recall
// stays, with the document's state to go back to unless that is draft, and so
// does the deadline of a release that stays deprecated.
func (r *Release) Declare(document *Release) *Release {
	out := *document
	if r == nil {
		return &out
	}
	if r.State == StateRecalled {
		out.State, out.Before = StateRecalled, r.Before
		out.RecalledAt, out.Grace, out.Critical = r.RecalledAt, r.Grace, r.Critical
		if document.State != StateDraft {
			out.Before = document.State
		}
	}
	if out.State == StateDeprecated || out.Before == StateDeprecated {
		out.Deadline = r.Deadline
	}
	return &out
}
