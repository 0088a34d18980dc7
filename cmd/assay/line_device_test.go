package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestLineAndDevice runs the scripts in which both programs meet a node.
func TestLineAndDevice(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("builds and runs the programs: without -short and -race")
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-buildvcs=false", "-o", bin, "github.com/assay-pki/assay/cmd/assay-device")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	commands := scriptCommands()
	commands["await"] = scriptAwait
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "line"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
			return scriptHome(env)
		},
		Cmds: commands,
	})
}

// scriptAwait FILE REGEXP: waits until another process has written it.
func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE REGEXP")
	}
	want := regexp.MustCompile("(?m)" + args[1])
	deadline := time.Now().Add(worksPatience)
	for {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && want.Match(text) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s: no match for %s in %q (%v)", args[0], args[1], text, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
