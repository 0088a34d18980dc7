package main

import (
	"context"
	"errors"
	"time"

	"github.com/assay-pki/assay/enroll/agent"
)

func (p *program) renew(ctx context.Context, args []string) error {
	var dir, output string
	var r agent.Renewal
	var timeout time.Duration
	flags := p.flagSet("renew")
	flags.StringVar(&dir, "dir", "", helpDir)
	flags.BoolVar(&r.SameKey, "same-key", false, helpSameKey)
	flags.BoolVar(&r.IfDue, "if-due", false, helpIfDue)
	measureFlags(flags, &r.Measured)
	flags.DurationVar(&timeout, "timeout", defaultTimeout, helpTimeout)
	flags.StringVar(&output, "o", "text", helpOutput)
	if err := parse(flags, args); err != nil {
		return err
	}
	if err := errors.Join(checkDir(dir), checkOutput(output), checkTimeout(timeout)); err != nil {
		return usageError{err}
	}
	out, err := newAgent(dir, timeout).Renew(ctx, r)
	if err != nil {
		return err
	}
	return p.sayOutcome(output, "renewed", out)
}

func (p *program) status(_ context.Context, args []string) error {
	var dir, output string
	flags := p.flagSet("status")
	flags.StringVar(&dir, "dir", "", helpDir)
	flags.StringVar(&output, "o", "text", helpOutput)
	if err := parse(flags, args); err != nil {
		return err
	}
	if err := errors.Join(checkDir(dir), checkOutput(output)); err != nil {
		return usageError{err}
	}
	s, err := newAgent(dir, defaultTimeout).Status()
	if err != nil {
		if s.Pending != "" {
			return pendingHere{err}
		}
		return err
	}
	return p.sayStatus(output, s)
}

// pendingHere says that there is no certificate yet, but a request for one.
type pendingHere struct{ error }

func (e pendingHere) Unwrap() error { return e.error }

func checkDir(dir string) error {
	if dir == "" {
		return errNeeded("--dir")
	}
	return nil
}
