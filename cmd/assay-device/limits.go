package main

import "time"

const (
	// maxInput bounds each file that a flag names: bundles of CAs stay below.
	maxInput = 1 << 20
	// maxToken bounds a token file: a token is 49 octets.
	maxToken = 4 << 10
	// defaultTimeout bounds one exchange with the server.
	defaultTimeout = 30 * time.Second
	// defaultHookTimeout bounds a hook: reloading a service takes seconds.
	defaultHookTimeout = time.Minute
)
