package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

func document(kind, name, spec string) v1.Document {
	return v1.Document{APIVersion: v1.APIVersion, Kind: kind, Name: name, Spec: json.RawMessage(spec)}
}

func TestProductLifecycle(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	doc := document(v1.KindProduct, "sensor", `{"operational":{"validity":"30d"}}`)

	dry, err := c.Apply(ctx, doc, client.Expect{DryRun: true})
	must(t, err)
	if dry.Result != v1.Created || !dry.DryRun || dry.After.Revision != 0 || !strings.Contains(string(dry.After.Spec), `"30d"`) {
		t.Errorf("dry run %+v", dry)
	}
	_, err = c.Product(ctx, "sensor")
	refused(t, err, v1.NotFound)

	made, err := c.Apply(ctx, doc, client.Expect{New: true})
	must(t, err)
	if made.Result != v1.Created || made.After.Revision != 1 || made.After.ChangedBy != "operator:root" || made.Before != nil {
		t.Errorf("created %+v", made)
	}
	_, err = c.Apply(ctx, doc, client.Expect{New: true})
	refused(t, err, v1.Exists)

	again, err := c.Apply(ctx, document(v1.KindProduct, "sensor", ` {"operational" : {"validity": "30d"}, "serial_pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"}`), client.Expect{})
	must(t, err)
	if again.Result != v1.Unchanged || again.After.Revision != 1 {
		t.Errorf("the same in other words: %+v", again)
	}
	doc.Spec = json.RawMessage(`{"operational":{"validity":"60d"}}`)
	changed, err := c.Apply(ctx, doc, client.Expect{Revision: 1})
	must(t, err)
	if changed.Result != v1.Changed || changed.After.Revision != 2 || !strings.Contains(string(changed.Before), `"30d"`) {
		t.Errorf("changed %+v", changed)
	}
	doc.Spec = json.RawMessage(`{"operational":{"validity":"61d"}}`)
	_, err = c.Apply(ctx, doc, client.Expect{Revision: 1})
	refused(t, err, v1.ChangedMeanwhile)

	got, err := c.Product(ctx, "sensor")
	must(t, err)
	if got.Revision != 2 || got.APIVersion != v1.APIVersion || got.Kind != v1.KindProduct {
		t.Errorf("read back %+v", got)
	}
	if n := len(w.events(store.ProductChanged)); n != 2 {
		t.Errorf("%d product.changed events, want 2", n)
	}
	w.product("alarm")
	if all := collect(t, c.Products(ctx)); len(all) != 2 || all[0].Name != "alarm" {
		t.Errorf("list %+v", all)
	}
}

func TestProductFaults(t *testing.T) {
	w := newWorld(t)
	rows := []struct {
		name, at string
		doc      v1.Document
	}{
		{"wrong kind for the URL", "", document("Nonsense", "sensor", `{}`)},
		{"unknown field of the spec", "spec.colour", document(v1.KindProduct, "sensor", `{"colour":"red"}`)},
		{"doubled key in the spec", "", document(v1.KindProduct, "sensor", `{"roles":["a"],"roles":["b"]}`)},
		{"not available in this version", "spec.firmware.formats", document(v1.KindProduct, "sensor", `{"firmware":{"formats":["dice"]}}`)},
		{"reserved name", "spec.name", document(v1.KindProduct, "cacerts", `{}`)},
		{"longer than the issuer", "spec.operational.validity", document(v1.KindProduct, "sensor", `{"operational":{"validity":"5y"}}`)},
		{"spec is no object", "spec", document(v1.KindProduct, "sensor", `[]`)},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if row.doc.Kind == "Nonsense" {
				row.doc.Kind = v1.KindPolicy
				a := w.raw(w.operator("r3", "admin", nil, nil)).do(http.MethodPut, "/v1/products/sensor", `{"apiVersion":"assay/v1","kind":"Policy","name":"x","spec":{}}`)
				if p := a.problem(t); p.Reason != v1.BadDocument || len(p.Faults) != 2 {
					t.Errorf("problem %+v, want two faults", p)
				}
				return
			}
			_, err := w.root.Apply(t.Context(), row.doc, client.Expect{})
			r := refused(t, err, v1.BadDocument)
			if row.at == "" {
				return
			}
			for _, f := range r.Faults {
				if strings.HasPrefix(f.At, row.at) || f.At == strings.TrimPrefix(row.at, "spec.") {
					return
				}
			}
			t.Errorf("faults %+v, want one at %s", r.Faults, row.at)
		})
	}
}

// TestBirths: a birth block wants an issuer of births.
func TestBirths(t *testing.T) {
	spec := `{"birth":{"admit":["station"]}}`
	w := newWorld(t)
	if made := apply(t, w.root, v1.KindProduct, "sensor", spec); made.Result != v1.Created || !strings.Contains(string(made.After.Spec), `"birth":{`) {
		t.Errorf("with a public URL: %+v", made)
	}
	local := newWorldOf(t, foundLocal)
	for _, dry := range []bool{true, false} {
		_, err := local.root.Apply(t.Context(), document(v1.KindProduct, "sensor", spec), client.Expect{DryRun: dry})
		refused(t, err, v1.BirthsNeedPublicURL)
	}
	_, err := local.root.Product(t.Context(), "sensor")
	refused(t, err, v1.NotFound)
}

func TestPolicy(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	p, err := w.root.Policy(ctx)
	must(t, err)
	if p.Revision != 0 || !strings.Contains(string(p.Spec), "four_eyes") {
		t.Errorf("defaults %+v", p)
	}
	made, err := w.root.Apply(ctx, document(v1.KindPolicy, "default", `{"four_eyes":[]}`), client.Expect{New: true})
	must(t, err)
	if made.Result != v1.Created || made.After.Revision != 1 {
		t.Errorf("put %+v", made)
	}
	d, err := w.root.Doctor(ctx)
	must(t, err)
	if len(d.Findings) != 1 || d.Findings[0].Severity != v1.SeverityOK {
		t.Errorf("doctor %+v", d.Findings)
	}
	_, err = w.root.Apply(ctx, document(v1.KindPolicy, "other", `{}`), client.Expect{})
	refused(t, err, v1.NotFound)
}

func TestOperators(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	made, err := c.Apply(ctx, document(v1.KindOperator, "mira", `{"role":"factory","sites":["leipzig"],"products":["b","a","a"]}`), client.Expect{New: true})
	must(t, err)
	if made.Result != v1.Created || string(made.After.Spec) != `{"role":"factory","products":["a","b"],"sites":["leipzig"]}` {
		t.Errorf("created %+v %s", made, made.After.Spec)
	}
	again, err := c.Apply(ctx, document(v1.KindOperator, "mira", `{"role":"factory","sites":["leipzig"],"products":["a","b"]}`), client.Expect{})
	must(t, err)
	if again.Result != v1.Unchanged || again.After.Revision != 1 {
		t.Errorf("again %+v", again)
	}
	key := newKey(t)
	would, err := c.CertifyOperator(ctx, "mira", []byte(csrPEM(t, key)), true)
	must(t, err)
	if got, err := c.Operator(ctx, "mira"); err != nil || !would.DryRun || would.Chain != "" || len(got.Certificates) != 0 {
		t.Errorf("dry run %+v, operator %+v %v", would, got, err)
	}
	cred, err := c.CertifyOperator(ctx, "mira", []byte(csrPEM(t, key)), false)
	must(t, err)
	if cred.Certificate.Holder != "mira" || cred.Certificate.HolderKind != "operator" || cred.Certificate.Issuer != "operations-1" ||
		strings.Count(cred.Chain, "BEGIN CERTIFICATE") != 2 || strings.Count(cred.Roots, "BEGIN CERTIFICATE") != 1 {
		t.Errorf("credential %+v", cred)
	}
	mira := w.client(pair(t, cred.Chain, key))
	me, err := mira.Whoami(ctx)
	must(t, err)
	if me.Name != "mira" || me.Role != "factory" {
		t.Errorf("whoami %+v", me)
	}
	_, err = c.CertifyOperator(ctx, "root", []byte(csrPEM(t, key)), false)
	refused(t, err, v1.KeyOfAnotherDevice)
	_, err = c.CertifyOperator(ctx, "nobody", []byte(csrPEM(t, newKey(t))), false)
	refused(t, err, v1.NotFound)
	_, err = c.CertifyOperator(ctx, "mira", []byte("no PEM"), false)
	refused(t, err, v1.BadCSR)

	got, err := c.Operator(ctx, "mira")
	must(t, err)
	if len(got.Certificates) != 1 || got.Certificates[0] != cred.Certificate.Serial {
		t.Errorf("operator %+v", got)
	}
	dry, err := c.RemoveOperator(ctx, "mira", client.Expect{DryRun: true})
	must(t, err)
	if len(dry.Changed) != 1 || dry.Changed[0].Status != v1.StatusRevoked || !dry.DryRun {
		t.Errorf("dry run %+v", dry)
	}
	if _, err := mira.Whoami(ctx); err != nil {
		t.Errorf("after a dry run: %v", err)
	}
	gone, err := c.RemoveOperator(ctx, "mira", client.Expect{Revision: got.Revision})
	must(t, err)
	if len(gone.Changed) != 1 || gone.Changed[0].Reason != "privilegeWithdrawn" || gone.Feed == 0 {
		t.Errorf("removed %+v", gone)
	}
	_, err = mira.Whoami(ctx)
	refused(t, err, v1.CertificateRevoked)
	_, err = c.CertifyOperator(ctx, "mira", []byte(csrPEM(t, newKey(t))), false)
	refused(t, err, v1.WrongState)
	back, err := c.Apply(ctx, document(v1.KindOperator, "mira", `{"role":"auditor"}`), client.Expect{New: true})
	must(t, err)
	if back.Result != v1.Created {
		t.Errorf("back again %+v", back)
	}
	if all := collect(t, c.Operators(ctx)); len(all) != 2 {
		t.Errorf("list %+v", all)
	}
}

func TestLastAdmin(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, dryRun := range []bool{true, false} {
		_, err := w.root.RemoveOperator(ctx, "root", client.Expect{DryRun: dryRun})
		refused(t, err, v1.WrongState)
		_, err = w.root.Apply(ctx, document(v1.KindOperator, "root", `{"role":"auditor"}`), client.Expect{DryRun: dryRun})
		refused(t, err, v1.WrongState)
	}
}

func TestOperatorFaults(t *testing.T) {
	w := newWorld(t)
	rows := []struct{ name, spec string }{
		{"x", `{"role":"emperor"}`},
		{"x", `{"role":"factory"}`},
		{"x", `{"role":"admin","colour":1}`},
		{"x", `{"role":"admin","role":"auditor"}`},
		{"x", `{"role":"admin","sites":[""]}`},
		{"x", `{"role":"admin","sites":["a\u001b[31m"]}`},
		{"x", `{"role":"admin","products":["Not A Name"]}`},
		{"x", `"admin"`},
		{"X", `{"role":"admin"}`},
	}
	for _, row := range rows {
		_, err := w.root.Apply(t.Context(), document(v1.KindOperator, row.name, row.spec), client.Expect{})
		if r := refused(t, err, v1.BadDocument); len(r.Faults) == 0 {
			t.Errorf("%s: no faults", row.spec)
		}
	}
}

// TestThreat45NobodyGivesMoreThanTheyHave: an admin bound to a product makes no
// unbound one, by grant or by certificate.
func TestThreat45NobodyGivesMoreThanTheyHave(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	bound := w.client(w.operator("bound", "admin", []string{"a"}, nil))
	_, err := bound.Apply(ctx, document(v1.KindOperator, "x", `{"role":"auditor"}`), client.Expect{})
	refused(t, err, v1.ScopeDenied)
	_, err = bound.Apply(ctx, document(v1.KindOperator, "bound", `{"role":"admin"}`), client.Expect{})
	refused(t, err, v1.ScopeDenied)
	_, err = bound.CertifyOperator(ctx, "root", []byte(csrPEM(t, newKey(t))), false)
	refused(t, err, v1.ScopeDenied)
	_, err = bound.RemoveOperator(ctx, "root", client.Expect{})
	refused(t, err, v1.ScopeDenied)
	_, err = bound.Apply(ctx, document(v1.KindOperator, "x", `{"role":"auditor","products":["a"]}`), client.Expect{})
	must(t, err)
	_, err = bound.Apply(ctx, document(v1.KindProduct, "b", `{}`), client.Expect{})
	refused(t, err, v1.ScopeDenied)
	_, err = bound.Apply(ctx, document(v1.KindProduct, "a", `{}`), client.Expect{})
	must(t, err)
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	made, err := c.CreateToken(ctx, v1.TokenRequest{Product: "sensor", TTL: "2h", Uses: 3})
	must(t, err)
	if !strings.HasPrefix(made.Token, "assay_") || len(made.ID) != 16 || made.Uses != 3 || made.State != v1.TokenUsable ||
		made.ExpiresAt.Sub(made.CreatedAt).Hours() != 2 {
		t.Errorf("token %+v", made)
	}
	one, err := c.CreateToken(ctx, v1.TokenRequest{Product: "sensor", Serial: "SN-1"})
	must(t, err)
	all := collect(t, c.Tokens(ctx))
	if len(all) != 2 {
		t.Fatalf("%d tokens, want 2", len(all))
	}
	for _, listed := range all {
		if listed.Token != "" {
			t.Error("the list tells a secret")
		}
	}
	// A dry run says the same and leaves nothing behind.
	planned, err := c.CreateToken(ctx, v1.TokenRequest{Product: "sensor", TTL: "2h", Uses: 3, DryRun: true})
	must(t, err)
	if !planned.DryRun || planned.Token != "" || planned.ID != "" || planned.Uses != 3 || planned.State != v1.TokenUsable {
		t.Errorf("dry run %+v", planned)
	}
	would, err := c.VoidToken(ctx, one.ID, true)
	must(t, err)
	if !would.DryRun || would.State != v1.TokenVoided || would.ID != one.ID {
		t.Errorf("dry run %+v", would)
	}
	after := collect(t, c.Tokens(ctx))
	if d := cmp.Diff(all, after); d != "" {
		t.Errorf("after dry runs: -was +is\n%s", d)
	}
	gone, err := c.VoidToken(ctx, one.ID, false)
	must(t, err)
	if gone.ID != one.ID || gone.State != v1.TokenVoided {
		t.Errorf("voided %+v", gone)
	}
	_, err = c.VoidToken(ctx, one.ID, false)
	must(t, err)
	for _, id := range []string{"0000000000000000", "ffffffffffffffff", "xyz", one.ID[:14]} {
		_, err = c.VoidToken(ctx, id, false)
		refused(t, err, v1.NotFound)
	}
	_, err = c.CreateToken(ctx, v1.TokenRequest{Product: "nothing"})
	refused(t, err, v1.NotFound)
	for _, bad := range []v1.TokenRequest{
		{Product: "sensor", TTL: "forever"},
		{Product: "sensor", TTL: "0s"},
		{Product: "sensor", TTL: "31d"},
		{Product: "sensor", Uses: 100_001},
		{Product: "sensor", Serial: "SN-1", Uses: 2},
		{Product: "sensor", Serial: "no such serial!"},
		{Product: ""},
	} {
		_, err = c.CreateToken(ctx, bad)
		refused(t, err, v1.BadDocument)
	}
	w.ahead.Store(int64(3 * 3600 * 1e9))
	for _, listed := range collect(t, c.Tokens(ctx)) {
		if want := map[string]string{made.ID: v1.TokenExpired, one.ID: v1.TokenVoided}[listed.ID]; listed.State != want {
			t.Errorf("token %s is %s, want %s", listed.ID, listed.State, want)
		}
	}
}

func TestFactoryScope(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.product("a")
	w.product("b")
	w.device("a", "SN-1")
	w.device("b", "SN-2")
	everywhere := w.client(w.operator("everywhere", "factory", []string{"a"}, []string{"*"}))
	here := w.client(w.operator("here", "factory", []string{"a"}, []string{"leipzig"}))

	if all := collect(t, everywhere.Products(ctx)); len(all) != 1 || all[0].Name != "a" {
		t.Errorf("products %+v, want a alone", all)
	}
	_, err := everywhere.Product(ctx, "b")
	refused(t, err, v1.NotFound)
	if all := collect(t, everywhere.Devices(ctx, client.DeviceFilter{})); len(all) != 1 || all[0].ID != "a/SN-1" {
		t.Errorf("devices %+v", all)
	}
	if all := collect(t, here.Devices(ctx, client.DeviceFilter{})); len(all) != 0 {
		t.Errorf("a device of no known site is shown to a site: %+v", all)
	}
	if all := collect(t, everywhere.Certificates(ctx, client.CertificateFilter{})); len(all) != 1 || all[0].Device != "a/SN-1" {
		t.Errorf("certificates %+v", all)
	}
	other := collect(t, w.root.Certificates(ctx, client.CertificateFilter{Product: "b"}))
	_, err = everywhere.Certificate(ctx, other[0].Serial)
	refused(t, err, v1.NotFound)
	_, err = everywhere.Device(ctx, "b", "SN-2")
	refused(t, err, v1.NotFound)
	_, err = everywhere.Hold(ctx, "b", "SN-2", v1.Act{}, false)
	refused(t, err, v1.NotFound)
	if _, err = everywhere.Hold(ctx, "a", "SN-1", v1.Act{}, false); err != nil {
		t.Error(err)
	}
	_, err = everywhere.CreateToken(ctx, v1.TokenRequest{Product: "b"})
	refused(t, err, v1.ScopeDenied)
	_, err = everywhere.CreateToken(ctx, v1.TokenRequest{Product: "a", TTL: "25h"})
	refused(t, err, v1.ScopeDenied)
	_, err = everywhere.CreateToken(ctx, v1.TokenRequest{Product: "a", Uses: 2})
	refused(t, err, v1.ScopeDenied)
	if _, err = here.CreateToken(ctx, v1.TokenRequest{Product: "a", TTL: "24h"}); err != nil {
		t.Error(err)
	}
	theirs, err := w.root.CreateToken(ctx, v1.TokenRequest{Product: "b"})
	must(t, err)
	_, err = everywhere.VoidToken(ctx, theirs.ID, false)
	refused(t, err, v1.NotFound)
	if all := collect(t, everywhere.Tokens(ctx)); len(all) != 2 {
		t.Errorf("%d tokens of product a, want 2", len(all))
	}
}
