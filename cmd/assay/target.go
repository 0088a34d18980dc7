package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/assay-pki/assay/api/client"
)

// addresses is DIR/run/addresses.json: where the node listens.
type addresses struct {
	EST     string `json:"est"`
	Admin   string `json:"admin"`
	HTTP    string `json:"http"`
	Metrics string `json:"metrics"`
	PID     int    `json:"pid"`
}

// target is the server that a command speaks to, and by which right.
type target struct {
	url string
	// credential is the directory with operator.crt, operator.key and ca.crt.
	credential string
	// dir is the authority's directory; empty when a context names the server.
	dir string
}

// target finds the server: --server, else the context, else the directory.
func (a *app) target() (target, error) {
	t, err := a.place()
	if err != nil {
		return target{}, err
	}
	if a.flags.server != "" {
		t.url = a.flags.server
	}
	if t.url == "" {
		at, err := readAddresses(t.dir)
		if err != nil {
			return target{}, err
		}
		t.url = "https://" + at.Admin
	}
	return t, nil
}

// place finds where the credential is, and the URL when a context has it.
func (a *app) place() (target, error) {
	if a.flags.context != "" {
		return a.contextTarget(a.flags.context)
	}
	_, err := os.Stat(filepath.Join(a.flags.dir, configName))
	if err == nil {
		return target{dir: a.flags.dir, credential: adminCredential(a.flags.dir)}, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return target{}, failNotReadable(a.flags.dir, err)
	}
	if !a.flags.dirGiven {
		file, err := a.readContexts()
		if err != nil {
			return target{}, err
		}
		if file.Current != "" {
			return a.contextTarget(file.Current)
		}
	}
	return target{}, failNoAuthority(a.flags.dir)
}

// adminCredential is the first operator's, made by init.
func adminCredential(dir string) string {
	return filepath.Join(dir, "operators", "admin")
}

// readAddresses tells where the node of a directory listens, or that it does
// not run.
func readAddresses(dir string) (addresses, error) {
	text, err := os.ReadFile(filepath.Join(dir, "run", "addresses.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return addresses{}, failNotRunning(dir)
	}
	if err != nil {
		return addresses{}, fmt.Errorf("read the node's addresses: %w", err)
	}
	var at addresses
	if err := json.Unmarshal(text, &at); err != nil {
		return addresses{}, fmt.Errorf("read %s: %w", filepath.Join(dir, "run", "addresses.json"), err)
	}
	return at, nil
}

// publicURL is the plain http listener's address.
func (a *app) publicURL() (string, error) {
	t, err := a.place()
	if err != nil {
		return "", err
	}
	if t.dir == "" {
		return "", failNoPublicURL()
	}
	at, err := readAddresses(t.dir)
	if err != nil {
		return "", err
	}
	return "http://" + at.HTTP, nil
}

// connect makes the client of the admin API.
func (a *app) connect() (*client.Client, error) {
	t, err := a.target()
	if err != nil {
		return nil, err
	}
	pair, err := client.LoadCredential(t.credential)
	if err != nil {
		return nil, failCredential(t.credential, err)
	}
	c, err := client.New(client.Config{
		URL: t.url, Credential: pair, Timeout: requestTimeout, UserAgent: "assay/" + version(),
	})
	if err != nil {
		return nil, failServerURL(err)
	}
	a.say.detail("asking %s as %s", t.url, t.credential)
	return c, nil
}

// withAPI does one thing with the admin API.
func (a *app) withAPI(do func(*client.Client) error) error {
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	return do(api)
}
