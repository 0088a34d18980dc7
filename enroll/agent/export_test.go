package agent

// CutAt lets before run ahead of each change of the directory; its error stops
// the change, as a kill would.
func (a *Agent) CutAt(before func(step string) error) { a.disk.before = before }
