package docs_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// testedSnippet is a shell block of a page with <!-- tested: NAME --> above it.
var testedSnippet = regexp.MustCompile("(?s)<!-- tested: ([a-z-]+) -->\n```sh\n(.*?)```")

// readmeWait lets the node that a snippet starts come up; `ocsp check` of a
// revoked certificate exits 1, as it says.
const (
	readmeWait   = "\nuntil curl -fs http://127.0.0.1:8080/healthz >/dev/null; do kill -0 $! || exit 1; sleep 0.05; done\n"
	readmeStatus = " || test $? = 1"
)

// TestReadmeRuns runs the README's commands as a newcomer would, in order and in
// one directory.
func TestReadmeRuns(t *testing.T) {
	for _, tool := range []string{"bash", "openssl", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	for _, port := range []string{"8443", "9443", "8080", "9464"} {
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Skipf("the README's port %s is in use", port)
		}
		l.Close()
	}
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n")
	snippets := testedSnippet.FindAllStringSubmatch(string(text), -1)
	if len(snippets) < 4 {
		t.Fatalf("got %d tested snippets in README.md, want 4 or more", len(snippets))
	}
	for _, s := range snippets {
		body := strings.Replace(s[2], "assay serve\n", "assay serve &\n"+readmeWait, 1)
		body = strings.Replace(body, "assay ocsp check device.crt\n", "assay ocsp check device.crt"+readmeStatus+"\n", 1)
		script.WriteString("echo '== " + s[1] + "'\n" + body)
	}
	dir, bin := t.TempDir(), t.TempDir()
	build(t, bin, "assay")
	build(t, bin, "assay-device")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ASSAY_") { // no settings but the page's own
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, want := range []string{"enrolled", "decommissioned", "revoked", "keyCompromise", "log  "} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "device", "device.crt")); err != nil {
		t.Errorf("assay-device left no certificate: %v", err)
	}
}

func build(t *testing.T, bin, name string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, name), "../cmd/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
}
