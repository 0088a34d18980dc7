package main

import (
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
)

func newServe(a *app) *cobra.Command {
	var acceptClock bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run a node of the authority in --dir",
		Long:  helpServe,
		Args:  wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f := cmd.Flag("misbehave"); f.Changed {
				return failLater("serve --misbehave", "run without it")
			}
			return a.startNode(cmd, acceptClock)
		},
	}
	f := c.Flags()
	f.String("est", "", "`address` for EST, https (default 127.0.0.1:8443)")
	f.String("admin", "", "`address` of the admin API, https (default 127.0.0.1:9443)")
	f.String("http", "", "`address` for CRLs, OCSP and CA certificates (default 127.0.0.1:8080)")
	f.String("metrics", "", "`address` for Prometheus (default 127.0.0.1:9464)")
	f.BoolVar(&acceptClock, "accept-clock", false, "believe a clock that is more than 45 days past the last record")
	f.String("misbehave", "", "not available in this version")
	return c
}

func (a *app) startNode(cmd *cobra.Command, acceptClock bool) error {
	s, err := loadSettings(a.flags.dir, a.environ, cmd.Flags())
	if err != nil {
		return err
	}
	r := running{
		dir: a.flags.dir, settings: s, acceptClock: acceptClock,
		log: a.logger(s.text("log.level"), s.text("log.format")), ready: a.showAddresses,
	}
	if path := a.passphrasePath(s.text("keys.passphrase_file")); path != "" {
		if r.passphrase, err = a.readPassphrase(path); err != nil {
			return err
		}
	}
	// A node that was told to stop has done what it should.
	return a.serve(cmd.Context(), r)
}

// logger writes to standard error: JSON for machines, coloured on a terminal.
func (a *app) logger(level, format string) *slog.Logger {
	var at slog.Level
	// The settings were checked: an odd level leaves info.
	_ = at.UnmarshalText([]byte(level))
	if a.flags.verbose {
		at = slog.LevelDebug
	}
	if format == "json" || format == "auto" && !a.say.errTerminal {
		return slog.New(slog.NewJSONHandler(a.say.err, &slog.HandlerOptions{Level: at}))
	}
	return slog.New(tint.NewTextHandler(a.say.err, &tint.Options{Level: at, TimeFormat: time.TimeOnly, NoColor: !a.say.errColour}))
}

// parseCount reads a whole number of a setting, wherever it was written.
func parseCount(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }

// memoryLimit is GOMEMLIMIT in octets, 0 for none.
func memoryLimit(text string) (int64, error) {
	units := []struct {
		suffix string
		shift  int
	}{{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}}
	if text == "" || text == "off" {
		return 0, nil
	}
	for _, u := range units {
		if number, ok := strings.CutSuffix(text, u.suffix); ok {
			n, err := parseCount(number)
			if err != nil || n < 1 || n > (1<<62)>>u.shift {
				return 0, failMemory(text)
			}
			return n << u.shift, nil
		}
	}
	return 0, failMemory(text)
}

// showAddresses tells where the node listens, once it does: data, so that a
// program that started it can read it. A reader that is gone stops nothing.
func (a *app) showAddresses(at addresses) {
	_ = a.show(object(
		at, "https://"+at.Admin, "est", "https://"+at.EST, "admin", "https://"+at.Admin,
		"http", "http://"+at.HTTP, "metrics", "http://"+at.Metrics,
	))
}
