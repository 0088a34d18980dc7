package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// threadCPU is the CPU time of the calling thread: unlike the clock on the
// wall it does not count what other programs take from us.
func threadCPU() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0, fmt.Errorf("read the thread's CPU time: %w", err)
	}
	return time.Duration(t.Nano()), nil
}
