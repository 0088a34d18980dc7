package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// benchStep is what one step saw. Times are in microseconds. Requests counts
// whole enrolments: with evidence one is a nonce and the enrolment itself, and
// latency and CPU are those of both.
type benchStep struct {
	Connections int     `json:"connections"`
	Connection  string  `json:"connection"`
	Evidence    string  `json:"evidence"`
	Requests    int     `json:"requests"`
	Failed      int     `json:"failed"`
	Seconds     float64 `json:"seconds"`
	Rate        float64 `json:"rate"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	// NonceP50 is the nonce's part of P50.
	NonceP50 float64 `json:"nonce_p50_us,omitempty"`
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
	if err := a.benchTarget(&b); err != nil {
		return err
	}
	s := sheet{columns: []string{"connections", "requests", "failed", "rate/s", "p50 ms", "p99 ms", "nonce p50 ms", "cpu us", "v us", "cpu/v"}}
	first := b.first
	for _, connections := range steps {
		n := b.requests() + connections // one of each connection warms it up
		a.say.preparing(n)
		requests, err := b.makeRequests(ctx, n, first)
		if err != nil {
			return err
		}
		step, err := b.step(ctx, connections, requests, first)
		if err != nil {
			return err
		}
		first += n
		s.add(step, strconv.Itoa(connections), step.cells()...)
	}
	if b.evidence != "none" {
		a.say.benchWhole()
	}
	return a.show(s)
}

func (s benchStep) cells() []string {
	cells := []string{
		strconv.Itoa(s.Connections), strconv.Itoa(s.Requests), strconv.Itoa(s.Failed),
		fmt.Sprintf("%.0f", s.Rate), fmt.Sprintf("%.2f", s.P50/1000), fmt.Sprintf("%.2f", s.P99/1000), "",
	}
	if s.NonceP50 > 0 {
		cells[len(cells)-1] = fmt.Sprintf("%.2f", s.NonceP50/1000)
	}
	if s.V == 0 {
		return append(cells, "", "", "")
	}
	return append(cells, fmt.Sprintf("%.0f", s.CPU), fmt.Sprintf("%.1f", s.V), fmt.Sprintf("%.2f", s.CPUPV))
}

// makeRequests makes a step's requests. A renewal has an empty subject: it
// stays as it was.
func (b *benchFlags) makeRequests(ctx context.Context, n, first int) ([]benchRequest, error) {
	format := b.serials
	if b.renew {
		format = ""
	}
	return makeRequests(ctx, n, format, first)
}

// step runs one load and measures it. v is taken before and after: it is the
// unit in which other machines can be compared.
func (b *benchFlags) step(ctx context.Context, connections int, requests []benchRequest, first int) (benchStep, error) {
	callers, closeAll, err := b.connect(ctx, connections, first)
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
	step := b.stepOf(connections, out)
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

func (b *benchFlags) stepOf(connections int, out outcome) benchStep {
	return benchStep{
		Connections: connections, Connection: b.connectionMode(), Evidence: b.evidence,
		Requests: len(out.latencies), Failed: out.failed,
		Seconds: out.took.Seconds(), Rate: float64(len(out.latencies)) / out.took.Seconds(),
		P50: micros(percentile(out.latencies, 50)), P99: micros(percentile(out.latencies, 99)),
		NonceP50: micros(percentile(out.nonces, 50)),
	}
}

func (b *benchFlags) connectionMode() string {
	switch {
	case b.fresh:
		return "fresh"
	case b.resume:
		return "resumed"
	}
	return "kept"
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
