//go:build !linux

package main

import (
	"fmt"
	"runtime"
	"time"
)

// threadCPU is not to be had here; the load itself can be measured without it.
func threadCPU() (time.Duration, error) {
	return 0, fmt.Errorf("CPU time of a thread is not measured on %s: leave --pid out", runtime.GOOS)
}
