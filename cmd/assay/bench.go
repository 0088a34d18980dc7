package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/enroll/client"
)

// benchFlags say what load to make.
type benchFlags struct {
	est, ca, product, token, connections string
	serials                              string
	duration                             time.Duration
	count, prepare, first, pid           int
	renew                                bool
}

func newBench(a *app) *cobra.Command {
	var b benchFlags
	c := &cobra.Command{
		Use:   "bench --product P --token T",
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
	f.StringVar(&b.connections, "connections", "16,64", "steps: so many connections each, as `16,64`")
	f.DurationVar(&b.duration, "duration", 0, "length of each step, as 10s")
	f.IntVar(&b.count, "count", 0, "enrolments of each step; none of both: 1000")
	f.IntVar(&b.prepare, "prepare", 0, "keys made beforehand for a step with --duration; 0: 4000 for each second")
	f.StringVar(&b.serials, "serials", "", "`format` of serial numbers, as SN-%08d; none: bench-RUN-%08d")
	f.IntVar(&b.first, "first", 0, "`number` of the first serial")
	f.BoolVar(&b.renew, "renew", false, "each connection enrols one device, then renews it by mutual TLS")
	f.IntVar(&b.pid, "pid", 0, "process `id` of the server on this machine: measure its CPU time")
	return c
}

// benchStep is what one step saw. Times are in microseconds.
type benchStep struct {
	Connections int     `json:"connections"`
	Requests    int     `json:"requests"`
	Failed      int     `json:"failed"`
	Seconds     float64 `json:"seconds"`
	Rate        float64 `json:"rate"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	// CPU is the server's per enrolment, V that of one P-256 verify.
	CPU   float64 `json:"cpu_us,omitempty"`
	V     float64 `json:"v_us,omitempty"`
	CPUPV float64 `json:"cpu_v,omitempty"`
}

func (a *app) bench(ctx context.Context, b benchFlags) error {
	steps, err := b.check()
	if err != nil {
		return err
	}
	roots, err := a.benchTarget(&b)
	if err != nil {
		return err
	}
	s := sheet{columns: []string{"connections", "requests", "failed", "rate/s", "p50 ms", "p99 ms", "cpu us", "v us", "cpu/v"}}
	first := b.first
	for _, connections := range steps {
		n := b.requests() + connections // one of each connection warms it up
		a.say.preparing(n)
		requests, err := b.makeRequests(ctx, n, first)
		if err != nil {
			return err
		}
		step, err := b.step(ctx, roots, connections, requests, first)
		if err != nil {
			return err
		}
		first += n
		s.add(step, strconv.Itoa(connections), step.cells()...)
	}
	return a.show(s)
}

func (s benchStep) cells() []string {
	cells := []string{
		strconv.Itoa(s.Connections), strconv.Itoa(s.Requests), strconv.Itoa(s.Failed),
		fmt.Sprintf("%.0f", s.Rate), fmt.Sprintf("%.2f", s.P50/1000), fmt.Sprintf("%.2f", s.P99/1000),
	}
	if s.V == 0 {
		return append(cells, "", "", "")
	}
	return append(cells, fmt.Sprintf("%.0f", s.CPU), fmt.Sprintf("%.1f", s.V), fmt.Sprintf("%.2f", s.CPUPV))
}

// check refuses odd flags and returns the steps.
func (b *benchFlags) check() ([]int, error) {
	if b.product == "" || b.token == "" {
		return nil, failNeeds("bench", "--product P", "--token T")
	}
	if b.count > 0 && b.duration > 0 {
		return nil, failBoth("--count", "--duration")
	}
	if b.count < 0 || b.duration < 0 || b.prepare < 0 {
		return nil, failNegative()
	}
	var steps []int
	for _, word := range strings.Split(b.connections, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 || n > maxBenchConnections {
			return nil, failFlagValue("--connections", b.connections, fmt.Sprintf("numbers from 1 to %d", maxBenchConnections))
		}
		steps = append(steps, n)
	}
	if b.serials == "" {
		b.serials = fmt.Sprintf("bench-%08x-%%08d", rand.Uint32())
	}
	if fmt.Sprintf(b.serials, 1) == fmt.Sprintf(b.serials, 2) || strings.Contains(fmt.Sprintf(b.serials, 1), "%!") {
		return nil, failFlagValue("--serials", b.serials, "a format with one number, as SN-%08d")
	}
	return steps, nil
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

// makeRequests makes a step's requests. A renewal has an empty subject: it
// stays as it was.
func (b *benchFlags) makeRequests(ctx context.Context, n, first int) ([][]byte, error) {
	format := b.serials
	if b.renew {
		format = ""
	}
	return makeRequests(ctx, n, format, first)
}

// benchTarget fills in the server and its root from the directory.
func (a *app) benchTarget(b *benchFlags) (*x509.CertPool, error) {
	if b.est == "" {
		at, err := readAddresses(a.flags.dir)
		if err != nil {
			return nil, err
		}
		b.est = "https://" + at.EST
		if b.pid == 0 {
			b.pid = at.PID
		}
	}
	if b.ca == "" {
		b.ca = adminCredential(a.flags.dir) + "/ca.crt"
	}
	text, err := a.readSmall(b.ca, maxSmallFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, failNoRoots(b.ca)
	}
	return roots, nil
}

// step runs one load and measures it. v is taken before and after: it is the
// unit in which other machines can be compared.
func (b *benchFlags) step(ctx context.Context, roots *x509.CertPool, connections int, requests [][]byte, first int) (benchStep, error) {
	callers, closeAll, err := b.connect(ctx, roots, connections, first)
	if err != nil {
		return benchStep{}, err
	}
	defer closeAll()
	if warm := (load{callers: callers, requests: requests[:connections]}).run(ctx); warm.firstErr != nil {
		return benchStep{}, failNothingEnrolled(warm.firstErr)
	}
	requests = requests[connections:]
	var before, cpuBefore, cpuAfter time.Duration
	if b.pid != 0 {
		if before, err = verifyCost(); err != nil {
			return benchStep{}, err
		}
		if cpuBefore, err = processCPU(b.pid); err != nil {
			return benchStep{}, err
		}
	}
	out := load{callers: callers, requests: requests, duration: b.duration}.run(ctx)
	step := stepOf(connections, out)
	if len(out.latencies) == 0 {
		return step, failNothingEnrolled(out.firstErr)
	}
	if b.pid == 0 {
		return step, ctx.Err()
	}
	if cpuAfter, err = processCPU(b.pid); err != nil {
		return benchStep{}, err
	}
	after, err := verifyCost()
	if err != nil {
		return benchStep{}, err
	}
	step.V = micros(before+after) / 2
	step.CPU = micros(cpuAfter-cpuBefore) / float64(step.Requests)
	step.CPUPV = step.CPU / step.V
	return step, ctx.Err()
}

func stepOf(connections int, out outcome) benchStep {
	return benchStep{
		Connections: connections, Requests: len(out.latencies), Failed: out.failed,
		Seconds: out.took.Seconds(), Rate: float64(len(out.latencies)) / out.took.Seconds(),
		P50: micros(percentile(out.latencies, 50)), P99: micros(percentile(out.latencies, 99)),
	}
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// connect opens the connections, each a client of its own, before the clock
// starts.
func (b *benchFlags) connect(ctx context.Context, roots *x509.CertPool, n, first int) ([]caller, func(), error) {
	callers := make([]caller, n)
	clients := make([]*client.Client, 0, n)
	closeAll := func() {
		for _, c := range clients {
			c.CloseIdle()
		}
	}
	for i := range callers {
		c, call, err := b.connection(ctx, roots, first+i)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("open connection %d: %w", i+1, err)
		}
		clients, callers[i] = append(clients, c), call
	}
	return callers, closeAll, nil
}

func (b *benchFlags) connection(ctx context.Context, roots *x509.CertPool, number int) (*client.Client, caller, error) {
	config := client.Config{
		URL: b.est, Label: b.product, Roots: roots, Token: b.token, Retries: -1, UserAgent: "assay-bench/" + version(),
	}
	enrol := (*client.Client).Enroll
	if b.renew {
		pair, err := b.firstCertificate(ctx, config, number)
		if err != nil {
			return nil, nil, err
		}
		config.Token, config.Certificate = "", pair
		enrol = (*client.Client).Reenroll
	}
	c, err := client.New(config)
	if err != nil {
		return nil, nil, err
	}
	if _, err := c.CACerts(ctx); err != nil {
		return nil, nil, err
	}
	return c, func(ctx context.Context, csr []byte) error {
		_, err := enrol(c, ctx, csr)
		return err
	}, nil
}

// firstCertificate enrols the device that a connection then renews.
func (b *benchFlags) firstCertificate(ctx context.Context, config client.Config, number int) (*tls.Certificate, error) {
	c, err := client.New(config)
	if err != nil {
		return nil, err
	}
	defer c.CloseIdle()
	key, csr, err := makeRequest(fmt.Sprintf(b.serials, number))
	if err != nil {
		return nil, err
	}
	answer, err := c.Enroll(ctx, csr)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{answer.Certificate.Raw}, PrivateKey: key}, nil
}
