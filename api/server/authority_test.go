package server_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/assay-pki/assay/api/server"
)

// templates are authorities to copy, as many as tests run at once: sealing keys
// is slow on purpose. A template that was not made yet is nil. Its http port is
// in its URLs, so that one test has it at a time.
var templates = make(chan *authority, runtime.GOMAXPROCS(0))

// templateDir holds them.
var templateDir string

func runTests(m *testing.M) int {
	for range cap(templates) {
		templates <- nil
	}
	var err error
	if templateDir, err = os.MkdirTemp("", "assay-templates-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(templateDir)
	return m.Run()
}

// authority is what Init made.
type authority struct {
	dir, http string
	made      server.Initialised
	root      *x509.Certificate
	roots     *x509.CertPool
}

// skipUnderRace keeps to two tests with the race detector, which makes sealing
// and opening a key file take seconds; the rooms have race tests of their own.
func skipUnderRace(t *testing.T) {
	t.Helper()
	switch t.Name() {
	case "TestHoldReleaseDecommission", "TestThreat19RenewAgainstRevoke":
	default:
		if raceEnabled {
			t.Skip("a node's keys take seconds with the race detector: run without -race")
		}
	}
}

// newAuthority is an authority that nothing was done with yet, and whose URLs
// resolve on this machine. A test takes one at most, or two tests could wait for
// each other.
func newAuthority(t *testing.T) *authority {
	t.Helper()
	skipUnderRace(t)
	template := <-templates
	t.Cleanup(func() { templates <- template })
	if template == nil {
		dir, err := os.MkdirTemp(templateDir, "")
		if err != nil {
			t.Fatal(err)
		}
		at := freeAddress(t)
		template = initialise(t, server.InitConfig{Dir: filepath.Join(dir, "authority"), PublicURL: "http://" + at, HTTP: at})
	}
	copied := *template
	copied.dir = filepath.Join(t.TempDir(), "authority")
	copyDir(t, copied.dir, template.dir)
	return &copied
}

// initialise fills in what tests do not care about.
func initialise(t *testing.T, c server.InitConfig) *authority {
	t.Helper()
	c.Name, c.Hosts = "Test", []string{"localhost", "127.0.0.1"}
	c.Now, c.Log = time.Now, slog.New(slog.DiscardHandler)
	made, err := server.Init(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{dir: c.Dir, http: c.HTTP, made: made, roots: x509.NewCertPool()}
	a.root = readCertificate(t, a.file("operators/admin/ca.crt"))
	a.roots.AddCert(a.root)
	return a
}

func (a *authority) file(path string) string { return filepath.Join(a.dir, filepath.FromSlash(path)) }

// copyDir copies files and directories with their modes.
func copyDir(t *testing.T, to, from string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if e.IsDir() {
			return os.Mkdir(target, info.Mode().Perm())
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(target, b, info.Mode().Perm()); err != nil {
			return err
		}
		// Whatever the umask is.
		return os.Chmod(target, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func readCertificate(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s holds no PEM", path)
	}
	return parse(t, block.Bytes)
}

func parse(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
