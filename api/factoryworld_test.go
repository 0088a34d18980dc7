package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

const digestA = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// unit is a device as a station would have made it, past enrolment.
type unit struct {
	product, serial, batch, station string
	version                         string // of its firmware; empty: no evidence
	validFor                        time.Duration
}

// unit gives a device a certificate.
func (w *world) unit(u unit) store.Certificate {
	w.Helper()
	p, err := profile.ParseProduct(u.product, []byte("{}"))
	must(w, err)
	compiled, err := p.Compile(1, "Testers", profile.IssuerLimits{})
	must(w, err)
	order := profile.Order{
		Profile: compiled, Names: profile.Names{Product: u.product, Serial: u.serial, Batch: u.batch}, SPKI: spki(w, newKey(w)),
	}
	if u.validFor > 0 {
		order.NotAfter = w.now().Add(u.validFor)
	}
	made, err := w.authority.Sign(w.Context(), order)
	must(w, err)
	act := store.Issuance{
		Certificate: store.Certificate{
			Ref: store.Ref{Issuer: store.IssuerID(made.IssuerID), Index: made.Index}, DER: made.DER, Serial: made.Serial,
			Holder:  store.Holder{Kind: store.HolderDevice, Name: u.product + "/" + u.serial},
			Profile: store.ProfileOperational, Operation: store.OpSimpleEnroll, IssuedAt: w.now(),
			Principal: "station:" + u.station,
		},
		Device:  store.DeviceID{Product: u.product, Serial: u.serial},
		Station: u.station, Batch: u.batch, By: w.by(),
	}
	if u.version != "" {
		act.Evidence = &store.Appraised{Format: "station", Tier: "T1s", Fresh: "yes", Components: []store.Measured{
			{Component: "firmware", Version: u.version, SVN: 7},
		}}
	}
	issued, err := w.store.Issue(w.Context(), act)
	must(w, err)
	return issued.Certificate
}

// apply declares a document as somebody.
func apply(t testing.TB, c *client.Client, kind, name, spec string) v1.Applied {
	t.Helper()
	r, err := c.Apply(t.Context(), document(kind, name, spec), client.Expect{})
	must(t, err)
	return r
}

// stationAt declares a station.
func (w *world) stationAt(name, site, line string) {
	w.Helper()
	apply(w, w.root, v1.KindStation, name, fmt.Sprintf(`{"site":%q,"line":%q}`, site, line))
}

// rows is the text of a manifest.
func rows(serials ...string) string { return "serial\n" + strings.Join(serials, "\n") + "\n" }

// batchOf declares a batch with a manifest.
func (w *world) batchOf(name, product, site, line string, serials ...string) {
	w.Helper()
	apply(w, w.root, v1.KindBatch, name,
		fmt.Sprintf(`{"product":%q,"site":%q,"line":%q,"manifest":"m.csv","manifest_data":%q}`, product, site, line, rows(serials...)))
}

// as is a client of an operator made for it.
func (w *world) as(name, role string, products, sites []string) *client.Client {
	return w.client(w.operator(name, role, products, sites))
}
