package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/enroll/line"
)

// benchFlags say what load to make.
type benchFlags struct {
	est, ca, product, token, connections string
	serials, evidence, digest            string
	station, batch                       string
	duration                             time.Duration
	count, prepare, first, pid           int
	renew, fresh, resume                 bool

	// What the flags come to.
	roots      *x509.CertPool
	credential *tls.Certificate // the station's; nil: the token
	measured   []byte
}

func newBench(a *app) *cobra.Command {
	var b benchFlags
	c := &cobra.Command{
		Use:   "bench --product P (--token T | --station DIR)",
		Short: "Make enrolments as fast as the server answers, and measure",
		Long:  helpBench,
		Args:  wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.bench(cmd.Context(), b)
		},
	}
	f := c.Flags()
	f.StringVar(&b.est, "est", "", "`URL` of the EST server; none: the node of --dir")
	f.StringVar(&b.ca, "ca", "", "`FILE` with the root that the server is verified by; none: that of --dir")
	f.StringVar(&b.product, "product", "", "the `product` to enrol for")
	f.StringVar(&b.token, "token", "", "a `token` with uses enough")
	f.StringVar(&b.station, "station", "", "enrol by the station whose credential is in this `directory`")
	f.StringVar(&b.batch, "batch", "", "with --station: the `batch` that must count the devices")
	f.StringVar(&b.evidence, "evidence", "none", "none or self: a nonce and evidence for each enrolment, measured as one")
	f.StringVar(&b.digest, "digest", "", "with --evidence self: `sha256:HEX` of the firmware, an approved release")
	f.StringVar(&b.connections, "connections", "16,64", "steps: so many connections each, as `16,64`")
	f.DurationVar(&b.duration, "duration", 0, "length of each step, as 10s")
	f.IntVar(&b.count, "count", 0, "enrolments of each step; none of both: 1000")
	f.IntVar(&b.prepare, "prepare", 0, "keys made beforehand for a step with --duration; 0: 4000 for each second")
	f.StringVar(&b.serials, "serials", "", "`format` of serial numbers, as SN-%08d; none: bench-RUN-%08d")
	f.IntVar(&b.first, "first", 0, "`number` of the first serial")
	f.BoolVar(&b.renew, "renew", false, "each connection enrols one device, then renews it by mutual TLS")
	f.BoolVar(&b.fresh, "fresh", false, "a new TLS connection, full handshake, for each enrolment")
	f.BoolVar(&b.resume, "resume", false, "a new TLS connection, resumed, for each enrolment")
	f.IntVar(&b.pid, "pid", 0, "process `id` of the server on this machine: measure its CPU time")
	return c
}

// check refuses odd flags and returns the steps.
func (b *benchFlags) check() ([]int, error) {
	if (b.token == "") == (b.station == "") || (b.product == "" && b.station == "") {
		return nil, failNeeds("bench", "--product P", "one of --token T, --station DIR")
	}
	if b.batch != "" && b.station == "" {
		return nil, failNeeds("bench --batch", "--station DIR")
	}
	if b.count > 0 && b.duration > 0 {
		return nil, failBoth("--count", "--duration")
	}
	if b.fresh && b.resume {
		return nil, failBoth("--fresh", "--resume")
	}
	if b.count < 0 || b.duration < 0 || b.prepare < 0 {
		return nil, failNegative()
	}
	if err := b.checkEvidence(); err != nil {
		return nil, err
	}
	if b.serials == "" {
		b.serials = fmt.Sprintf("bench-%08x-%%08d", rand.Uint32())
	}
	if fmt.Sprintf(b.serials, 1) == fmt.Sprintf(b.serials, 2) || strings.Contains(fmt.Sprintf(b.serials, 1), "%!") {
		return nil, failFlagValue("--serials", b.serials, "a format with one number, as SN-%08d")
	}
	return b.steps()
}

func (b *benchFlags) steps() ([]int, error) {
	var steps []int
	for _, word := range strings.Split(b.connections, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 || n > maxBenchConnections {
			return nil, failFlagValue("--connections", b.connections, fmt.Sprintf("numbers from 1 to %d", maxBenchConnections))
		}
		steps = append(steps, n)
	}
	return steps, nil
}

func (b *benchFlags) checkEvidence() error {
	switch {
	case b.evidence == "none" && b.digest == "":
		return nil
	case b.evidence == "none":
		return failNeeds("bench --digest", "--evidence self")
	case b.evidence != "self":
		return failFlagValue("--evidence", b.evidence, "none", "self")
	case b.digest == "":
		return failNeeds("bench --evidence self", "--digest sha256:HEX")
	}
	var err error
	b.measured, err = hex.DecodeString(strings.TrimPrefix(b.digest, "sha256:"))
	if err != nil || len(b.measured) != sha256.Size {
		return failFlagValue("--digest", b.digest, "sha256: and 64 hex digits")
	}
	return nil
}

// requests is how many a step may need.
func (b *benchFlags) requests() int {
	const perSecond = 4000 // more than two cores enrol
	switch {
	case b.duration == 0 && b.count == 0:
		return 1000
	case b.duration == 0:
		return b.count
	case b.prepare > 0:
		return b.prepare
	}
	return int(b.duration.Seconds()*perSecond) + 1
}

// benchTarget fills in the server, its root and the credential: from the
// station's directory, else from the authority's.
func (a *app) benchTarget(b *benchFlags) error {
	if b.station != "" {
		if err := a.benchStation(b); err != nil {
			return err
		}
	}
	if b.est == "" || b.pid == 0 {
		at, err := readAddresses(a.flags.dir)
		if b.est == "" {
			if err != nil {
				return err
			}
			b.est = "https://" + at.EST
		}
		// The CPU time is that of a server on this machine.
		if b.est == "https://"+at.EST && b.pid == 0 {
			b.pid = at.PID
		}
	}
	if b.ca == "" {
		b.ca = adminCredential(a.flags.dir) + "/ca.crt"
	}
	text, err := a.readSmall(b.ca, maxSmallFile)
	if err != nil {
		return err
	}
	b.roots = x509.NewCertPool()
	if !b.roots.AppendCertsFromPEM(text) {
		return failNoRoots(b.ca)
	}
	return nil
}

// benchStation takes server, root and product from the station's directory,
// where no flag names another.
func (a *app) benchStation(b *benchFlags) error {
	s, err := line.OpenStation(b.station)
	if err != nil {
		return failStationDir(b.station, err)
	}
	b.credential = &s.Certificate
	if b.est == "" {
		b.est = s.EST
	}
	if b.ca == "" {
		b.ca = filepath.Join(b.station, stationRootFile)
	}
	if b.product, err = s.Product(b.product); err != nil {
		return failNeeds("bench --station", "--product P: the station has several")
	}
	return nil
}
