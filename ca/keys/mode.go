package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// openDir checks the directory of keys, and makes it when absent.
func openDir(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, dirMode); err != nil {
			return fmt.Errorf("make the directory of keys: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the directory of keys: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory: move it away", dir)
	}
	return checkSecret(dir, info, dirMode)
}

// checkSecret refuses what others can read or own.
func checkSecret(path string, info fs.FileInfo, mode fs.FileMode) error {
	if info.Mode().Perm()&^mode != 0 {
		return fmt.Errorf("%s has mode %04o and holds keys: %w: run chmod %o %s", path, info.Mode().Perm(), ErrMode, mode, path)
	}
	if uid, foreign := foreignOwner(info); foreign {
		return fmt.Errorf("%s belongs to user %d and holds keys: %w: run chown %d %s", path, uid, ErrMode, os.Geteuid(), path)
	}
	return nil
}

// syncDir makes a change of names durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
