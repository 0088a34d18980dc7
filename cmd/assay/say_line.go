package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/line"
)

const helpLineRun = `Get the certificate of each CSR of a directory with the credential of a station.
CERTDIR gets SERIAL.crt for each, certificates.csv, receipt.json and journal.jsonl.

A run can be stopped at any instant; the same command goes on where it was, and no unit
is enrolled twice. Units that are refused are listed, and asked for again with
--retry-refused. When the server is away or busy the line waits.

With --digest the station states, for each CSR, which firmware it wrote or read back.

Exit codes: 0 all units have a certificate, 8 some have not, 9 the server was away for
too long, 130 stopped.`

const helpLineSimulate = `Like assay line run, for devices that are made up: keys, CSRs and evidence are made on
the spot and kept in OUT/devices, so that a run that was stopped goes on with the same.
OUT is line-BATCH if not said.

Evidence of kind self is signed by the device, of kind station by the station; both say
that the firmware measures --digest, but for --bad-firmware N of the devices.`

const saidLineWorking = "enrolling"

// line shows how far the line has come.
func (b *bar) line(c line.Count) {
	if b == nil || b.tracker == nil {
		return
	}
	b.tracker.SetValue(int64(c.Done + c.Refused))
	if c.Refused > 0 {
		b.tracker.UpdateMessage(fmt.Sprintf("%s, %d refused", saidLineWorking, c.Refused))
	}
}

// maxLineFaults are told one by one; the rest is counted.
const maxLineFaults = 10

func (s *say) lineFaults(dir string, faults []line.Fault) {
	for i, f := range faults {
		if i == maxLineFaults {
			s.warn("%d more files of %s are no units", len(faults)-i, dir)
			return
		}
		s.warn("%s is no unit: %s", filepath.Join(dir, f.File), f.Reason)
	}
}

// lineSheet is a receipt, its counts first.
func lineSheet(r *line.Receipt, out string) sheet {
	return object(r, filepath.Join(out, "receipt.json"),
		"batch", r.Batch, "product", r.Product, "station", r.Station, "site", r.Site, "line", r.Line,
		"units", strconv.Itoa(r.Units), "done", strconv.Itoa(r.Done), "refused", lineRefused(r),
		"pending", strconv.Itoa(r.Pending), "left", strconv.Itoa(r.Left),
		"first", lineTime(r.First), "last", lineTime(r.Last), "journal sha256", r.Journal,
	)
}

// lineRefused is the number of units that were refused, by reason.
func lineRefused(r *line.Receipt) string {
	if len(r.Refused) == 0 {
		return "0"
	}
	var words []string
	for _, reason := range slices.Sorted(maps.Keys(r.Refused)) {
		words = append(words, fmt.Sprintf("%d %s", r.Refused[reason], reason))
	}
	return strings.Join(words, "\n")
}

func lineTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (s *say) lineWaits(cause error) {
	s.warn("the line waits and goes on by itself: %v", cause)
}

func (s *say) lineDone(r *line.Receipt, took time.Duration, out string) {
	s.note("%d of %d units have a certificate, after %s; receipt and certificates are in %s",
		r.Done, r.Units, took.Round(10*time.Millisecond), out)
}

func failLinePartial(r *line.Receipt, out string) *failure {
	next := "see " + filepath.Join(out, "certificates.csv")
	switch {
	case r.RefusedUnits() > 0:
		next += ", mend what was refused and run the same command with --retry-refused"
	case r.Pending > 0:
		next += ", and run the same command again when an operator has approved"
	case r.Left > 0:
		next = "run the same command again: it goes on where it was"
	}
	return &failure{code: exitPartial, what: fmt.Sprintf("%d units have no certificate", r.Units-r.Done), next: next}
}

func failLineFaults(dir string, faults int) *failure {
	return &failure{
		code: exitPartial, what: fmt.Sprintf("%d file(s) of %s are no units", faults, dir),
		next: "mend them or move them away, and run the same command again",
	}
}

// failLineRequests is of a directory of CSRs that cannot be read.
func failLineRequests(dir string, err error) *failure {
	f := &failure{
		code: exitFailure, what: fmt.Sprintf("%s is no directory of CSRs: %v", dir, err),
		next: "name the directory of the devices' CSRs, one a file: --in CSRDIR", cause: err,
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.code = exitNotFound
	case errors.Is(err, line.ErrConfig):
		f.code = exitUsage
	}
	return f
}

func failLineNothing(dir string) *failure {
	return &failure{code: exitNotFound, what: "no CSR is in " + dir, next: "name the directory of the devices' CSRs, one a file: --in CSRDIR"}
}

const (
	nextLineAgain   = "run the same command again: it goes on where it was, and no unit is enrolled twice"
	nextLineProduct = "name the batch's: --product P; assay batch list shows it"
)

// failLine gives an error of the line its exit code and next step.
func failLine(err error) error {
	f := &failure{code: exitFailure, what: err.Error(), next: "mend what it says, then " + nextLineAgain, cause: err}
	refusal, refused := errors.AsType[*client.Refusal](err)
	switch {
	case errors.Is(err, context.Canceled):
		f.code, f.what, f.next = exitInterrupted, "the line was stopped", nextLineAgain
	case errors.Is(err, line.ErrNoProduct):
		f.code, f.next = exitUsage, nextLineProduct
	case errors.Is(err, line.ErrConfig):
		f.code, f.next = exitUsage, "see assay line --help"
	case errors.Is(err, line.ErrBusy):
		f.code, f.next = exitConflict, "wait until it has ended, or use another directory"
	case errors.Is(err, line.ErrJournal):
		f.code, f.next = exitConflict, "use a new directory for another batch or station"
	case errors.Is(err, line.ErrOtherBatch):
		f.code, f.next = exitConflict, "see assay batch list: the serials stand in the manifest of the other, or its quota is open"
	case errors.Is(err, line.ErrUnavailable):
		f.code, f.next = exitUnavailable, "is the server up? Then "+nextLineAgain
	case errors.Is(err, client.ErrUntrusted):
		f.next = "check ca.crt of the station against assay ca export; nothing secret was sent"
	case errors.Is(err, line.ErrStopped) && refused && refusal.Status == http.StatusNotFound:
		f.code, f.next = exitNotFound, "check the product and the est in station.json: assay batch show and assay station show"
	case errors.Is(err, line.ErrStopped) && refused:
		f.code, f.next = exitOfStatus(refusal.Status), "see assay batch show and assay station show; when it is mended, "+nextLineAgain
	}
	return f
}

func failStationDirectory(dir string, err error) *failure {
	f := &failure{
		code: exitFailure, what: fmt.Sprintf("%s is no station's directory: %v", dir, err),
		next: "make a new credential for the station: assay station certify NAME --out DIR", cause: err,
	}
	if errors.Is(err, fs.ErrNotExist) {
		f.code, f.next = exitNotFound, "make one: assay station create NAME --site S --line L --out DIR"
	}
	return f
}

func failLineDigest(text string) *failure {
	return usage(fmt.Sprintf("--digest %q is not [COMPONENT=]sha256: and 64 hex digits", text), "take the digest of assay firmware show")
}

func failLineNonce(text string) *failure {
	return usage(fmt.Sprintf("--nonce %q is not unpadded base64url", text), "take it from assay batch nonce B")
}

func failLineCount() *failure {
	return usage(fmt.Sprintf("--count is 1 to %d, and --first not negative", maxSimulated), "see assay line simulate --help")
}
