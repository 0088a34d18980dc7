package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func writeSettings(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, configName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSettingsPrecedence(t *testing.T) {
	dir := writeSettings(t, "listen: {est: file, admin: file, http: file}\n")
	flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
	flags.String("est", "", "")
	flags.String("http", "unused", "")
	if err := flags.Parse([]string{"--est", "flag"}); err != nil {
		t.Fatal(err)
	}
	environ := []string{"ASSAY_LISTEN_EST=env", "ASSAY_LISTEN_ADMIN=env", "ASSAY_PASSPHRASE_FILE=/p", "ASSAY_DIR=/d", "OTHER=1"}
	s, err := loadSettings(dir, environ, flags)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ key, value, origin string }{
		{"listen.est", "flag", "flag --est"},
		{"listen.admin", "env", "environment"},
		{"listen.http", "file", filepath.Join(dir, configName)},
		{"listen.metrics", "127.0.0.1:9464", "default"},
		{"keys.passphrase_file", "/p", "environment"},
	} {
		if got := s.text(row.key); got != row.value {
			t.Errorf("%s: got %s, want %s", row.key, got, row.value)
		}
		if got := s.origin[row.key]; got != row.origin {
			t.Errorf("origin of %s: got %s, want %s", row.key, got, row.origin)
		}
	}
}

func TestSettingsFaultsAllAtOnce(t *testing.T) {
	dir := writeSettings(t, "listen:\n  est: x\n  foo: y\nlog: {format: xml}\nlimits: {connections: -1}\ngomemlimit: lots\n")
	_, err := loadSettings(dir, []string{"ASSAY_LOG_LEVLE=debug"}, nil)
	if err == nil {
		t.Fatal("no error")
	}
	f := err.(*failure)
	var got []string
	for _, fault := range f.faults {
		got = append(got, strings.TrimPrefix(fault.At, dir+"/"))
	}
	for _, want := range []string{"assay.yaml:3", "environment ASSAY_LOG_LEVLE", "log.format (" + dir + "/assay.yaml)", "limits.connections (" + dir + "/assay.yaml)", "gomemlimit (" + dir + "/assay.yaml)"} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("no fault at %s: got %v", want, got)
		}
	}
}

// The file that init writes says what holds without it, and stays valid when
// every comment sign before a key is taken away.
func TestConfigTextReadsBack(t *testing.T) {
	text := configText(map[string]string{"listen.http": quoted("127.0.0.1:1"), "keys.passphrase_file": quoted("it's")})
	s, err := loadSettings(writeSettings(t, text), nil, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if got := s.text("listen.http") + " " + s.text("keys.passphrase_file") + " " + s.text("listen.est"); got != "127.0.0.1:1 it's 127.0.0.1:8443" {
		t.Errorf("got %s\n%s", got, text)
	}
	var all []string
	for line := range strings.Lines(configText(nil)) {
		if rest, ok := strings.CutPrefix(line, "#"); ok && !strings.HasPrefix(rest, " ") || strings.HasPrefix(line, "#  ") && !strings.HasPrefix(line, "#  #") {
			line = rest
		}
		all = append(all, line)
	}
	s, err = loadSettings(writeSettings(t, strings.Join(all, "")), nil, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(all, ""))
	}
	for _, k := range settingsTable() {
		if s.origin[k.key] == "default" && k.key != "store_options" {
			t.Errorf("%s is not in the file that init writes", k.key)
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	for _, row := range []struct {
		text string
		want int64
		bad  bool
	}{
		{"", 0, false},
		{"off", 0, false},
		{"256MiB", 256 << 20, false},
		{"1GiB", 1 << 30, false},
		{"10B", 10, false},
		{"10", 0, true},
		{"0MiB", 0, true},
		{"-1MiB", 0, true},
		{"9999999999TiB", 0, true},
		{"x", 0, true},
	} {
		got, err := memoryLimit(row.text)
		if got != row.want || (err != nil) != row.bad {
			t.Errorf("%q: got %d, %v", row.text, got, err)
		}
	}
}
