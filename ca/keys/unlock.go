package keys

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
)

// UnlockName is the file that holds the passphrase when nobody gives one.
const UnlockName = "unlock"

// UnlockFile returns the passphrase in DIR/unlock: a line of base64, mode 0600.
// It makes the directory and the file, with 32 random octets, when there are no
// keys yet; with keys but without the file it is ErrPassphrase.
func UnlockFile(dir string) ([]byte, error) {
	if err := openDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, UnlockName)
	passphrase, err := readUnlock(path)
	if !errors.Is(err, ErrNotFound) {
		return passphrase, err
	}
	names, err := (&directory{dir: dir}).names()
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("%s holds keys, and there is no file %s: %w: give --passphrase-file", dir, UnlockName, ErrPassphrase)
	}
	line := base64.StdEncoding.AppendEncode(nil, randomOctets())
	err = createFile(path, append(line, '\n'))
	if err != nil && !errors.Is(err, ErrExists) {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return readUnlock(path) // another process may have been faster
}

func readUnlock(path string) ([]byte, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	passphrase := bytes.TrimRight(text, "\r\n")
	if len(passphrase) == 0 {
		return nil, fmt.Errorf("%s is empty: %w: restore it from a backup, or give --passphrase-file", path, ErrPassphrase)
	}
	return passphrase, nil
}

func randomOctets() []byte {
	b := make([]byte, unlockOctets)
	rand.Read(b) // never fails (crypto/rand)
	return b
}
