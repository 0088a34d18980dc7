//go:build unix

package keys

import (
	"io/fs"
	"os"
	"syscall"
)

// foreignOwner tells whether another user owns a file.
func foreignOwner(info fs.FileInfo) (uid uint32, foreign bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return s.Uid, int64(s.Uid) != int64(os.Geteuid())
}
