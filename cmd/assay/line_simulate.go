package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/manifest"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/evidence"
	"github.com/assay-pki/assay/enroll/line"
)

// simulateFlags are the questions of line simulate alone.
type simulateFlags struct {
	lineFlags
	count, first     int
	format, manifest string
	evidence, nonce  string
	wrong            int
}

func newLineSimulate(a *app) *cobra.Command {
	var l simulateFlags
	c := &cobra.Command{
		Use:     "simulate --batch B --station DIR (--count N | --manifest FILE)",
		Short:   "Get certificates for devices that are made up on the spot",
		Long:    helpLineSimulate,
		Example: "  assay line simulate --batch 2026-w47-a --station station --count 200 --evidence station --digest sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		Args:    wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if l.batch == "" || l.station == "" || (l.count == 0 && l.manifest == "") {
				return failNeeds("line simulate", "--batch B", "--station DIR", "one of --count N, --manifest FILE")
			}
			return a.lineSimulate(cmd.Context(), l)
		},
	}
	l.bind(c)
	f := c.Flags()
	f.IntVar(&l.count, "count", 0, "`number` of devices; with --manifest the first so many of it")
	f.IntVar(&l.first, "first", 1, "number of the first device")
	f.StringVar(&l.format, "serial-format", "SN-%08d", "`form` of the serials, with one %d or %08d")
	f.StringVar(&l.manifest, "manifest", "", "`file` with the serials, CSV or JSON")
	f.StringVar(&l.evidence, "evidence", "", "`kind`: none, self or station; self when there is a --digest")
	f.StringVar(&l.nonce, "nonce", "", "the batch's `nonce` of assay batch nonce; else one is fetched for each device")
	f.IntVar(&l.wrong, "bad-firmware", 0, "`number` of devices whose firmware measures wrong")
	return c
}

func (a *app) lineSimulate(ctx context.Context, l simulateFlags) error {
	if l.out == "" {
		l.out = "line-" + filepath.Base(l.batch)
	}
	station, product, err := l.open()
	if err != nil {
		return err
	}
	digests, err := parseDigests(l.digests)
	if err != nil {
		return err
	}
	serials, err := l.serials(product)
	if err != nil {
		return err
	}
	nonce, err := base64.RawURLEncoding.DecodeString(l.nonce)
	if err != nil {
		return failLineNonce(l.nonce)
	}
	if len(nonce) == 0 {
		nonce = nil
	}
	if l.evidence == "" {
		l.evidence = line.EvidenceNone
		if len(digests) > 0 {
			l.evidence = line.EvidenceSelf
		}
	}
	config := line.SimulationConfig{
		Serials: serials, Dir: filepath.Join(l.out, "devices"), Product: product, Evidence: l.evidence,
		Station: station, Digests: digests, Wrong: l.wrong, Nonce: nonce, Now: a.now,
	}
	units, err := line.NewSimulation(config)
	if err != nil {
		return failLine(err)
	}
	return a.workLine(ctx, l.lineFlags, station, product, units)
}

// serialForm is a text with one whole number in it, of at most two digits'
// width.
var serialForm = regexp.MustCompile(`^[^%]*%(0[0-9]{1,2})?d[^%]*$`)

// serials are those of the manifest, else numbered ones.
func (l *simulateFlags) serials(product string) ([]string, error) {
	if l.manifest != "" {
		return l.manifestSerials(product)
	}
	if !serialForm.MatchString(l.format) {
		return nil, failFlagValue("--serial-format", l.format, "SN-%08d", "%d")
	}
	if l.count < 1 || l.count > maxSimulated || l.first < 0 || l.first > maxSimulated*1000 {
		return nil, failLineCount()
	}
	out := make([]string, l.count)
	for i := range out {
		out[i] = fmt.Sprintf(l.format, l.first+i)
	}
	return out, nil
}

func (l *simulateFlags) manifestSerials(product string) ([]string, error) {
	f, err := os.Open(l.manifest)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := manifest.Read(f, "", manifest.Rules{Product: product, Batch: l.batch})
	if bad, ok := errors.AsType[*manifest.FaultsError](err); ok {
		return nil, failLineManifest(l.manifest, bad)
	}
	if err != nil {
		return nil, err
	}
	rows := m.Rows
	if l.count > 0 {
		rows = rows[:min(l.count, len(rows))]
	}
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = row.Serial
	}
	return out, nil
}

func failLineManifest(file string, bad *manifest.FaultsError) *failure {
	f := usage(file+" is no manifest: "+bad.Error(), "mend the file; assay line simulate --help")
	for _, fault := range bad.Faults {
		f.faults = append(f.faults, v1.Fault{At: file, Reason: fault.String()})
	}
	return f
}

// parseMethod reads --method.
func parseMethod(word string) (uint64, error) {
	switch word {
	case "debug-port":
		return evidence.MethodDebugPort, nil
	case "boot-rom":
		return evidence.MethodBootROM, nil
	case "programmer":
		return evidence.MethodProgrammer, nil
	}
	return 0, failFlagValue("--method", word, "debug-port", "boot-rom", "programmer")
}
