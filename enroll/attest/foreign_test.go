package attest_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestVectorsByAnotherProgram has the accepted vectors read by python3-cbor2
// and verified by openssl.
func TestVectorsByAnotherProgram(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	python := ""
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import cbor2").Run() == nil {
			python = name
		}
	}
	if python == "" {
		t.Skip("python3-cbor2 is not installed")
	}
	out, err := exec.Command(python, "testdata/verify.py", filepath.Join(vectorsDir, "accepted.json"), t.TempDir()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := fmt.Sprintf("%d verified\n", len(readVectors(t, "accepted.json"))); string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
}
