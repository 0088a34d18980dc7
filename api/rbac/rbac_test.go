package rbac

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTableEqualsDocument compares the table with docs/ROLES.md, cell by cell.
func TestTableEqualsDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/ROLES.md")
	if err != nil {
		t.Fatal(err)
	}
	cells := map[Right]string{None: "-", InScope: "s", Full: "yes", FourEyes: "4"}
	scopes := map[Scope]string{Anywhere: "nothing", OfProduct: "product", OfSite: "site"}
	want := map[string]string{}
	line := regexp.MustCompile("^\\| `([a-z.-]+)` \\| (.*) \\|$")
	for l := range strings.Lines(string(text)) {
		if m := line.FindStringSubmatch(strings.TrimSpace(l)); m != nil {
			want[m[1]] = m[2]
		}
	}
	got := map[string]string{}
	for action, row := range table {
		got[string(action)] = strings.Join([]string{
			cells[row.admin], cells[row.security], cells[row.factory], cells[row.auditor], scopes[row.scope],
		}, " | ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/ROLES.md (-) and the table (+) differ:\n%s", diff)
	}
}

func TestAllow(t *testing.T) {
	bound := Grant{Role: Factory, Products: []string{"a"}, Sites: []string{"leipzig"}}
	everywhere := Grant{Role: Factory, Sites: []string{Everything}}
	siteless := Grant{Role: Factory}
	admin := Grant{Role: Admin}
	adminOfA := Grant{Role: Admin, Products: []string{"a"}}
	rows := []struct {
		name          string
		grant         Grant
		action        Action
		product, site string
		want          Decision
	}{
		{"admin everywhere", admin, DeviceRead, "b", "", Allowed},
		{"admin bound to a product, inside", adminOfA, DeviceRead, "a", "", Allowed},
		{"admin bound to a product, outside", adminOfA, DeviceRead, "b", "", Invisible},
		{"admin bound to a product, unscoped act", adminOfA, CRLPublish, "", "", Allowed},
		{"admin bound to a product makes another", adminOfA, ProductWrite, "b", "", ScopeDenied},
		{"admin bound to a product, no product", adminOfA, CertRead, "", "", Invisible},
		{"factory inside", bound, DeviceHold, "a", "leipzig", Allowed},
		{"factory other product", bound, DeviceHold, "b", "leipzig", Invisible},
		{"factory other site", bound, DeviceHold, "a", "dresden", Invisible},
		{"factory unknown site", bound, DeviceHold, "a", "", Invisible},
		{"factory everywhere, unknown site", everywhere, DeviceHold, "a", "", Allowed},
		{"factory without a site", siteless, DeviceHold, "a", "leipzig", Invisible},
		{"factory reads a product by product alone", bound, ProductRead, "a", "", Allowed},
		{"factory token inside", bound, TokenCreate, "a", "", Allowed},
		{"factory token outside", bound, TokenCreate, "b", "", ScopeDenied},
		{"factory batch at another site", bound, BatchCreate, "a", "dresden", ScopeDenied},
		{"factory revokes", bound, Revoke, "a", "leipzig", RoleDenied},
		{"auditor writes", Grant{Role: Auditor}, ProductWrite, "a", "", RoleDenied},
		{"auditor and raw evidence", Grant{Role: Auditor}, EvidenceRead, "a", "", RoleDenied},
		{"unknown role", Grant{Role: "root"}, Whoami, "", "", RoleDenied},
		{"no role", Grant{}, Whoami, "", "", RoleDenied},
		{"unknown action", admin, "everything", "", "", RoleDenied},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := Allow(row.grant, row.action, row.product, row.site); got != row.want {
				t.Errorf("Allow(%+v, %s, %q, %q) = %d, want %d", row.grant, row.action, row.product, row.site, got, row.want)
			}
		})
	}
}

func TestUnbound(t *testing.T) {
	rows := []struct {
		grant Grant
		want  bool
	}{
		{Grant{Role: Admin}, true},
		{Grant{Role: Admin, Products: []string{"a"}}, false},
		{Grant{Role: Auditor, Sites: []string{"x"}}, false},
		{Grant{Role: Factory}, false},
		{Grant{Role: Factory, Sites: []string{Everything}}, true},
		{Grant{Role: Factory, Sites: []string{Everything}, Products: []string{"a"}}, false},
	}
	for _, row := range rows {
		if got := row.grant.Unbound(); got != row.want {
			t.Errorf("%+v Unbound = %v, want %v", row.grant, got, row.want)
		}
	}
}

func TestActionsOf(t *testing.T) {
	if len(ActionsOf("nobody")) != 0 {
		t.Error("an unknown role has actions")
	}
	if len(ActionsOf(Admin)) != len(Actions()) {
		t.Error("an admin lacks an action")
	}
}

func TestCovers(t *testing.T) {
	all, a, ab := Grant{Role: Admin}, Grant{Role: Admin, Products: []string{"a"}}, Grant{Role: Admin, Products: []string{"a", "b"}}
	star := Grant{Role: Admin, Products: []string{Everything}}
	site := Grant{Role: Admin, Sites: []string{"x"}}
	rows := []struct {
		mine, theirs Grant
		want         bool
	}{
		{all, ab, true},
		{all, site, true},
		{star, all, true},
		{ab, a, true},
		{a, ab, false},
		{a, all, false},
		{a, star, false},
		{site, all, false},
		{site, a, false},
		{site, site, true},
	}
	for _, row := range rows {
		if got := row.mine.Covers(row.theirs); got != row.want {
			t.Errorf("%+v covers %+v = %v, want %v", row.mine, row.theirs, got, row.want)
		}
	}
}
