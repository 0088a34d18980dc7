package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/client"
	"github.com/assay-pki/assay/store/audit"
)

// demoFlags size the story.
type demoFlags struct {
	once             bool
	devices, workers int
}

func newDemo(a *app) *cobra.Command {
	d := demoFlags{devices: 200, workers: 8}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Tell the whole story on a throwaway authority",
		Long:  helpDemo,
		Args:  wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.demo(cmd.Context(), d)
		},
	}
	c.Flags().BoolVar(&d.once, "once", false, "stop at the end of the story instead of waiting for Ctrl-C")
	c.Flags().IntVar(&d.devices, "devices", d.devices, "how many `devices`, 20 to 10000")
	c.Flags().IntVar(&d.workers, "workers", d.workers, "how many enrol at one time")
	return c
}

// demo is one telling. Any step that does not do what it says ends it with an
// error.
type demo struct {
	*app
	demoFlags
	at    addresses
	api   *client.Client
	root  *x509.Certificate
	line  *demoLine
	fleet []*demoDevice
	sheet sheet
}

func (a *app) demo(ctx context.Context, f demoFlags) error {
	if f.devices < 20 || f.devices > 10000 || f.workers < 1 || f.workers > 64 {
		return failDemoSize()
	}
	dir, err := os.MkdirTemp("", "assay-demo-")
	if err != nil {
		return fmt.Errorf("make a throwaway directory: %w", err)
	}
	defer os.RemoveAll(dir)
	d := &demo{app: a, demoFlags: f, sheet: sheet{columns: []string{"step", "count", "took", "per second"}}}
	a.flags.dir, a.flags.dirGiven, a.flags.context, a.flags.server = filepath.Join(dir, "authority"), true, "", ""
	httpAddress, err := freeAddress()
	if err != nil {
		return err
	}
	if err := d.initialise(ctx, httpAddress); err != nil {
		return err
	}
	stop, ended, err := d.start(ctx, httpAddress)
	if err != nil {
		return err
	}
	err = d.tell(ctx)
	if err == nil && !f.once && ctx.Err() == nil {
		a.say.demoWaits(d.at, a.flags.dir)
		<-ctx.Done()
	}
	stop()
	return errors.Join(err, <-ended)
}

// freeAddress picks the address of the http listener before certificates name
// it.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

func (d *demo) initialise(ctx context.Context, httpAddress string) error {
	began := time.Now()
	made, err := d.found(ctx, founding{
		dir: d.flags.dir, name: "Demo", http: httpAddress, hosts: withLoopback(nil), config: configText(nil),
	})
	if err != nil {
		return err
	}
	d.done(began, 1, saidDemoInit(made.Issuers))
	return nil
}

// start runs the node beside the story, on free ports.
func (d *demo) start(ctx context.Context, httpAddress string) (stop func(), ended chan error, err error) {
	settings, err := loadSettings(d.flags.dir, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	err = settings.layer(map[string]any{
		"listen.est": "127.0.0.1:0", "listen.admin": "127.0.0.1:0", "listen.metrics": "127.0.0.1:0", "listen.http": httpAddress,
	}, "demo")
	if err != nil {
		return nil, nil, err
	}
	began := time.Now()
	// The node outlives ctx, so that Ctrl-C ends the story first.
	running_, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ready, ended := make(chan addresses, 1), make(chan error, 1)
	go func() {
		ended <- d.serve(running_, running{
			dir: d.flags.dir, settings: settings, log: d.logger("error", "auto"),
			ready: func(at addresses) { ready <- at },
		})
	}()
	select {
	case d.at = <-ready:
		d.done(began, 1, saidDemoServe(d.at))
		return cancel, ended, nil
	case err := <-ended:
		cancel()
		return nil, nil, fmt.Errorf("start the node: %w", err)
	}
}

// tell is the story. Each step says what it did, and fails if it did not.
func (d *demo) tell(ctx context.Context) error {
	var err error
	if d.api, err = d.connect(); err != nil {
		return err
	}
	defer d.api.Close()
	if d.root, err = d.readRoot(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		d.product, d.firmware, d.batch, d.station,
		d.enrol, d.refuseFirmware, d.refuseSerial, d.count, d.renew,
		d.hold, d.release, d.decommission, d.checkOCSP, d.checkCRL, d.refuseEnded,
		d.audit,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return d.show(d.sheet)
}

// done says what a step did and remembers how long it took.
func (d *demo) done(began time.Time, count int, words string) {
	took := time.Since(began)
	d.say.demoStep(words)
	rate := ""
	if count > 1 {
		rate = fmt.Sprintf("%.0f", float64(count)/took.Seconds())
	}
	step := demoStep{Step: words, Count: count, Seconds: took.Seconds()}
	d.sheet.add(step, words, words, strconv.Itoa(count), took.Round(100*time.Microsecond).String(), rate)
}

// demoStep is a step as JSON.
type demoStep struct {
	Step    string  `json:"step"`
	Count   int     `json:"count"`
	Seconds float64 `json:"seconds"`
}

func (d *demo) readRoot() (*x509.Certificate, error) {
	text, err := d.readSmall(adminCredential(d.flags.dir)+"/ca.crt", maxSmallFile)
	if err != nil {
		return nil, err
	}
	return parseOneCertificate(text)
}

// audit exports the log and proves the copy without the node.
func (d *demo) audit(ctx context.Context) error {
	began := time.Now()
	copied := filepath.Join(filepath.Dir(d.flags.dir), "audit")
	if _, err := d.exportFromNode(ctx, copied); err != nil {
		return fmt.Errorf("export the audit log: %w", err)
	}
	authority, err := d.api.Authority(ctx)
	if err != nil {
		return err
	}
	report, err := audit.VerifyExport(ctx, copied, authority.LogKey)
	if err != nil {
		return fmt.Errorf("verify the audit log: %w", err)
	}
	d.done(began, int(report.Checkpoint.Size), saidDemoAudit())
	return nil
}
