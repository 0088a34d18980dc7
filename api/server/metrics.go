package server

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/revocation/ocsp"
)

// metrics counts what the rooms observe. Label sets are closed: operations,
// reasons and outcomes.
type metrics struct {
	registry   *prometheus.Registry
	enrolments *prometheus.CounterVec
	ocsp       *prometheus.CounterVec
}

func newMetrics(n *node) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		enrolments: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "assay_enrolments_total", Help: "Requests for a certificate, by operation and reason (issued, or a code of docs/REASONS.md).",
		}, []string{"operation", "reason"}),
		ocsp: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "assay_ocsp_answers_total", Help: "OCSP answers, by outcome.",
		}, []string{"outcome"}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	counter := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value)
	}
	m.registry.MustRegister(
		m.enrolments, m.ocsp,
		counter("assay_store_commits_total", "Transactions written; two fsyncs each.", func() float64 { return float64(n.store.Stats().Commits) }),
		counter("assay_store_acts_total", "Business acts that reached the store's writer.", func() float64 { return float64(n.store.Stats().Acts) }),
		counter("assay_store_refused_acts_total", "Acts that failed the checks inside their transaction.", func() float64 { return float64(n.store.Stats().Refused) }),
		gauge("assay_clock_doubt", "1 while the clock is in doubt and nothing is issued.", func() float64 { return oneIf(n.clock.Doubt() != nil) }),
		gauge("assay_crl_seconds_left", "Seconds until the first published list is past its nextUpdate.", n.secondsLeft),
		gauge("assay_log_records", "Records in the audit log.", func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), probeTime)
			defer cancel()
			head, err := n.store.Log(ctx)
			if err != nil {
				return 0
			}
			return float64(head.Size)
		}),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// secondsLeft is the least of all published lists.
func (n *node) secondsLeft() float64 {
	least, now := 0.0, n.clock.StatusNow()
	for i, p := range n.publisher.List() {
		if left := p.NextUpdate.Sub(now).Seconds(); i == 0 || left < least {
			least = left
		}
	}
	return least
}

// Enrolled implements enroll.Observer.
func (m *metrics) Enrolled(operation string, reason v1.Reason) {
	if reason == "" {
		reason = "issued"
	}
	m.enrolments.WithLabelValues(operation, string(reason)).Inc()
}

// Answered implements ocsp.Observer.
func (m *metrics) Answered(o ocsp.Outcome) { m.ocsp.WithLabelValues(string(o)).Inc() }

func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}
