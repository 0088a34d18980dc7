package agent

import (
	"context"
	"time"
)

// SetWait replaces how Run waits.
func (a *Agent) SetWait(wait func(context.Context, time.Duration) error) { a.wait = wait }

// Sleep is how Run waits.
func Sleep(ctx context.Context, d time.Duration) error { return sleep(ctx, d) }

// CutAt lets before run ahead of each change of the directory; its error stops
// the change, as a kill would.
func (a *Agent) CutAt(before func(step string) error) { a.disk.before = before }
