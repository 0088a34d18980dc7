package agent

import "time"

const (
	// maxFile bounds every file that is read back: chains of 32 certificates
	// stay far below.
	maxFile = 512 << 10
	// keepGenerations are kept besides the current one: the pair before,
	// for who has it still open.
	keepGenerations = 1
	// firstRetry is the first wait after a failure; each is twice as long as
	// the one before, maxDoublings times.
	firstRetry   = time.Minute
	maxDoublings = 9
	// maxRetry is the longest wait: a server that was down for a day is not
	// found a day later. Less while the certificate has little time left.
	maxRetry = 6 * time.Hour
	// maxHookRetry is the longest wait of a hook that fails.
	maxHookRetry = time.Hour
	// defaultHookTimeout bounds a hook: reloading a service takes seconds.
	defaultHookTimeout = time.Minute
	// hookWaitDelay is how long a hook's own children may keep its output
	// open after it ended.
	hookWaitDelay = 5 * time.Second
	// shortestNap and longestNap bound how long Run sleeps at a stretch.
	shortestNap = time.Second
	longestNap  = 10 * time.Minute
)
