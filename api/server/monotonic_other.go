//go:build !linux

package server

import "time"

// sinceStart is a monotonic clock.
func sinceStart() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}
