package main

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/enroll/line"
)

const (
	// defaultLineWorkers keep a server of one node busy.
	defaultLineWorkers = 8
	// defaultLinePatience outlasts a server that is moved to another host.
	defaultLinePatience = 10 * time.Minute
	// maxSimulated is the number of rows that a manifest may have.
	maxSimulated = 1_000_000
)

func newLine(a *app) *cobra.Command {
	return group("line", "The factory line: certificates for a batch", newLineRun(a), newLineSimulate(a))
}

// lineFlags are the questions that both commands of the line ask.
type lineFlags struct {
	batch, station, product, out string
	workers                      int
	retryRefused, dryRun         bool
	patience, timeout            time.Duration
	digests                      []string
}

func (l *lineFlags) bind(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&l.batch, "batch", "", "the `batch` whose devices are made")
	f.StringVar(&l.station, "station", "", "`directory` that assay station create wrote")
	f.StringVar(&l.product, "product", "", "the batch's `product`, when the station has several")
	f.StringVar(&l.out, "out", "", "`directory` of certificates, journal and receipt")
	f.IntVar(&l.workers, "workers", defaultLineWorkers, "units worked at a time")
	f.BoolVar(&l.retryRefused, "retry-refused", false, "ask again for units that were refused")
	f.DurationVar(&l.patience, "patience", defaultLinePatience, "give up when nothing succeeds for this `time`")
	f.DurationVar(&l.timeout, "timeout", requestTimeout, "`time` that one exchange with the server may take")
	f.StringSliceVar(&l.digests, "digest", nil, "`[COMPONENT=]sha256:HEX` of the firmware; the component is firmware if not said")
	f.BoolVar(&l.dryRun, "dry-run", false, "show what is done and what is left, and ask the server nothing")
}

// lineRunFlags are the questions of line run alone.
type lineRunFlags struct {
	lineFlags
	in, method string
}

func newLineRun(a *app) *cobra.Command {
	var l lineRunFlags
	c := &cobra.Command{
		Use:     "run --batch B --station DIR --in CSRDIR --out CERTDIR",
		Short:   "Get certificates for a directory of CSRs",
		Long:    helpLineRun,
		Example: "  assay line run --batch 2026-w47-a --station station --in requests --out certificates",
		Args:    wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if l.batch == "" || l.station == "" || l.in == "" || l.out == "" {
				return failNeeds("line run", "--batch B", "--station DIR", "--in CSRDIR", "--out CERTDIR")
			}
			return a.lineRun(cmd.Context(), l)
		},
	}
	l.bind(c)
	c.Flags().StringVar(&l.in, "in", "", "`directory` of CSRs, one a file, PEM or DER")
	c.Flags().StringVar(&l.method, "method", "programmer", "how the station knows --digest: `debug-port`, boot-rom or programmer")
	return c
}

func (a *app) lineRun(ctx context.Context, l lineRunFlags) error {
	station, product, err := l.open()
	if err != nil {
		return err
	}
	units, faults, err := line.OpenDirectory(l.in)
	if err != nil {
		return failLineRequests(l.in, err)
	}
	if len(l.digests) > 0 {
		digests, err := parseDigests(l.digests)
		if err != nil {
			return err
		}
		method, err := parseMethod(l.method)
		if err != nil {
			return err
		}
		state, err := line.ReadBack(station, product, method, digests, a.now)
		if err != nil {
			return failLine(err)
		}
		units.Statement(state)
	}
	a.say.lineFaults(l.in, faults)
	if err := a.workLine(ctx, l.lineFlags, station, product, units); err != nil {
		return err
	}
	switch {
	case len(faults) > 0:
		return failLineFaults(l.in, len(faults))
	case len(units.Units()) == 0:
		return failLineNothing(l.in)
	}
	return nil
}

// open reads the station and finds out which product is made.
func (l *lineFlags) open() (*line.Station, string, error) {
	station, err := line.OpenStation(l.station)
	if err != nil {
		return nil, "", failStationDirectory(l.station, err)
	}
	product, err := station.Product(l.product)
	if err != nil {
		return nil, "", failLine(err)
	}
	return station, product, nil
}

// workLine runs a line and shows its receipt.
func (a *app) workLine(ctx context.Context, f lineFlags, station *line.Station, product string, units line.Source) error {
	var b *bar
	l, err := line.New(line.Config{
		Station: station, Product: product, Batch: f.batch, Source: units, Out: f.out,
		Workers: f.workers, RetryRefused: f.retryRefused, Patience: f.patience, Timeout: f.timeout,
		Progress: func(c line.Count) { b.line(c) }, Waiting: a.say.lineWaits, Now: a.now,
	})
	if err != nil {
		return failLine(err)
	}
	if f.dryRun {
		receipt, err := l.Plan()
		if err != nil {
			return failLine(err)
		}
		return a.show(lineSheet(receipt, f.out))
	}
	began := a.now()
	b = a.say.progress(saidLineWorking, len(units.Units()))
	receipt, err := l.Run(ctx)
	b.stop()
	if receipt != nil {
		if shown := a.show(lineSheet(receipt, f.out)); shown != nil {
			return errors.Join(err, shown)
		}
		a.say.lineDone(receipt, a.now().Sub(began), f.out)
	}
	switch {
	case err != nil:
		return failLine(err)
	case !receipt.Complete():
		return failLinePartial(receipt, f.out)
	}
	return nil
}

// parseDigests reads --digest.
func parseDigests(texts []string) ([]line.Digest, error) {
	var out []line.Digest
	for _, text := range texts {
		component, value, named := strings.Cut(text, "=")
		if !named {
			component, value = firmwareComponent, text
		}
		digits, ok := strings.CutPrefix(value, "sha256:")
		sum, err := hex.DecodeString(digits)
		if !ok || err != nil || len(sum) != 32 || component == "" {
			return nil, failLineDigest(text)
		}
		out = append(out, line.Digest{Component: component, SHA256: sum})
	}
	return out, nil
}
