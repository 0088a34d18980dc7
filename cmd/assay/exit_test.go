package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"testing"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
)

func TestExitCodes(t *testing.T) {
	stopped, stop := context.WithCancel(context.Background())
	stop()
	background := context.Background()
	refused := func(r v1.Reason) error {
		return fmt.Errorf("ask: %w", &client.Refused{Status: r.About().Status, Refusal: v1.Refuse(r, "")})
	}
	for _, row := range []struct {
		name string
		ctx  context.Context
		err  error
		want int
	}{
		{"usage", background, failID("x"), exitUsage},
		{"any", background, errors.New("x"), exitFailure},
		{"not found", background, refused(v1.NotFound), exitNotFound},
		{"no credential", background, refused(v1.CredentialMissing), exitDenied},
		{"role", background, refused(v1.RoleDenied), exitDenied},
		{"exists", background, refused(v1.Exists), exitConflict},
		{"guard", background, refused(v1.GuardExceeded), exitGuard},
		{"count", background, refused(v1.GuardCountMismatch), exitGuard},
		{"pending", background, refused(v1.ApprovalPending), exitPending},
		{"rate", background, refused(v1.RateLimited), exitUnavailable},
		{"clock", background, refused(v1.Clock), exitUnavailable},
		{"document", background, refused(v1.BadDocument), exitFailure},
		{"internal", background, refused(v1.Internal), exitFailure},
		{"no answer", background, fmt.Errorf("x: %w", client.ErrUnavailable), exitUnavailable},
		{"timed out", background, context.DeadlineExceeded, exitUnavailable},
		{"no route", background, &url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}, exitUnavailable},
		{"no file", background, fmt.Errorf("read: %w", fs.ErrNotExist), exitNotFound},
		{"interrupted", stopped, errors.New("x"), exitInterrupted},
		{"said before the signal", stopped, failNotRunning("d"), exitUnavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := asFailure(row.ctx, row.err).code; got != row.want {
				t.Errorf("got %d, want %d", got, row.want)
			}
		})
	}
	// Every reason of the table has an exit code of its class.
	for reason, about := range v1.Reasons() {
		if got := exitOfReason(reason); got == exitFailure && about.Status >= 401 && about.Status <= 404 {
			t.Errorf("%s (%d): exit %d", reason, about.Status, got)
		}
	}
}

func TestInterruptedIsSilent(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if f := asFailure(ctx, errors.New("half done")); !f.quiet || f.code != exitInterrupted {
		t.Errorf("got %+v", f)
	}
}
