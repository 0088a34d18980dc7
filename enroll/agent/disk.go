package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	dirMode    = 0o700
	secretMode = 0o600
	publicMode = 0o644
	tmpSuffix  = ".tmp"
)

// disk changes one directory. Each method is durable when it returns, and
// whole or not there at all.
type disk struct {
	dir string
	// before is asked before each single change; tests cut there.
	before func(step string) error
}

func (d disk) path(name string) string { return filepath.Join(d.dir, name) }

func (d disk) step(what, name string) error {
	if d.before == nil {
		return nil
	}
	return d.before(what + " " + name)
}

// create makes the directory, or checks the one that is there: nobody else
// may put files into it. One that others can read is let be, for the keys in
// it are not readable.
func (d disk) create() error {
	if err := os.MkdirAll(d.dir, dirMode); err != nil {
		return fmt.Errorf("%w: %w", ErrDirectory, err)
	}
	info, err := os.Stat(d.dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDirectory, err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("%w: others can write to %s (mode %04o): chmod 700 %s", ErrDirectory, d.dir, mode, d.dir)
	}
	return nil
}

// file is a file of a generation or of a pending request.
type file struct {
	name   string
	secret bool
	data   []byte
}

// writeDir puts a directory of files at name: written beside, synced, then
// renamed. If we stop before the rename, only a *.tmp is left.
func (d disk) writeDir(name string, files []file) error {
	tmp := name + tmpSuffix
	if err := os.RemoveAll(d.path(tmp)); err != nil {
		return err
	}
	if err := d.step("make", tmp); err != nil {
		return err
	}
	if err := os.Mkdir(d.path(tmp), dirMode); err != nil {
		return err
	}
	for _, f := range files {
		if err := d.step("write", tmp+"/"+f.name); err != nil {
			return err
		}
		if err := writeSynced(filepath.Join(d.path(tmp), f.name), f); err != nil {
			return err
		}
	}
	if err := syncDir(d.path(tmp)); err != nil {
		return err
	}
	return d.rename(tmp, name)
}

func (d disk) rename(from, to string) error {
	if err := d.step("rename", from); err != nil {
		return err
	}
	if err := os.Rename(d.path(from), d.path(to)); err != nil {
		return err
	}
	if err := d.step("sync", to); err != nil {
		return err
	}
	return syncDir(d.dir)
}

func writeSynced(path string, f file) error {
	mode := fs.FileMode(publicMode)
	if f.secret {
		mode = secretMode
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = out.Write(f.data)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// link puts a symbolic link at name, in the place of what is there.
func (d disk) link(target, name string) error {
	if got, err := os.Readlink(d.path(name)); err == nil && got == target {
		return nil
	}
	tmp := name + tmpSuffix
	if err := os.RemoveAll(d.path(tmp)); err != nil {
		return err
	}
	if err := d.step("link", tmp); err != nil {
		return err
	}
	if err := os.Symlink(target, d.path(tmp)); err != nil {
		return fmt.Errorf("the file system must know symbolic links: %w", err)
	}
	return d.rename(tmp, name)
}

// remove takes a directory away: first its name, in one step, then the rest.
func (d disk) remove(name string) error {
	if _, err := os.Lstat(d.path(name)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	gone := name + "-gone" + tmpSuffix
	if err := os.RemoveAll(d.path(gone)); err != nil {
		return err
	}
	if err := d.rename(name, gone); err != nil {
		return err
	}
	if err := d.step("remove", gone); err != nil {
		return err
	}
	return os.RemoveAll(d.path(gone))
}

// sweep removes what a kill left over: *.tmp, and generations that are neither
// current nor the newest before it nor issued, which is not proved yet. Without
// a current one it removes none: if somebody lost the link, a key may be in one
// of them.
func (d disk) sweep(current, issued string) error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	var older []string
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasSuffix(name, tmpSuffix):
			err = errors.Join(err, os.RemoveAll(d.path(name)))
		case !isGeneration(name) || name == current || name == issued || current == "":
		case name > current:
			err = errors.Join(err, d.remove(name)) // never became current
		default:
			older = append(older, name)
		}
	}
	slices.Sort(older)
	for _, name := range older[:max(len(older)-keepGenerations, 0)] {
		err = errors.Join(err, d.remove(name))
	}
	return err
}

// replace writes a file beside and renames it over the one that is there.
func (d disk) replace(f file) error {
	tmp := f.name + tmpSuffix
	if err := os.RemoveAll(d.path(tmp)); err != nil {
		return err
	}
	if err := d.step("write", tmp); err != nil {
		return err
	}
	if err := writeSynced(d.path(tmp), f); err != nil {
		return err
	}
	return d.rename(tmp, f.name)
}

// read reads a whole file of bounded size.
func (d disk) read(name string) ([]byte, error) { return readFile(d.path(name)) }

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s is longer than %d octets", path, maxFile)
	}
	return b, err
}
