//go:build !linux

package bolt

import "os"

// refuseNetwork knows no file system types here.
func refuseNetwork(string) error { return nil }

// renameNew relies on create, which has looked just before.
func renameNew(from, to string) error { return os.Rename(from, to) }
