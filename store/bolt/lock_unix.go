//go:build unix

package bolt

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/assay-pki/assay/store"
)

// lock takes the file's lock, shared for reading. It does not outlive the
// process, whatever ends it.
func lock(file *os.File, exclusive bool) error {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	for waited := time.Duration(0); ; waited += lockRetry {
		err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("lock: %w", err)
		}
		if waited >= lockTimeout {
			return fmt.Errorf("another process has it open, stop that first: %w", errors.Join(ErrInUse, store.ErrUnavailable))
		}
		time.Sleep(lockRetry)
	}
}
