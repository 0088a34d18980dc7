package agent

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/assay-pki/assay/enroll/client"
)

// RunConfig says how Run works; its zero value renews with new keys.
type RunConfig struct {
	// SameKey keeps the key at renewals.
	SameKey bool
	// Hook is run after each change, and at the start when it did not run
	// for the certificate that is there. One that fails is run again later;
	// renewals do not wait for it.
	Hook Hook
	// Log takes what happens; nil: nobody.
	Log *slog.Logger
}

// Run keeps the identity fresh until ctx ends, and returns its error then. It
// renews at the time in state.json, which was drawn once for the certificate,
// and tries again after a failure: when the server says, else more and more
// rarely. It ends before that when there is nothing that it could keep fresh:
// ErrNotEnrolled, ErrDirectory.
func (a *Agent) Run(ctx context.Context, config RunConfig) error {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	r := &runner{agent: a, config: config, log: config.Log}
	for {
		nap, err := r.turn(ctx)
		if err != nil {
			return err
		}
		if err := a.wait(ctx, nap); err != nil {
			return err
		}
	}
}

// runner is what one Run knows besides the directory.
type runner struct {
	agent  *Agent
	config RunConfig
	log    *slog.Logger
	renew  attempts
	hook   attempts
}

// attempts at something that fails at times.
type attempts struct {
	failed int
	next   time.Time
}

func (t *attempts) due(now time.Time) bool { return !now.Before(t.next) }

func (t *attempts) succeeded() { *t = attempts{} }

// postponed sets the next time: as advised, else in a time that doubles up to
// longest.
func (t *attempts) postponed(now time.Time, advised, longest time.Duration) time.Duration {
	delay := advised
	if delay <= 0 {
		delay = min(firstRetry<<min(t.failed, maxDoublings), max(longest, firstRetry))
	}
	t.failed++
	// A fleet that failed together comes back apart, and never before the
	// time that the server said.
	delay += rand.N(delay/4 + 1)
	t.next = now.Add(delay)
	return delay
}

// turn does what is due and returns how long nothing will be.
func (r *runner) turn(ctx context.Context) (time.Duration, error) {
	status, err := r.agent.Status()
	if err != nil {
		return 0, err
	}
	now := r.agent.config.Now()
	if (status.Due || status.Pending == string(opRenew)) && r.renew.due(now) {
		if status, err = r.renewed(ctx, status); err != nil {
			return 0, err
		}
	}
	if err := r.hooked(ctx, status); err != nil {
		return 0, err
	}
	return r.nap(status), nil
}

// renewed renews; a failure is logged and leaves the status as it was.
func (r *runner) renewed(ctx context.Context, before Status) (Status, error) {
	out, err := r.agent.Renew(ctx, Renewal{SameKey: r.config.SameKey, IfDue: true})
	now := r.agent.config.Now()
	switch {
	case err == nil:
		r.renew.succeeded()
		if !out.Unchanged {
			r.log.Info("renewed", "certificate", out.CertificateSerial, "not_after", out.NotAfter, "renew_at", out.RenewAt)
		}
		return out.Status, nil
	case ctx.Err() != nil:
		return before, ctx.Err()
	case errors.Is(err, ErrNotEnrolled), errors.Is(err, ErrDirectory):
		return before, err
	}
	left := before.NotAfter.Sub(now)
	longest := maxRetry
	if left > 0 {
		longest = min(longest, left/8)
	}
	delay := r.renew.postponed(now, advice(err), longest)
	r.log.Warn("renewal failed", "error", err, "next", now.Add(delay).UTC().Truncate(time.Second), "not_after", before.NotAfter)
	return before, nil
}

// advice is what a server said about the next attempt; 0 for nothing.
func advice(err error) time.Duration {
	if refusal, ok := errors.AsType[*client.Refusal](err); ok {
		return refusal.RetryAfter
	}
	if pending, ok := errors.AsType[*client.Pending](err); ok {
		return pending.RetryAfter
	}
	return 0
}

// hooked runs the hook if it did not run for this certificate.
func (r *runner) hooked(ctx context.Context, status Status) error {
	now := r.agent.config.Now()
	if len(r.config.Hook.Command) == 0 || !r.hook.due(now) {
		return nil
	}
	done, err := r.agent.disk.hooked(status.State)
	if err == nil && done {
		return nil
	}
	if err == nil {
		if err = r.config.Hook.run(ctx, r.agent.config.Dir, status.State); err == nil {
			err = r.agent.disk.setHooked(status.State)
		}
	}
	switch {
	case err == nil:
		r.hook.succeeded()
		r.log.Info("hook ran", "certificate", status.CertificateSerial)
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		delay := r.hook.postponed(r.agent.config.Now(), 0, maxHookRetry)
		r.log.Warn("hook failed", "error", err, "next", now.Add(delay).UTC().Truncate(time.Second))
	}
	return nil
}

// nap is until the next thing is due, and never so long that a clock which was
// set, or a certificate that another process renewed, goes unseen.
func (r *runner) nap(status Status) time.Duration {
	now := r.agent.config.Now()
	next := status.RenewAt
	if r.renew.failed > 0 {
		next = r.renew.next
	}
	if r.hook.failed > 0 && r.hook.next.Before(next) {
		next = r.hook.next
	}
	return min(max(next.Sub(now), shortestNap), longestNap)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
