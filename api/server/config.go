package server

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
)

// InitConfig says what authority is to be made.
type InitConfig struct {
	// Dir is made; it must not hold anything. Required.
	Dir string
	// Name is the O of every subject: 1 to 40 characters. Required.
	Name string
	// PublicURL is the plain-http root of the URLs in certificates. Without it
	// the authority is local, with URLs on HTTP.
	PublicURL string
	// HTTP is host:port of the http listener of a local authority.
	HTTP string
	// Hosts are the DNS names and addresses of the TLS certificate. Required.
	Hosts []string
	// KMS is the URI of a token that keeps the issuers' keys; empty for files.
	KMS string
	// Passphrase seals the key files; empty: a random one in keys/unlock.
	Passphrase []byte
	// Settings is the text of assay.yaml.
	Settings string
	Now      func() time.Time
	Log      *slog.Logger
}

func (c *InitConfig) validate() error {
	return missing("init", map[string]bool{
		"Dir": c.Dir == "", "Name": c.Name == "", "Hosts": len(c.Hosts) == 0,
		"Now": c.Now == nil, "Log": c.Log == nil,
	})
}

// Config says how a node runs.
type Config struct {
	// Dir is the authority's directory. Required.
	Dir string
	// EST, Admin, HTTP and Metrics are the listeners' host:port; port 0 picks
	// a free one. Required.
	EST, Admin, HTTP, Metrics string
	// KMS and Passphrase are as in InitConfig.
	KMS        string
	Passphrase []byte
	// AcceptClock believes a clock far past the last record.
	AcceptClock bool
	// TLS13Only refuses TLS 1.2 on the EST listener.
	TLS13Only bool
	// Connections bounds those open at one time on each listener; 0 for 4096.
	Connections int
	Version     v1.Version
	Now         func() time.Time
	Log         *slog.Logger
	// Ready, if given, is told the addresses once every listener accepts.
	Ready func(Addresses)
}

func (c *Config) validate() error {
	return missing("serve", map[string]bool{
		"Dir": c.Dir == "", "EST": c.EST == "", "Admin": c.Admin == "", "HTTP": c.HTTP == "",
		"Metrics": c.Metrics == "", "Now": c.Now == nil, "Log": c.Log == nil,
	})
}

func missing(what string, fields map[string]bool) error {
	var faults []error
	for name, absent := range fields {
		if absent {
			faults = append(faults, fmt.Errorf("%s: config has no %s", what, name))
		}
	}
	return errors.Join(faults...)
}
