package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

const stationDoc = `{"site":"leipzig","line":"l3","products":["sensor"],"quota":20000,"rate":"1200/h","from_ip":["10.20.0.0/16","10.1.2.3"],"until":"2027-11-16T00:00:00Z"}`

func TestStationLifecycle(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	doc := document(v1.KindStation, "l3-1", stationDoc)
	dry, err := c.Apply(ctx, doc, client.Expect{DryRun: true})
	must(t, err)
	_, err = c.Station(ctx, "l3-1")
	refused(t, err, v1.NotFound)
	made, err := c.Apply(ctx, doc, client.Expect{New: true})
	must(t, err)
	want := `{"site":"leipzig","line":"l3","products":["sensor"],"quota":20000,"rate":"1200/h","from_ip":["10.1.2.3/32","10.20.0.0/16"],"until":"2027-11-16T00:00:00Z"}`
	if string(made.After.Spec) != want || string(dry.After.Spec) != want || made.Result != v1.Created || dry.Result != v1.Created {
		t.Errorf("created %+v\n%s\ndry run\n%s", made, made.After.Spec, dry.After.Spec)
	}
	_, err = c.Apply(ctx, doc, client.Expect{New: true})
	refused(t, err, v1.Exists)
	if again := apply(t, c, v1.KindStation, "l3-1", want); again.Result != v1.Unchanged || again.After.Revision != 1 {
		t.Errorf("again %+v", again)
	}
	_, err = c.Apply(ctx, document(v1.KindStation, "l3-1", `{"site":"dresden"}`), client.Expect{})
	refused(t, err, v1.ImmutableField)
	changed, err := c.Apply(ctx, document(v1.KindStation, "l3-1", `{"site":"leipzig","line":"l3"}`), client.Expect{Revision: 1})
	must(t, err)
	if changed.Result != v1.Changed || changed.After.Revision != 2 || string(changed.Before) != want {
		t.Errorf("changed %+v", changed)
	}
	_, err = c.Apply(ctx, doc, client.Expect{Revision: 1})
	refused(t, err, v1.ChangedMeanwhile)

	_, err = c.RevokeStation(ctx, "l3-1", v1.StationRevocation{Reason: "keyCompromise", DryRun: true})
	must(t, err)
	for range 2 {
		_, err = c.RevokeStation(ctx, "l3-1", v1.StationRevocation{})
		must(t, err)
	}
	got, err := c.Station(ctx, "l3-1")
	must(t, err)
	if got.State != "revoked" || !got.Revoked {
		t.Errorf("revoked %+v", got)
	}
	_, err = c.Apply(ctx, doc, client.Expect{})
	refused(t, err, v1.WrongState)
	if same := apply(t, c, v1.KindStation, "l3-1", string(got.Spec)); same.Result != v1.Unchanged {
		t.Errorf("the same document on a revoked station: %+v", same)
	}
}

func TestStationFaults(t *testing.T) {
	w := newWorld(t)
	rows := []struct{ name, station, spec, at string }{
		{"no site", "x", `{}`, "spec.site"},
		{"a star for a site", "x", `{"site":"*"}`, "spec.site"},
		{"bad name", "X", `{"site":"a"}`, "name"},
		{"rate by the day", "x", `{"site":"a","rate":"5/d"}`, "spec.rate"},
		{"rate 0", "x", `{"site":"a","rate":"0/h"}`, "spec.rate"},
		{"no network", "x", `{"site":"a","from_ip":["10.0.0.0/8","leipzig"]}`, "spec.from_ip[1]"},
		{"IPv4 in IPv6", "x", `{"site":"a","from_ip":["::ffff:10.0.0.1"]}`, "spec.from_ip[0]"},
		{"no product's name", "x", `{"site":"a","products":["*"]}`, "spec.products[0]"},
		{"unknown field", "x", `{"site":"a","colour":"red"}`, "spec.colour"},
		{"a value of another type", "x", `{"site":"a","quota":"many"}`, "spec.quota"},
		{"no time", "x", `{"site":"a","until":"tomorrow"}`, "spec.until"},
		{"a site that is no text is not missing", "x", `{"site":5}`, "spec.site"},
		{"quota", "x", `{"site":"a","quota":1000000001}`, "spec.quota"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := w.root.Apply(t.Context(), document(v1.KindStation, row.station, row.spec), client.Expect{})
			if r := refused(t, err, v1.BadDocument); len(r.Faults) != 1 || r.Faults[0].At != row.at {
				t.Errorf("faults %+v, want one at %s", r.Faults, row.at)
			}
		})
	}
}

// Every fault of a document comes at once, each at its field.
func TestStationFaultsAtOnce(t *testing.T) {
	w := newWorld(t)
	_, err := w.root.Apply(t.Context(), document(v1.KindStation, "X",
		`{"colour":"red","rate":"5/d","quota":-1,"client_auth":"yes","from_ip":"10.0.0.0/8"}`), client.Expect{})
	got := map[string]string{}
	for _, f := range refused(t, err, v1.BadDocument).Faults {
		got[f.At] += f.Reason
	}
	want := map[string]string{
		"name":             "1 to 32 of a-z 0-9 -, beginning with a letter or digit",
		"spec.colour":      "there is no such field",
		"spec.rate":        "1/h to 3600000/h",
		"spec.quota":       "is not a whole number, 0 or more",
		"spec.client_auth": "is not true or false",
		"spec.from_ip":     "is not a list of texts",
		"spec.site":        "name the site where it stands",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestStationCertificate(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	until := w.now().Add(48 * time.Hour).UTC().Truncate(time.Second)
	apply(t, c, v1.KindStation, "l3-1", fmt.Sprintf(`{"site":"leipzig","line":"l3","products":["sensor"],"until":%q}`, until.Format(time.RFC3339)))
	w.batchOf("w47", "sensor", "leipzig", "l3", "SN-1")
	w.batchOf("elsewhere", "sensor", "dresden", "l3", "SN-2")
	w.batchOf("other-line", "sensor", "leipzig", "l4", "SN-3")
	w.batchOf("closed", "sensor", "leipzig", "l3", "SN-4")
	_, err := c.CloseBatch(ctx, "closed", false)
	must(t, err)

	key := newKey(t)
	request := []byte(csrPEM(t, key))
	dry, err := c.CertifyStation(ctx, "l3-1", request, true)
	must(t, err)
	if !dry.DryRun || dry.Chain != "" {
		t.Errorf("dry run %+v", dry)
	}
	made, err := c.CertifyStation(ctx, "l3-1", request, false)
	must(t, err)
	info := v1.StationInfo{
		EST: "https://est.example.com:8443", Authority: "Testers", Station: "l3-1", Site: "leipzig", Line: "l3",
		Products: []string{"sensor"}, Batches: []string{"w47"},
	}
	if diff := cmp.Diff(info, made.Info); diff != "" {
		t.Errorf("info (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(info, dry.Info); diff != "" {
		t.Errorf("info of the dry run (-want +got):\n%s", diff)
	}
	block, rest := pem.Decode([]byte(made.Chain))
	cert, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	cmcRA := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 28}
	if len(cert.ExtKeyUsage) != 0 || len(cert.UnknownExtKeyUsage) != 1 || !cert.UnknownExtKeyUsage[0].Equal(cmcRA) ||
		cert.NotAfter.After(until) || cert.Subject.CommonName != "l3-1" || !strings.Contains(string(rest), "BEGIN CERTIFICATE") ||
		!strings.Contains(made.Roots, "BEGIN CERTIFICATE") {
		t.Errorf("certificate %v until %v, usage %v %v", cert.Subject, cert.NotAfter, cert.ExtKeyUsage, cert.UnknownExtKeyUsage)
	}
	s, err := c.Station(ctx, "l3-1")
	must(t, err)
	if len(s.Certificates) != 1 || s.Certificates[0] != made.Certificate.Serial || made.Certificate.HolderKind != "station" {
		t.Errorf("station %+v, certificate %+v", s, made.Certificate)
	}
	planned, err := c.RevokeStation(ctx, "l3-1", v1.StationRevocation{DryRun: true})
	must(t, err)
	gone, err := c.RevokeStation(ctx, "l3-1", v1.StationRevocation{Reason: "privilegeWithdrawn"})
	must(t, err)
	if len(planned.Changed) != 1 || len(gone.Changed) != 1 || gone.Changed[0].Reason != "privilegeWithdrawn" || gone.Feed == 0 {
		t.Errorf("planned %+v, revoked %+v", planned, gone)
	}
	_, err = c.CertifyStation(ctx, "l3-1", []byte(csrPEM(t, newKey(t))), false)
	refused(t, err, v1.WrongState)

	apply(t, c, v1.KindStation, "past", `{"site":"leipzig","until":"2020-01-01T00:00:00Z"}`)
	_, err = c.CertifyStation(ctx, "past", request, true)
	refused(t, err, v1.WrongState)
	apply(t, c, v1.KindStation, "l3-2", `{"site":"leipzig"}`)
	_, err = c.CertifyStation(ctx, "l3-2", request, false)
	refused(t, err, v1.KeyOfAnotherDevice)
	_, err = c.CertifyStation(ctx, "l3-2", []byte("nonsense"), false)
	refused(t, err, v1.BadCSR)
	_, err = c.CertifyStation(ctx, "l3-9", request, false)
	refused(t, err, v1.NotFound)
}

func TestStationScope(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.product("sensor")
	w.product("alarm")
	apply(t, w.root, v1.KindStation, "here", `{"site":"leipzig","products":["sensor"]}`)
	apply(t, w.root, v1.KindStation, "there", `{"site":"dresden","products":["sensor"]}`)
	apply(t, w.root, v1.KindStation, "all", `{"site":"leipzig"}`)
	apply(t, w.root, v1.KindStation, "both", `{"site":"leipzig","products":["alarm","sensor"]}`)
	mira := w.as("mira", "factory", []string{"sensor"}, []string{"leipzig"})
	all := collect(t, mira.Stations(ctx, client.StationFilter{}))
	if len(all) != 1 || all[0].Name != "here" {
		t.Errorf("mira sees %+v", all)
	}
	if n := len(collect(t, w.root.Stations(ctx, client.StationFilter{Site: "leipzig", State: "active"}))); n != 3 {
		t.Errorf("filtered: %d", n)
	}
	for _, foreign := range []string{"there", "all", "both"} {
		_, err := mira.Station(ctx, foreign)
		refused(t, err, v1.NotFound)
		_, err = mira.CertifyStation(ctx, foreign, []byte(csrPEM(t, newKey(t))), false)
		refused(t, err, v1.NotFound)
		_, err = mira.RevokeStation(ctx, foreign, v1.StationRevocation{})
		refused(t, err, v1.NotFound)
		_, err = mira.Apply(ctx, document(v1.KindStation, foreign, `{"site":"leipzig","products":["sensor"]}`), client.Expect{})
		refused(t, err, v1.Exists)
	}
	put := func(spec string) error {
		_, err := mira.Apply(ctx, document(v1.KindStation, "new", spec), client.Expect{})
		return err
	}
	refused(t, put(`{"site":"leipzig"}`), v1.ScopeDenied)
	refused(t, put(`{"site":"dresden","products":["sensor"]}`), v1.ScopeDenied)
	refused(t, put(`{"site":"leipzig","products":["sensor","alarm"]}`), v1.ScopeDenied)
	must(t, put(`{"site":"leipzig","products":["sensor"]}`))
	if n := len(w.events(store.StationCreated)); n != 5 {
		t.Errorf("%d station.created events, want 5", n)
	}
}

// A station is for products that there are; one that names them from before
// keeps them.
func TestStationProducts(t *testing.T) {
	w := newWorld(t)
	for _, dry := range []bool{true, false} {
		_, err := w.root.Apply(t.Context(), document(v1.KindStation, "s", `{"site":"a","products":["sensro","sensor"]}`), client.Expect{DryRun: dry})
		want := []v1.Fault{{At: "spec.products", Reason: "there is no product sensor"}, {At: "spec.products", Reason: "there is no product sensro"}}
		if d := cmp.Diff(want, refused(t, err, v1.BadDocument).Faults); d != "" {
			t.Errorf("dry run %v: -want +got\n%s", dry, d)
		}
	}
	w.product("sensor")
	apply(t, w.root, v1.KindStation, "s", `{"site":"a","products":["sensor"]}`)
}

// TestCertificateRequests: what is wrong with a request is told before anything
// is signed, and a key that was compromised once is never certified again.
func TestCertificateRequests(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	apply(t, c, v1.KindStation, "lost", `{"site":"leipzig"}`)
	apply(t, c, v1.KindStation, "l3-1", `{"site":"leipzig"}`)
	lost := newKey(t)
	_, err := c.CertifyStation(ctx, "lost", []byte(csrPEM(t, lost)), false)
	must(t, err)
	_, err = c.RevokeStation(ctx, "lost", v1.StationRevocation{Reason: "keyCompromise"})
	must(t, err)

	block, _ := pem.Decode([]byte(csrPEM(t, newKey(t))))
	block.Bytes[len(block.Bytes)-1] ^= 1
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	must(t, err)
	rows := []struct {
		name, csr string
		want      v1.Reason
	}{
		{"no PEM", "nonsense", v1.BadCSR},
		{"two blocks", csrPEM(t, lost) + csrPEM(t, lost), v1.BadCSR},
		{"signature", string(pem.EncodeToMemory(block)), v1.BadSignature},
		{"curve", csrPEM(t, small), v1.KeyTypeNotAllowed},
		{"a compromised key", csrPEM(t, lost), v1.KeyBlocked},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := c.CertifyStation(ctx, "l3-1", []byte(row.csr), false)
			refused(t, err, row.want)
			_, err = c.CertifyOperator(ctx, "root", []byte(row.csr), false)
			refused(t, err, row.want)
		})
	}
}
