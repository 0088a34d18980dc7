package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
)

const helpFirmwareAdd = `Make a release known, as a draft: devices that run it are refused until it is
approved. Only digests reach the server. A release of several components is declared
with assay apply -f, kind Firmware.`

const helpFirmwareRecall = `End what devices that run a release may have. None is held: with --grace they still
renew so long, with certificates that end with it; afterwards they are refused until
they run another release. --critical refuses everything at once. Certificates that are
out already stay good: revoking them is a step of its own.

--dry-run counts the devices that run it, by site and batch, and says when each group
is without certificates. --undo makes the release what it was.`

const helpBatchCreate = `Make a production order. With a manifest its serials alone are enrolled, with a quota
that many devices of the product's serial pattern; never more.

A manifest is CSV or JSON, read here and sent. It is taken as a whole or not at all;
what is wrong with it is listed by line and column.

  serial,ak_name,attr.customer
  SN-00000001,,ACME`

const helpBatchClose = `End a production order for ever. The end-of-batch certificate, a text signed by the
key of the audit log, says what was made; assay batch show NAME --out FILE has it
again.`

const helpBatchNonce = `Give the nonce of a batch: 32 octets, the same each time, also inside a note signed by
the key of the audit log. Lines that collect requests first or work offline put it into
evidence; it is good within the batch's window, once for each serial, and such evidence
is shown as fresh: batch.`

const helpStationCreate = `Make a factory station. The key is made here; only a request for its certificate
reaches the server. DIR gets station.crt, station.key, ca.crt and station.json, which
is all that assay line needs. A directory that is not empty is refused.`

const helpDeviceList = `List devices. A query is terms side by side, and, or, not, parentheses:

  product=sensor-s1 state=active,held       firmware=sensor-s1/1.4.1
  not_after<+7d state=active                site=leipzig not tier>=T1
  seen<-30d                                 attr.customer="ACME, Inc."

Fields: product serial state site line batch station role vendor_id attr.NAME firmware
component.NAME svn.NAME release tier format fresh issuer key reason incident created
activated renewed seen revoked not_after.`

// Questions.

func askRecall(product, version string, act v1.FirmwareAct) string {
	what := "Recall " + product + " " + version
	switch {
	case act.Critical:
		return what + " and refuse everything to devices that run it?"
	case act.Grace != "":
		return what + "; devices that run it renew for " + act.Grace + " more?"
	}
	return what + "; devices that run it renew no more?"
}

func askCloseBatch(name string) string { return "Close batch " + name + " for ever?" }

func askRevokeStation(name string) string {
	return "Revoke station " + name + " and its certificates?"
}

func askEnd(verb, device string) string {
	return strings.ToUpper(verb[:1]) + verb[1:] + " " + device + " for ever?"
}

// Notes.

func (s *say) releaseAdded(r v1.Applied, product, version string) {
	if r.DryRun {
		s.note("dry run: release %s would be a draft", r.After.Name)
		return
	}
	s.note("release %s is a draft: devices that run it are refused", r.After.Name)
	s.note("  next: assay firmware approve %s %s", product, version)
}

func (s *say) releaseChanged(c v1.FirmwareChange) {
	f := c.Firmware
	switch {
	case !c.Changed:
		s.note("release %s is %s already", f.Name, f.State)
	case c.DryRun:
		s.note("dry run: release %s would be %s", f.Name, f.State)
	default:
		s.note("release %s is %s", f.Name, f.State)
	}
	if i := c.Impact; i != nil {
		s.note("%d live device(s) run it", i.Devices)
	}
}

func (s *say) batchMade(r v1.Applied, spec v1.BatchSpec) {
	if r.DryRun {
		s.note("dry run: batch %s would be made", r.After.Name)
		return
	}
	s.note("batch %s is open", r.After.Name)
	s.note("  next: assay station create NAME --site %s --line %s --product %s --out DIR",
		cmp.Or(spec.Site, "SITE"), cmp.Or(spec.Line, "LINE"), spec.Product)
}

func (s *say) batchIs(b v1.Batch) {
	if b.DryRun {
		s.note("dry run: batch %s would be %s", b.Name, b.State)
		return
	}
	s.note("batch %s is %s: %d of %d devices", b.Name, b.State, b.Used, b.Limit)
}

func (s *say) stationMade(i v1.StationInfo, dir string) {
	s.note("the credential of station %s is in %s: station.crt, station.key, ca.crt, station.json", i.Station, dir)
	batch := "BATCH"
	if len(i.Batches) == 1 {
		batch = i.Batches[0]
	}
	product := ""
	if len(i.Products) != 1 { // which it is cannot be told from the station
		product = " --product P"
	}
	s.note("  next: assay line run --batch %s%s --station %s --in CSRDIR --out CERTDIR", batch, product, dir)
}

func (s *say) stationIsClient() {
	s.warn("--client-auth: whoever trusts the root takes this station for a client; brokers should trust assay ca export --anchor devices")
}

func (s *say) olderEvents(device string) {
	s.note("there are older events: assay audit log --object %s", device)
}

func (s *say) benchWhole() {
	s.note("each enrolment is a nonce and the request with evidence about it: rate, latency and CPU are those of both")
}

// tierText names what a tier is worth.
func tierText(tier string) string {
	switch tier {
	case "T0":
		return tier + " (key possession only)"
	case "T1":
		return tier + " (self-reported, not attested)"
	case "T1s":
		return tier + " (endorsed by the station)"
	}
	return tier
}

// Failures.

func failEmpty(manifest string) *failure {
	return &failure{code: exitFailure, what: manifest + " is empty: a manifest has a header line and a serial on each line below", next: "see assay batch create --help"}
}

func failNotClosed(batch string) *failure {
	return &failure{code: exitConflict, what: "batch " + batch + " is not closed: it has no end-of-batch certificate", next: "assay batch close " + batch}
}

func failIncident(text string) *failure {
	return usage(fmt.Sprintf("%q is no incident", text), "its number: assay incident list")
}

// failNoTimeline: a device that never got a certificate has no record, but its
// refusals have.
func failNoTimeline(id string, r *v1.Refusal) *failure {
	return &failure{code: exitNotFound, what: wordsOfRefusal(r), next: "what was refused to it, if anything: assay audit log --object " + id, cause: r}
}

func failStationDir(dir string, err error) *failure {
	f := &failure{code: exitFailure, what: err.Error(), next: "assay station create NAME --out " + dir + ", or assay station certify", cause: err}
	if errors.Is(err, fs.ErrNotExist) {
		f.code = exitNotFound
	}
	return f
}

func failNoStationCertificate(name string, err error) *failure {
	f := asRefusal(err)
	f.what = "station " + name + " was made, but has no certificate: " + f.what
	f.next = "assay station certify " + name + " --out DIR"
	return f
}
