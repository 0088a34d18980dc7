package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// initFlags are the questions of init.
type initFlags struct {
	name, publicURL, http, passphraseFile, kms string
	root, csrOut                               string
	hosts                                      []string
	yes                                        bool
}

func newInit(a *app) *cobra.Command {
	var i initFlags
	c := &cobra.Command{
		Use:   "init",
		Short: "Create an authority in --dir",
		Long:  helpInit,
		Args:  wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.init(cmd.Context(), i)
		},
	}
	f := c.Flags()
	f.StringVar(&i.name, "name", "", "name of the authority: O of every subject (default assay)")
	f.StringArrayVar(&i.hosts, "host", nil, "DNS `name` or IP address that devices and operators use; loopback is always there")
	f.StringVar(&i.publicURL, "public-url", "", "plain http `URL` of CRLs and OCSP in certificates; without it the authority is local")
	f.StringVar(&i.http, "http", "", "`address` of the http listener (default 127.0.0.1:8080)")
	f.StringVar(&i.passphraseFile, "passphrase-file", "", "`file` with the passphrase of the keys (env ASSAY_PASSPHRASE_FILE)")
	f.StringVar(&i.kms, "kms", "", "`URI` of a KMS that keeps the keys, as pkcs11:module-path=...")
	f.StringVar(&i.root, "root", "", "external: not available in this version")
	f.StringVar(&i.csrOut, "csr-out", "", "not available in this version")
	f.BoolVarP(&i.yes, "yes", "y", false, "ask nothing, take the defaults")
	return c
}

func (a *app) init(ctx context.Context, i initFlags) error {
	if i.root != "" && i.root != "self" || i.csrOut != "" {
		return failLater("init --root external", "leave --root and --csr-out out: the authority makes its own root")
	}
	if err := a.askInit(&i); err != nil {
		return err
	}
	if err := i.check(); err != nil {
		return err
	}
	dir, err := filepath.Abs(a.flags.dir)
	if err != nil {
		return fmt.Errorf("find %s: %w", a.flags.dir, err)
	}
	f := founding{
		dir: dir, name: i.name, publicURL: strings.TrimSuffix(i.publicURL, "/"), http: reachable(i.http), kms: i.kms,
		hosts: withLoopback(i.hosts),
	}
	set := map[string]string{}
	if i.http != "" {
		set["listen.http"] = quoted(i.http)
	}
	if i.kms != "" {
		set["keys.kms"] = quoted(i.kms)
	}
	if path := a.passphrasePath(i.passphraseFile); path != "" {
		if path, err = filepath.Abs(path); err != nil {
			return fmt.Errorf("find the passphrase file: %w", err)
		}
		if f.passphrase, err = a.readPassphrase(path); err != nil {
			return err
		}
		set["keys.passphrase_file"] = quoted(path)
	}
	f.config = configText(set)
	made, err := a.found(ctx, f)
	if err != nil {
		return err
	}
	a.say.founded(made, a.flags.dir)
	return a.show(object(
		made, made.Dir, "name", made.Name, "directory", made.Dir, "id", made.ID, "urls", made.BaseURL,
		"local", yesNo(made.Local), "issuers", list(made.Issuers), "credential", made.Credential,
	))
}

// askInit asks what no flag told, when a person is there.
func (a *app) askInit(i *initFlags) error {
	var err error
	if i.yes || !a.say.asks {
		return nil
	}
	if i.name == "" {
		if i.name, err = a.say.ask(askName, "assay"); err != nil {
			return err
		}
	}
	if i.publicURL == "" {
		if i.publicURL, err = a.say.ask(askPublicURL, ""); err != nil {
			return err
		}
	}
	return nil
}

// check refuses what would be in every certificate and can't be mended later.
func (i *initFlags) check() error {
	if i.name == "" {
		i.name = "assay"
	}
	if i.publicURL != "" {
		u, err := url.Parse(i.publicURL)
		if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return failFlagValue("--public-url", i.publicURL, "http://HOST[:PORT], plain http: nobody can check a CRL over a certificate that needs it")
		}
	}
	if i.http != "" {
		if _, port, err := net.SplitHostPort(i.http); err != nil || port == "" || port == "0" {
			return failFlagValue("--http", i.http, "HOST:PORT with a fixed port: it may stand in certificates")
		}
	}
	for _, h := range i.hosts {
		if h == "" || strings.ContainsAny(h, "/: ") && net.ParseIP(h) == nil {
			return failFlagValue("--host", h, "a DNS name or an IP address, without port")
		}
	}
	return nil
}

// defaultHTTP is where the http listener is when nobody says otherwise.
const defaultHTTP = "127.0.0.1:8080"

// reachable is the address that URLs of a local authority name: that of the
// http listener, by loopback when it listens everywhere.
func reachable(address string) string {
	if address == "" {
		return defaultHTTP
	}
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}

// withLoopback adds what the commands on this machine connect to.
func withLoopback(hosts []string) []string {
	all := slices.Clone(hosts)
	for _, h := range []string{"localhost", "127.0.0.1", "::1"} {
		if !slices.Contains(all, h) {
			all = append(all, h)
		}
	}
	return all
}

// passphrasePath is where the passphrase is: the flag or setting, the variable,
// a systemd credential, or "" for keys/unlock.
func (a *app) passphrasePath(given string) string {
	if given != "" {
		return given
	}
	if path := a.env("ASSAY_PASSPHRASE_FILE"); path != "" {
		return path
	}
	if dir := a.env("CREDENTIALS_DIRECTORY"); dir != "" {
		if path := filepath.Join(dir, "assay-passphrase"); exists(path) {
			return path
		}
	}
	return ""
}

func (a *app) readPassphrase(path string) ([]byte, error) {
	text, err := a.readSmall(path, maxSmallFile)
	if err != nil {
		return nil, fmt.Errorf("read the passphrase: %w", err)
	}
	text = bytes.TrimRight(text, "\r\n")
	if len(text) == 0 {
		return nil, failEmptyPassphrase(path)
	}
	return text, nil
}
