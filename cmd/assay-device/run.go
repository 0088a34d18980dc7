package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"net/http"

	"github.com/assay-pki/assay/enroll/agent"
	"github.com/assay-pki/assay/enroll/client"
)

// Exit codes, common to all programs of assay.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitDenied      = 4
	exitConflict    = 5
	exitPending     = 7
	exitUnavailable = 9
	exitInterrupted = 130
)

// program is what a command may touch of the world.
type program struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	getenv func(string) string
}

// usageError is a mistake on the command line.
type usageError struct{ error }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	p := &program{stdin, stdout, stderr, getenv}
	if len(args) == 0 {
		sayHelp(stderr)
		return exitUsage
	}
	var command func(context.Context, []string) error
	switch args[0] {
	case "enroll":
		command = p.enroll
	case "run":
		command = p.keep
	case "renew":
		command = p.renew
	case "status":
		command = p.status
	case "version", "--version", "-version":
		sayVersion(stdout)
		return exitOK
	case "help", "--help", "-help", "-h":
		sayHelp(stdout)
		return exitOK
	default:
		sayUnknown(stderr, args[0])
		return exitUsage
	}
	err := command(ctx, args[1:])
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case ctx.Err() != nil:
		sayInterrupted(stderr, args[0])
		return exitInterrupted
	}
	sayError(stderr, args[0], err)
	return exitCode(err)
}

func exitCode(err error) int {
	if refusal, ok := errors.AsType[*client.Refusal](err); ok {
		return refusalCode(refusal.Status)
	}
	if _, ok := errors.AsType[*client.Pending](err); ok {
		return exitPending
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	switch {
	case errors.Is(err, client.ErrConfig), errors.Is(err, agent.ErrConfig):
		return exitUsage
	case errors.Is(err, agent.ErrNotEnrolled):
		return exitNotFound
	case errors.Is(err, agent.ErrEnrolled), errors.Is(err, agent.ErrBusy), errors.Is(err, agent.ErrUnfinished):
		return exitConflict
	case errors.Is(err, client.ErrUnreachable):
		return exitUnavailable
	}
	return exitFailure
}

func refusalCode(status int) int {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitDenied
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusConflict:
		return exitConflict
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return exitUnavailable
	}
	return exitFailure
}

// parse reads the flags of a command, which takes no other arguments.
func parse(flags *flag.FlagSet, args []string) error {
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return usageError{err}
	case flags.NArg() > 0:
		return usageError{unexpected(flags.Arg(0))}
	}
	return nil
}

// flagSet is one whose help and errors are ours.
func (p *program) flagSet(command string) *flag.FlagSet {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() { sayCommandHelp(p.stdout, flags) }
	return flags
}
