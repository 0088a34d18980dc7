package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

const helpDemo = `Tell the whole story on a throwaway authority: a product with an approved firmware
release, a production batch with a manifest of serials, and a station, whose line
enrols simulated devices through real EST over TLS with real evidence. One with
firmware that is not approved and one that is not in the manifest are refused; some
renew; some are held, released and decommissioned; OCSP and CRLs over HTTP say so; the
audit log is proved. Then the node stays up until Ctrl-C (--once: it ends). Any step
that does not do what it says ends it with an error.`

// What the steps say.
const (
	saidDemoEnrolling = "enrolling"
	saidDemoRenewing  = "renewing"
)

func saidDemoInit(issuers []string) string {
	return "authority made: " + strings.Join(issuers, ", ")
}

func saidDemoServe(at addresses) string { return "node up, EST on https://" + at.EST }

func saidDemoProduct(name string) string {
	return "product " + name + " made: first by the station's evidence, then by its own"
}

func saidDemoFirmware(approved, draft string) string {
	return "firmware " + approved + " approved, " + draft + " a draft"
}

func saidDemoBatch(name string, n int) string {
	return fmt.Sprintf("batch %s open, %d serials in its manifest", name, n)
}

func saidDemoStation(name, site, line string) string {
	return fmt.Sprintf("station %s made for %s, line %s", name, site, line)
}

func saidDemoEnrolled(n, workers int) string {
	return fmt.Sprintf("%d devices enrolled by the line, %d at a time, firmware checked", n, workers)
}

func saidDemoRefusedFirmware(serial, version string) string {
	return "device " + serial + " refused: firmware " + version + " is not approved"
}

func saidDemoRefusedSerial(serial string) string {
	return "device " + serial + " refused: not in the manifest"
}

func saidDemoCounted(used, limit uint64) string {
	return fmt.Sprintf("batch and line agree: %d of %d", used, limit)
}

func saidDemoRenewed(n int) string {
	return fmt.Sprintf("%d devices renewed with a new key, firmware checked again", n)
}

func saidDemoHeld(n int) string { return fmt.Sprintf("%d devices held: they may not renew", n) }

func saidDemoReleased(serial string) string { return "device " + serial + " released: it renews again" }

func saidDemoEnded(n int) string { return fmt.Sprintf("%d devices decommissioned", n) }

func saidDemoOCSP() string { return "OCSP: good, released, held and decommissioned told apart" }

func saidDemoCRL(n int) string {
	return fmt.Sprintf("CRLs, shards and complete: the %d revoked listed and no other, signatures good", n)
}

func saidDemoEndedRefused() string {
	return "a decommissioned device may not come back, by itself or by the line"
}

func saidDemoAudit() string { return "audit log exported and proved" }

func (s *say) demoStep(words string) {
	fmt.Fprintln(s.err, paint(s.errColour, green, "ok")+"  "+printable(words))
}

func (s *say) demoWaits(at addresses, dir string) {
	s.note("")
	s.serving(at)
	s.note("look around: assay --dir %s device list --query 'state=held'", dir)
	s.note("the node stays up until Ctrl-C; everything of it is then removed")
}

func failDemoSize() error {
	return &failure{code: exitUsage, what: "the demo takes 20 to 10000 devices and 1 to 64 workers", next: "assay demo --devices 50 --workers 8"}
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
