package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Modes of what an authority keeps on disk.
const (
	dirMode    fs.FileMode = 0o700
	secretMode fs.FileMode = 0o600
)

// Paths of an authority's directory.
type dir string

func (d dir) config() string    { return filepath.Join(string(d), "assay.yaml") }
func (d dir) store() string     { return filepath.Join(string(d), "assay.db") }
func (d dir) keys() string      { return filepath.Join(string(d), "keys") }
func (d dir) ca() string        { return filepath.Join(string(d), "ca") }
func (d dir) admin() string     { return filepath.Join(string(d), "operators", "admin") }
func (d dir) run() string       { return filepath.Join(string(d), "run") }
func (d dir) addresses() string { return filepath.Join(string(d), "run", "addresses.json") }

// check refuses to work with a directory that is not an authority's, or whose
// secrets others can read.
func (d dir) check() error {
	if _, err := os.Stat(d.config()); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(d.keys()); err == nil {
			return fmt.Errorf("%s: its init did not finish: remove it and run assay init again", d)
		}
		return fmt.Errorf("%s holds no authority: make one with: assay init --dir %s", d, d)
	} else if err != nil {
		return fmt.Errorf("read %s: %w", d, err)
	}
	if err := narrow(string(d), dirMode); err != nil {
		return err
	}
	for _, path := range []string{d.store(), d.config()} {
		if err := narrow(path, secretMode); err != nil {
			return err
		}
	}
	return errors.Join(private(d.keys()), private(filepath.Join(string(d), "operators")))
}

// private refuses a directory of secrets in which others can read anything but
// certificates.
func private(root string) error {
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return fmt.Errorf("read %s: %w", path, err)
		case e.IsDir():
			return narrow(path, dirMode)
		case filepath.Ext(path) == ".crt":
			return nil
		}
		return narrow(path, secretMode)
	})
}

// narrow refuses a path that others than its owner can use.
func narrow(path string, most fs.FileMode) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if mode := info.Mode().Perm(); mode&^most != 0 {
		return fmt.Errorf("%s has mode %04o, wider than %04o: mend it with: chmod %04o %s", path, mode, most, most, path)
	}
	return nil
}

// claim makes the directory of a new authority; one in use is refused.
func (d dir) claim() error {
	entries, err := os.ReadDir(string(d))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s: %w", d, err)
	}
	if len(entries) > 0 {
		if _, err := os.Stat(d.config()); err == nil {
			return fmt.Errorf("%s %w an authority: start it with assay serve, or choose another --dir", d, ErrInUse)
		}
		return fmt.Errorf("%s %w other files: choose an empty --dir", d, ErrInUse)
	}
	for _, path := range []string{string(d), d.keys(), d.ca(), d.admin(), d.run()} {
		if err := os.MkdirAll(path, dirMode); err != nil {
			return fmt.Errorf("make %s: %w", path, err)
		}
	}
	if err := os.Chmod(string(d), dirMode); err != nil {
		return fmt.Errorf("make %s private: %w", d, err)
	}
	return nil
}

// ErrInUse: init was pointed at a directory that is not empty.
var ErrInUse = errors.New("holds")

// Addresses are where a node listens, as host:port.
type Addresses struct {
	EST     string `json:"est"`
	Admin   string `json:"admin"`
	HTTP    string `json:"http"`
	Metrics string `json:"metrics"`
	// PID of the node's process.
	PID int `json:"pid"`
}

func (d dir) writeAddresses(a Addresses) error {
	body, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return fmt.Errorf("encode addresses: %w", err)
	}
	if err := os.MkdirAll(d.run(), dirMode); err != nil {
		return fmt.Errorf("make %s: %w", d.run(), err)
	}
	if err := renameio.WriteFile(d.addresses(), append(body, '\n'), secretMode); err != nil {
		return fmt.Errorf("write addresses: %w", err)
	}
	return nil
}
