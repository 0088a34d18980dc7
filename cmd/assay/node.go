package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"

	"github.com/assay-pki/assay/api/server"
	v1 "github.com/assay-pki/assay/api/v1"
)

// founding is what init needs to know.
type founding struct {
	dir, name, publicURL, http, kms string
	hosts                           []string
	passphrase                      []byte
	// config is the text of assay.yaml.
	config string
}

// founded is what init made.
type founded struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Dir     string   `json:"dir"`
	BaseURL string   `json:"base_url"`
	Local   bool     `json:"local"`
	Issuers []string `json:"issuers"`
	LogKey  string   `json:"log_key"`
	// Credential is the first operator's directory.
	Credential string `json:"credential"`
}

// found makes an authority.
func (a *app) found(ctx context.Context, f founding) (founded, error) {
	made, err := server.Init(ctx, server.InitConfig{
		Dir: f.dir, Name: f.name, PublicURL: f.publicURL, HTTP: f.http, Hosts: f.hosts, KMS: f.kms,
		Passphrase: f.passphrase, Settings: f.config, Now: a.now, Log: a.logger("warn", "auto"),
	})
	if errors.Is(err, server.ErrInUse) {
		return founded{}, failInUse(err)
	}
	if err != nil {
		return founded{}, err
	}
	record := made.Authority
	return founded{
		ID: record.ID, Name: record.Name, Dir: f.dir, BaseURL: record.BaseURL, Local: record.Local,
		Issuers: made.Issuers, LogKey: record.LogKey, Credential: made.Credential,
	}, nil
}

// running is what serve needs to know.
type running struct {
	dir         string
	settings    *settings
	passphrase  []byte
	acceptClock bool
	log         *slog.Logger
	// ready is told the addresses once every listener accepts.
	ready func(addresses)
}

// serve runs the node until ctx ends.
func (a *app) serve(ctx context.Context, r running) error {
	s := r.settings
	if err := a.tuneMemory(s.text("gomemlimit")); err != nil {
		return err
	}
	connections, err := parseCount(s.text("limits.connections"))
	if err != nil || connections > math.MaxInt32 {
		return fmt.Errorf("limits.connections %s: %w", s.text("limits.connections"), err)
	}
	return server.Run(ctx, server.Config{
		Dir: r.dir, EST: s.text("listen.est"), Admin: s.text("listen.admin"),
		HTTP: s.text("listen.http"), Metrics: s.text("listen.metrics"),
		KMS: s.text("keys.kms"), Passphrase: r.passphrase, AcceptClock: r.acceptClock,
		TLS13Only: s.text("tls13_only") == "true", Connections: int(connections),
		Version: v1.Version{Version: version(), Go: runtime.Version()},
		Now:     a.now, Log: r.log,
		Ready: func(at server.Addresses) {
			r.ready(addresses{EST: at.EST, Admin: at.Admin, HTTP: at.HTTP, Metrics: at.Metrics, PID: at.PID})
		},
	})
}

// gcPercent lets the heap grow to five times what is live: it is small, and
// collecting it less often is measurable in every enrolment. The memory limit
// is the guard.
const gcPercent = 400

// tuneMemory leaves the Go runtime's own variables the last word.
func (a *app) tuneMemory(limit string) error {
	octets, err := memoryLimit(limit)
	if err != nil {
		return err
	}
	if a.env("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if octets > 0 && a.env("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(octets)
	}
	return nil
}
