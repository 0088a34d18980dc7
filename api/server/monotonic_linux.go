package server

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceStart is a monotonic clock that goes on while the machine is suspended:
// waking up is no step of the clock.
func sinceStart() func() time.Duration {
	start := bootTime()
	return func() time.Duration { return bootTime() - start }
}

func bootTime() time.Duration {
	var at unix.Timespec
	// CLOCK_BOOTTIME is there since Linux 2.6.39: it cannot fail.
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &at)
	return time.Duration(at.Nano())
}
