package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/assay-pki/assay/enroll/agent"
)

// keep is the command run: it ends with a signal, which is success.
func (p *program) keep(ctx context.Context, args []string) error {
	var dir string
	var config agent.RunConfig
	var hook string
	var timeout time.Duration
	flags := p.flagSet("run")
	flags.StringVar(&dir, "dir", "", helpDir)
	flags.StringVar(&hook, "hook", "", helpHook)
	flags.Func("hook-arg", helpHookArg, func(s string) error {
		config.Hook.Command = append(config.Hook.Command, s)
		return nil
	})
	flags.DurationVar(&config.Hook.Timeout, "hook-timeout", defaultHookTimeout, helpHookTimeout)
	flags.BoolVar(&config.SameKey, "same-key", false, helpSameKey)
	flags.DurationVar(&timeout, "timeout", defaultTimeout, helpTimeout)
	if err := parse(flags, args); err != nil {
		return err
	}
	faults := []error{checkDir(dir), checkTimeout(timeout), checkTimeout(config.Hook.Timeout)}
	if hook == "" && len(config.Hook.Command) > 0 {
		faults = append(faults, errHookArg)
	}
	if err := errors.Join(faults...); err != nil {
		return usageError{err}
	}
	if hook != "" {
		config.Hook.Command = append([]string{hook}, config.Hook.Command...)
	}
	config.Hook.Output = p.stderr
	config.Log = slog.New(slog.NewTextHandler(p.stderr, nil))
	a := newAgent(dir, timeout)
	status, err := a.Status()
	if err != nil {
		return err
	}
	config.Log.Info(saidKeeping, "device", status.Product+"/"+status.Serial, "dir", dir, "renew_at", status.RenewAt)
	err = a.Run(ctx, config)
	if ctx.Err() != nil {
		config.Log.Info(saidStopped)
		return nil
	}
	return err
}
