//go:build unix

package agent

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock keeps other processes out until release; a kill releases it too.
func (d disk) lock() (release func(), err error) {
	f, err := os.OpenFile(d.path("lock"), os.O_RDWR|os.O_CREATE, secretMode)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDirectory, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrBusy
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { f.Close() }, nil
}
