package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

const helpDemo = `Tell the whole story on a throwaway authority: init, serve, a product, devices that
enrol by token over real TLS, two refusals, renewals, a revocation with its OCSP
answer and CRLs, and the proof of the audit log. Then the node stays up until Ctrl-C
(--once: it ends). Any step that does not do what it says ends it with an error.`

// What the steps say.
const (
	saidDemoEnrolling = "enrolling"
	saidDemoRenewing  = "renewing"
)

func saidDemoInit(issuers []string) string {
	return "authority made: " + strings.Join(issuers, ", ")
}

func saidDemoServe(at addresses) string { return "node up, EST on https://" + at.EST }

func saidDemoProduct(name, result string) string { return "product " + name + " " + result }

func saidDemoTokens(n int) string { return fmt.Sprintf("%d tokens, each for one serial", n) }

func saidDemoEnrolled(n, workers int) string {
	return fmt.Sprintf("%d devices enrolled by token, %d at a time, each over TLS of its own", n, workers)
}

func saidDemoRefused() string { return "a used token and another device's name refused" }

func saidDemoRenewed(n int) string { return fmt.Sprintf("%d devices renewed with a new key", n) }

func saidDemoRevoked(serial string) string { return "device " + serial + " revoked, keyCompromise" }

func saidDemoOCSP() string { return "OCSP: the good one good, the revoked one revoked" }

func saidDemoCRL() string { return "CRLs, shard and complete: the revoked one listed, signatures good" }

func saidDemoRevokedRefused() string { return "the revoked device may not renew" }

func saidDemoAudit() string { return "audit log exported and proved" }

func (s *say) demoStep(words string) {
	fmt.Fprintln(s.err, paint(s.errColour, green, "ok")+"  "+printable(words))
}

func (s *say) demoWaits(at addresses) {
	s.note("")
	s.serving(at)
	s.note("the node stays up until Ctrl-C; everything of it is then removed")
}

func failDemoSize() error {
	return &failure{code: exitUsage, what: "the demo takes 10 to 10000 devices and 1 to 64 workers", next: "assay demo --devices 50 --workers 8"}
}

// bar shows how far long work has come, on a terminal alone.
type bar struct {
	writer  progress.Writer
	tracker *progress.Tracker
}

func (s *say) progress(words string, total int) *bar {
	if !s.errTerminal {
		return &bar{}
	}
	b := &bar{writer: progress.NewWriter(), tracker: &progress.Tracker{Message: words, Total: int64(total)}}
	b.writer.SetOutputWriter(s.err)
	b.writer.SetAutoStop(true)
	b.writer.SetUpdateFrequency(50 * time.Millisecond)
	b.writer.Style().Visibility.ETA = true
	b.writer.AppendTracker(b.tracker)
	go b.writer.Render()
	return b
}

func (b *bar) one() {
	if b.tracker != nil {
		b.tracker.Increment(1)
	}
}

// stop waits until the bar is drawn for the last time.
func (b *bar) stop() {
	if b.tracker == nil {
		return
	}
	b.tracker.MarkAsDone()
	b.writer.Stop()
	for b.writer.IsRenderInProgress() {
		time.Sleep(time.Millisecond)
	}
}
