package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	koanfyaml "github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	v1 "github.com/assay-pki/assay/api/v1"
)

// configName is the node's settings file in the authority's directory.
const configName = "assay.yaml"

// setting is one key of assay.yaml.
type setting struct {
	key      string
	standard any
	about    string
	// flag is the flag of serve that overrides it; empty for none.
	flag string
}

// settingsTable is every key, in the order of the written file.
func settingsTable() []setting {
	return []setting{
		{"listen.est", "127.0.0.1:8443", "EST for devices and stations, https", "est"},
		{"listen.admin", "127.0.0.1:9443", "the admin API, https; keep it away from the device network", "admin"},
		{"listen.http", defaultHTTP, "CRLs, OCSP and CA certificates, plain http", "http"},
		{"listen.metrics", "127.0.0.1:9464", "Prometheus; keep it on loopback", "metrics"},
		{"store", "bolt", "the engine: bolt keeps everything in assay.db in this directory", ""},
		{"store_options", map[string]any{}, "options of the engine; none in this version", ""},
		{"journal", "", "directory on a second disk for the journal; not available in this version", ""},
		{"keys.kms", "", "URI of a KMS that holds the keys; empty: encrypted files in keys/", ""},
		{"keys.passphrase_file", "", "file with the passphrase of keys/ (also ASSAY_PASSPHRASE_FILE); empty: keys/unlock", ""},
		{"tls13_only", false, "refuse TLS 1.2; older EST clients then fail", ""},
		{"gomemlimit", "1GiB", "soft memory limit of the Go runtime, as 256MiB; off: none", ""},
		{"log.level", "info", "debug, info, warn or error", ""},
		{"log.format", "auto", "json, text, or auto: text on a terminal", ""},
		{"limits.connections", int64(0), "connections at one time per listener; 0: the built-in limit", ""},
		{"limits.rate", int64(0), "enrolment requests per second and source; not available in this version", ""},
	}
}

// settings are the effective values and where each came from.
type settings struct {
	values *koanf.Koanf
	origin map[string]string
}

// text returns a setting as it is written.
func (s *settings) text(key string) string { return fmt.Sprint(s.values.Get(key)) }

// loadSettings reads flags > ASSAY_* variables > assay.yaml > defaults. Every
// unknown key, wherever it stands, is a fault, and all faults come at once.
func loadSettings(dir string, environ []string, flags *pflag.FlagSet) (*settings, error) {
	s := &settings{values: koanf.New("."), origin: map[string]string{}}
	defaults := map[string]any{}
	for _, k := range settingsTable() {
		defaults[k.key] = k.standard
	}
	if err := s.layer(defaults, "default"); err != nil {
		return nil, err
	}
	faults, err := s.loadFile(filepath.Join(dir, configName))
	if err != nil {
		return nil, err
	}
	more, err := s.loadEnvironment(environ)
	if err != nil {
		return nil, err
	}
	faults = append(faults, more...)
	if err := s.loadFlags(flags); err != nil {
		return nil, err
	}
	if faults = append(faults, s.faults()...); len(faults) > 0 {
		return nil, failConfig(faults)
	}
	return s, nil
}

func (s *settings) layer(values map[string]any, origin string) error {
	if err := s.values.Load(confmap.Provider(values, "."), nil); err != nil {
		return fmt.Errorf("load settings from %s: %w", origin, err)
	}
	for key := range values {
		s.origin[key] = origin
	}
	return nil
}

func (s *settings) loadFile(path string) ([]v1.Fault, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	file := koanf.New(".")
	if err := file.Load(rawbytes.Provider(text), koanfyaml.Parser()); err != nil {
		return yamlFaults(path, 0, err), nil
	}
	places := yamlPlaces(text)
	var faults []v1.Fault
	values := map[string]any{}
	for key, value := range file.All() {
		if knownSetting(key) {
			values[key] = value
			continue
		}
		faults = append(faults, v1.Fault{
			At:     fmt.Sprintf("%s:%d", path, places.line(key)),
			Reason: unknownKey(key, settingKeys()),
		})
	}
	slices.SortFunc(faults, func(a, b v1.Fault) int { return strings.Compare(a.At, b.At) })
	return faults, s.layer(values, path)
}

// otherVariables are those ASSAY_* variables that are no settings.
var otherVariables = [...]string{"ASSAY_DIR", "ASSAY_CONTEXT", "ASSAY_SERVER"}

func (s *settings) loadEnvironment(environ []string) ([]v1.Fault, error) {
	byVariable := map[string]string{"ASSAY_PASSPHRASE_FILE": "keys.passphrase_file"}
	for _, k := range settingsTable() {
		byVariable[variableOf(k.key)] = k.key
	}
	var faults []v1.Fault
	layer := koanf.New(".")
	provider := env.Provider(".", env.Opt{
		Prefix:      "ASSAY_",
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			key, ok := byVariable[name]
			if !ok && !slices.Contains(otherVariables[:], name) {
				faults = append(faults, v1.Fault{At: "environment " + name, Reason: unknownVariable})
			}
			return key, value
		},
	})
	if err := layer.Load(provider, nil); err != nil {
		return nil, fmt.Errorf("read the environment: %w", err)
	}
	return faults, s.layer(layer.All(), "environment")
}

func (s *settings) loadFlags(flags *pflag.FlagSet) error {
	if flags == nil {
		return nil
	}
	for _, k := range settingsTable() {
		if k.flag == "" {
			continue
		}
		f := flags.Lookup(k.flag)
		if f == nil || !f.Changed {
			continue
		}
		if err := s.layer(map[string]any{k.key: f.Value.String()}, "flag --"+k.flag); err != nil {
			return err
		}
	}
	return nil
}

// faults checks the values themselves.
func (s *settings) faults() []v1.Fault {
	var faults []v1.Fault
	wrong := func(key, reason string) {
		faults = append(faults, v1.Fault{At: key + " (" + s.origin[key] + ")", Reason: reason})
	}
	if v := s.text("store"); v != "bolt" {
		wrong("store", notAvailable("the engine "+v))
	}
	if len(s.values.MapKeys("store_options")) > 0 {
		wrong("store_options", "the engine bolt has no options")
	}
	if s.text("journal") != "" {
		wrong("journal", notAvailable("the journal"))
	}
	if v := s.text("log.level"); !slices.Contains([]string{"debug", "info", "warn", "error"}, v) {
		wrong("log.level", oneOf(v, "debug", "info", "warn", "error"))
	}
	if v := s.text("log.format"); !slices.Contains([]string{"auto", "json", "text"}, v) {
		wrong("log.format", oneOf(v, "auto", "json", "text"))
	}
	if v := s.text("tls13_only"); v != "true" && v != "false" {
		wrong("tls13_only", oneOf(v, "true", "false"))
	}
	if n, err := parseCount(s.text("limits.connections")); err != nil || n < 0 {
		wrong("limits.connections", "is not a number from 0")
	}
	if s.text("limits.rate") != "0" {
		wrong("limits.rate", notAvailable("a rate of its own"))
	}
	if _, err := memoryLimit(s.text("gomemlimit")); err != nil {
		wrong("gomemlimit", err.Error())
	}
	return faults
}

// variableOf is the environment variable of a key: listen.est is ASSAY_LISTEN_EST.
func variableOf(key string) string {
	return "ASSAY_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func settingKeys() []string {
	table := settingsTable()
	keys := make([]string, len(table))
	for i, k := range table {
		keys[i] = k.key
	}
	return keys
}

// knownSetting also admits whatever stands below a setting that is a map.
func knownSetting(key string) bool {
	return slices.Contains(settingKeys(), key) || strings.HasPrefix(key, "store_options.")
}

// configText is the commented assay.yaml that init writes. Keys in set are
// written as values, all others as comments that show the default.
func configText(set map[string]string) string {
	var b strings.Builder
	b.WriteString(configHeader)
	section := ""
	for _, k := range settingsTable() {
		head, leaf, nested := strings.Cut(k.key, ".")
		value, isSet := set[k.key]
		if !isSet {
			value = defaultText(k.standard)
		}
		indent := ""
		if nested {
			if head != section {
				fmt.Fprintf(&b, "%s%s:\n", hash(!sectionSet(set, head)), head)
				section = head
			}
			indent, k.key = "  ", leaf
		}
		fmt.Fprintf(&b, "%s# %s\n%s%s%s: %s\n", indent, k.about, hash(!isSet), indent, k.key, value)
	}
	return b.String()
}

func hash(on bool) string {
	if on {
		return "#"
	}
	return ""
}

func sectionSet(set map[string]string, head string) bool {
	for key := range set {
		if strings.HasPrefix(key, head+".") {
			return true
		}
	}
	return false
}

func defaultText(v any) string {
	switch v := v.(type) {
	case string:
		return quoted(v)
	case map[string]any:
		return "{}"
	}
	return fmt.Sprint(v)
}

// quoted is a YAML scalar that no parser takes for anything but a string.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
