package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/assay-pki/assay/store"
)

// TestFailedCommitStopsActs puts a descriptor that cannot write in the place of
// the file's: what the file holds is doubtful then, and only a restart helps.
func TestFailedCommitStopsActs(t *testing.T) {
	cfg := testConfig(t)
	s := createTest(t, cfg)
	found(t, s)
	if _, err := s.Issue(t.Context(), simpleIssuance(1)); err != nil {
		t.Fatal(err)
	}
	restore := breakDescriptor(t, cfg.Path)
	for index := range uint64(2) {
		_, err := s.Issue(t.Context(), simpleIssuance(10+index))
		if !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("issue without a disk: %v, want %v", err, store.ErrUnavailable)
		}
	}
	restore()
	if _, err := s.Issue(t.Context(), simpleIssuance(20)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("issue after a failed commit: %v, want %v", err, store.ErrUnavailable)
	}
	if _, err := s.Certificate(t.Context(), store.Ref{Issuer: 1, Index: 1}); err != nil {
		t.Errorf("reads go on: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkClosed(t, cfg)
}

// breakDescriptor makes the open file read-only until restore is called.
func breakDescriptor(t *testing.T, path string) (restore func()) {
	t.Helper()
	fd := descriptor(t, path)
	saved, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	readOnly, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup3(readOnly, fd, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Dup3(saved, fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		_ = unix.Close(saved)
		_ = unix.Close(readOnly)
	}
}

func descriptor(t *testing.T, path string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && target == path {
			var fd int
			if _, err := fmt.Sscan(e.Name(), &fd); err != nil {
				t.Fatal(err)
			}
			return fd
		}
	}
	t.Fatalf("%s is not open", path)
	return -1
}

// TestDiskFull does the same on a file system of 8 MB.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("a tmpfs cannot be mounted here: %v", err)
	}
	defer func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	cfg := Config{Path: filepath.Join(dir, "assay.db"), InitialMmapSize: 1 << 26}
	s := createTest(t, cfg)
	found(t, s)
	fillUp(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkClosed(t, cfg)
}

func TestNetworkFS(t *testing.T) {
	for kind, want := range map[uint32]string{
		unix.NFS_SUPER_MAGIC: "nfs", unix.SMB2_SUPER_MAGIC: "smb", unix.V9FS_MAGIC: "9p",
		unix.EXT4_SUPER_MAGIC: "", unix.XFS_SUPER_MAGIC: "", unix.BTRFS_SUPER_MAGIC: "", unix.TMPFS_MAGIC: "",
	} {
		if got := networkFS(kind); got != want {
			t.Errorf("file system %#x: %q, want %q", kind, got, want)
		}
	}
	if err := refuseNetwork(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("directory that is not there: %v", err)
	}
}
