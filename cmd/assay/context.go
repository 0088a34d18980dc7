package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/assay-pki/assay/api/client"
)

// contextEntry is one server that this user operates.
type contextEntry struct {
	Name   string `json:"name"`
	Server string `json:"server"`
	// Credential is the directory with operator.crt, operator.key and ca.crt.
	Credential string `json:"credential"`
}

// contextsFile is assay/contexts.yaml in the user's configuration directory.
type contextsFile struct {
	Current  string         `json:"current,omitempty"`
	Contexts []contextEntry `json:"contexts,omitempty"`
}

func (f *contextsFile) find(name string) int {
	return slices.IndexFunc(f.Contexts, func(e contextEntry) bool { return e.Name == name })
}

func newContext(a *app) *cobra.Command {
	var entry contextEntry
	add := &cobra.Command{
		Use:   "add NAME --server URL --credential DIR",
		Short: "Remember a server and the credential for it",
		Args:  wants("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			entry.Name = args[0]
			return a.contextAdd(entry)
		},
	}
	// --server is a global flag too: here it is the value to remember.
	add.Flags().StringVar(&entry.Server, "server", "", "`URL` of the admin API")
	add.Flags().StringVar(&entry.Credential, "credential", "", "`directory` with operator.crt, operator.key, ca.crt")
	use := &cobra.Command{
		Use: "use NAME", Short: "Make a context the one used by default", Args: wants("NAME"),
		RunE: func(_ *cobra.Command, args []string) error { return a.contextUse(args[0]) },
	}
	ls := &cobra.Command{
		Use: "list", Short: "List contexts", Args: wants(),
		RunE: func(*cobra.Command, []string) error { return a.contextList() },
	}
	return group("context", "Servers that this user operates from elsewhere", add, use, ls)
}

func (a *app) contextsPath() (string, error) {
	base := a.env("XDG_CONFIG_HOME")
	if base == "" {
		home := a.env("HOME")
		if home == "" {
			return "", failNoHome()
		}
		base = filepath.Join(home, ".config")
	}
	return filepath.Join(base, "assay", "contexts.yaml"), nil
}

func (a *app) readContexts() (contextsFile, error) {
	var file contextsFile
	path, err := a.contextsPath()
	if err != nil {
		return file, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return file, nil
	}
	if err != nil {
		return file, fmt.Errorf("read contexts: %w", err)
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return file, failConfig(yamlFaults(path, 0, err))
	}
	return file, nil
}

func (a *app) writeContexts(file contextsFile) error {
	path, err := a.contextsPath()
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		return fmt.Errorf("encode contexts: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the directory of contexts: %w", err)
	}
	if err := renameio.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write contexts: %w", err)
	}
	return nil
}

func (a *app) contextAdd(entry contextEntry) error {
	if entry.Server == "" || entry.Credential == "" {
		return failNeeds("context add", "--server URL", "--credential DIR")
	}
	if u, err := url.Parse(entry.Server); err != nil || u.Scheme != "https" || u.Host == "" {
		return failFlagValue("--server", entry.Server, "https://HOST:PORT")
	}
	dir, err := filepath.Abs(entry.Credential)
	if err != nil {
		return fmt.Errorf("find %s: %w", entry.Credential, err)
	}
	entry.Credential = dir
	if _, err := client.LoadCredential(dir); err != nil {
		return failCredential(dir, err)
	}
	file, err := a.readContexts()
	if err != nil {
		return err
	}
	if i := file.find(entry.Name); i >= 0 {
		file.Contexts[i] = entry
	} else {
		file.Contexts = append(file.Contexts, entry)
	}
	if file.Current == "" {
		file.Current = entry.Name
	}
	if err := a.writeContexts(file); err != nil {
		return err
	}
	a.say.contextAdded(entry.Name, file.Current)
	return nil
}

func (a *app) contextUse(name string) error {
	file, err := a.readContexts()
	if err != nil {
		return err
	}
	if file.find(name) < 0 {
		return failNoContext(name)
	}
	file.Current = name
	return a.writeContexts(file)
}

func (a *app) contextList() error {
	file, err := a.readContexts()
	if err != nil {
		return err
	}
	s := sheet{columns: []string{"name", "server", "credential", "current"}}
	for _, e := range file.Contexts {
		current := ""
		if e.Name == file.Current {
			current = "yes"
		}
		s.add(e, e.Name, e.Name, e.Server, e.Credential, current)
	}
	return a.show(s)
}

// contextTarget is the server that a context names.
func (a *app) contextTarget(name string) (target, error) {
	file, err := a.readContexts()
	if err != nil {
		return target{}, err
	}
	i := file.find(name)
	if i < 0 {
		return target{}, failNoContext(name)
	}
	e := file.Contexts[i]
	return target{url: e.Server, credential: e.Credential}, nil
}
