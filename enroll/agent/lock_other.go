//go:build !unix

package agent

// lock does nothing where there is no flock: the caller runs one agent in a
// directory at a time.
func (d disk) lock() (release func(), err error) { return func() {}, nil }
