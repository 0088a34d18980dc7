package api_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/api/rbac"
	v1 "github.com/assay-pki/assay/api/v1"
)

// routes is every route, the one action it needs, and a body that the validator
// lets pass. Objects named are not there: an answer other than role-denied is
// proof enough that the role was let in.
var routes = map[string]struct {
	action rbac.Action
	body   string
}{
	"GET /v1/whoami":                                    {action: "whoami"},
	"GET /v1/version":                                   {action: "whoami"},
	"GET /v1/openapi.json":                              {action: "whoami"},
	"GET /v1/doctor":                                    {action: "doctor.read"},
	"GET /v1/authority":                                 {action: "ca.read"},
	"GET /v1/issuers":                                   {action: "ca.read"},
	"GET /v1/issuers/{name}":                            {action: "ca.read"},
	"GET /v1/crls":                                      {action: "crl.read"},
	"POST /v1/crls/publish":                             {action: "crl.publish"},
	"GET /v1/products":                                  {action: "product.read"},
	"GET /v1/products/{name}":                           {action: "product.read"},
	"PUT /v1/products/{name}":                           {"product.write", `{"apiVersion":"assay/v1","kind":"Product","name":"x","spec":{}}`},
	"GET /v1/policy/{name}":                             {action: "policy.read"},
	"PUT /v1/policy/{name}":                             {"policy.write", `{"apiVersion":"assay/v1","kind":"Policy","name":"x","spec":{}}`},
	"GET /v1/operators":                                 {action: "operator.read"},
	"GET /v1/operators/{name}":                          {action: "operator.read"},
	"PUT /v1/operators/{name}":                          {"operator.add", `{"apiVersion":"assay/v1","kind":"Operator","name":"x","spec":{}}`},
	"DELETE /v1/operators/{name}":                       {action: "operator.remove"},
	"POST /v1/operators/{name}/certificate":             {"operator.add", `{"csr":"x"}`},
	"GET /v1/tokens":                                    {action: "token.read"},
	"POST /v1/tokens":                                   {"token.create", `{"product":"x"}`},
	"DELETE /v1/tokens/{id}":                            {action: "token.void"},
	"GET /v1/devices":                                   {action: "device.read"},
	"GET /v1/devices/{product}/{serial}":                {action: "device.read"},
	"POST /v1/devices/{product}/{serial}/hold":          {action: "device.hold"},
	"POST /v1/devices/{product}/{serial}/release":       {action: "device.release"},
	"POST /v1/devices/{product}/{serial}/decommission":  {action: "device.decommission"},
	"GET /v1/devices/{product}/{serial}/timeline":       {action: "device.read"},
	"POST /v1/devices/{product}/{serial}/rework":        {action: "device.rework"},
	"POST /v1/devices/{product}/{serial}/scrap":         {action: "device.scrap"},
	"GET /v1/firmware":                                  {action: "firmware.read"},
	"GET /v1/firmware/{product}/{version}":              {action: "firmware.read"},
	"PUT /v1/firmware/{product}/{version}":              {"firmware.add", `{"apiVersion":"assay/v1","kind":"Firmware","name":"x/1","spec":{}}`},
	"POST /v1/firmware/{product}/{version}/approve":     {"firmware.approve", `{}`},
	"POST /v1/firmware/{product}/{version}/deprecate":   {action: "firmware.deprecate"},
	"POST /v1/firmware/{product}/{version}/recall":      {"firmware.recall", `{"grace":"14d"}`},
	"POST /v1/firmware/{product}/{version}/undo-recall": {action: "firmware.recall"},
	"GET /v1/batches":                                   {action: "batch.read"},
	"GET /v1/batches/{name}":                            {action: "batch.read"},
	"PUT /v1/batches/{name}":                            {"batch.create", `{"apiVersion":"assay/v1","kind":"Batch","name":"x","spec":{}}`},
	"POST /v1/batches/{name}/pause":                     {action: "batch.pause"},
	"POST /v1/batches/{name}/resume":                    {action: "batch.resume"},
	"POST /v1/batches/{name}/close":                     {action: "batch.close"},
	"POST /v1/batches/{name}/nonce":                     {action: "batch.nonce"},
	"GET /v1/stations":                                  {action: "station.read"},
	"GET /v1/stations/{name}":                           {action: "station.read"},
	"PUT /v1/stations/{name}":                           {"station.create", `{"apiVersion":"assay/v1","kind":"Station","name":"x","spec":{}}`},
	"POST /v1/stations/{name}/certificate":              {"station.create", `{"csr":"x"}`},
	"POST /v1/stations/{name}/revoke":                   {"station.revoke", `{"reason":"superseded"}`},
	"GET /v1/incidents":                                 {action: "incident.read"},
	"GET /v1/incidents/{id}":                            {action: "incident.read"},
	"POST /v1/incidents/{id}/close":                     {action: "incident.close"},
	"POST /v1/revocations":                              {"revoke", `{"device":"x/y","reason":"superseded"}`},
	"GET /v1/certificates":                              {action: "cert.read"},
	"GET /v1/certificates/{serial}":                     {action: "cert.read"},
	"GET /v1/audit/events":                              {action: "audit.read"},
	"GET /v1/audit/leaves":                              {action: "audit.export"},
	"GET /v1/audit/checkpoint":                          {action: "audit.read"},
}

// described reads the routes and actions of the description.
func described(t testing.TB, w *world) map[string]string {
	t.Helper()
	b, err := w.root.OpenAPI(t.Context())
	must(t, err)
	var d struct {
		Paths map[string]map[string]struct {
			Action string `json:"x-assay-action"`
		}
	}
	must(t, json.Unmarshal(b, &d))
	got := map[string]string{}
	for path, methods := range d.Paths {
		for method, op := range methods {
			got[strings.ToUpper(method)+" "+path] = op.Action
		}
	}
	return got
}

// TestThreat45EveryRouteEveryRole drives every route with every role.
func TestThreat45EveryRouteEveryRole(t *testing.T) {
	w := newWorld(t)
	want := map[string]string{}
	for route, r := range routes {
		want[route] = string(r.action)
	}
	if diff := cmp.Diff(want, described(t, w)); diff != "" {
		t.Fatalf("routes and actions (-want +described):\n%s", diff)
	}
	// What the table of docs/ROLES.md says, written down once more by hand for
	// the roles that must not: a change of the table alone does not pass.
	denied := map[rbac.Role][]string{
		rbac.Security: {
			"product.write", "operator.add", "operator.remove", "token.create",
			"batch.create", "batch.resume", "batch.close", "batch.nonce", "station.create", "device.rework", "device.scrap",
		},
		rbac.Factory: {
			"doctor.read", "crl.publish", "product.write", "policy.read", "policy.write", "operator.read", "operator.add",
			"operator.remove", "device.release", "device.decommission", "revoke", "audit.read", "audit.export",
			"firmware.add", "firmware.approve", "firmware.deprecate", "firmware.recall", "incident.read", "incident.close",
		},
		rbac.Auditor: {
			"crl.publish", "product.write", "policy.write", "operator.add", "operator.remove", "token.create", "token.void",
			"device.hold", "device.release", "device.decommission", "revoke",
			"firmware.add", "firmware.approve", "firmware.deprecate", "firmware.recall", "incident.close",
			"batch.create", "batch.pause", "batch.resume", "batch.close", "batch.nonce",
			"station.create", "station.revoke", "device.rework", "device.scrap",
		},
	}
	for _, role := range rbac.Roles() {
		who := w.raw(w.operator("a-"+string(role), string(role), nil, []string{"*"}))
		for _, route := range slices.Sorted(maps.Keys(routes)) {
			t.Run(string(role)+" "+route, func(t *testing.T) {
				method, path, _ := strings.Cut(route, " ")
				path = strings.NewReplacer("{name}", "x", "{id}", "00", "{product}", "x", "{serial}", "00", "{version}", "1").Replace(path)
				a := who.with(t).do(method, path, routes[route].body)
				wantDenied := slices.Contains(denied[role], string(routes[route].action))
				if wantDenied {
					if p := a.problem(t); p.Reason != v1.RoleDenied || a.status != 403 {
						t.Errorf("status %d, reason %s; want role-denied", a.status, p.Reason)
					}
					return
				}
				if a.status == 401 || a.status == 403 || a.status >= 500 {
					t.Errorf("status %d %s; the role has the right", a.status, a.body)
				}
			})
		}
	}
}
