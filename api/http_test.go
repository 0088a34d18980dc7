package api_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

func decode(t testing.TB, a answer, v any) {
	t.Helper()
	if a.status > 299 {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	must(t, json.Unmarshal(a.body, v))
}

// collectErr reads a list that must end in a refusal.
func collectErr[T any](seq func(func(T, error) bool), want v1.Reason, t testing.TB) []T {
	t.Helper()
	var all []T
	for item, err := range seq {
		if err != nil {
			refused(t, err, want)
			return all
		}
		all = append(all, item)
	}
	t.Errorf("the list ended well, want %s", want)
	return all
}

// TestProblems: every refusal is a problem document, those of the router and the
// validator included.
func TestProblems(t *testing.T) {
	w := newWorld(t)
	w.product("sensor")
	root, nobody := w.raw(w.operator("r2", "admin", nil, nil)), w.raw(tls.Certificate{})
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	put := func(spec string) string {
		return `{"apiVersion":"assay/v1","kind":"Product","name":"sensor","spec":` + spec + `}`
	}
	rows := []struct {
		name         string
		who          raw
		method, path string
		body         string
		header       []string
		want         v1.Reason
	}{
		{"unknown path", root, "GET", "/v1/nothing", "", nil, v1.NotFound},
		{"unknown path, nobody", nobody, "GET", "/v1/nothing", "", nil, v1.NotFound},
		{"the root", root, "GET", "/", "", nil, v1.NotFound},
		{"pprof", root, "GET", "/debug/pprof/", "", nil, v1.NotFound},
		{"metrics", root, "GET", "/metrics", "", nil, v1.NotFound},
		{"method", root, "PATCH", "/v1/products/sensor", "", nil, v1.MethodNotAllowed},
		{"method of a list", root, "DELETE", "/v1/products", "", nil, v1.MethodNotAllowed},
		{"nobody", nobody, "GET", "/v1/products", "", nil, v1.CredentialMissing},
		{"nobody, large", nobody, "POST", "/v1/tokens", strings.Repeat(" ", 1<<20+1), nil, v1.TooLarge},
		{"large", root, "PUT", "/v1/products/sensor", put(`"` + strings.Repeat("a", 1<<20) + `"`), nil, v1.TooLarge},
		{"media type", root, "PUT", "/v1/products/sensor", put(`{}`), []string{"Content-Type", "text/plain"}, v1.MediaType},
		{"no media type", root, "POST", "/v1/tokens", `{}`, []string{"Content-Type", ""}, v1.MediaType},
		{"a form", root, "POST", "/v1/revocations", "a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}, v1.MediaType},
		{"not JSON", root, "POST", "/v1/tokens", `{"product":`, nil, v1.BadDocument},
		{"two values", root, "POST", "/v1/tokens", `{"product":"sensor"} {}`, nil, v1.BadDocument},
		{"null", root, "POST", "/v1/tokens", `null`, nil, v1.BadDocument},
		{"no body", root, "POST", "/v1/tokens", ``, nil, v1.BadDocument},
		{"not UTF-8", root, "POST", "/v1/tokens", "{\"product\":\"\xff\"}", nil, v1.BadDocument},
		{"too deep", root, "PUT", "/v1/products/sensor", put(deep), nil, v1.BadDocument},
		{"unknown field", root, "POST", "/v1/tokens", `{"product":"sensor","colour":"red"}`, nil, v1.BadDocument},
		{"doubled field", root, "POST", "/v1/tokens", `{"product":"sensor","product":"b"}`, nil, v1.BadDocument},
		{"doubled by case", root, "POST", "/v1/tokens", `{"product":"sensor","Product":"b"}`, nil, v1.BadDocument},
		{"doubled in the spec", root, "PUT", "/v1/products/sensor", put(`{"roles":[],"roles":[]}`), nil, v1.BadDocument},
		{"wrong type", root, "POST", "/v1/tokens", `{"product":"sensor","uses":"many"}`, nil, v1.BadDocument},
		{"negative", root, "POST", "/v1/tokens", `{"product":"sensor","uses":-1}`, nil, v1.BadDocument},
		{"huge number", root, "POST", "/v1/tokens", `{"product":"sensor","uses":1e300}`, nil, v1.BadDocument},
		{"fraction", root, "POST", "/v1/tokens", `{"product":"sensor","uses":1.5}`, nil, v1.BadDocument},
		{"limit 0", root, "GET", "/v1/products?limit=0", "", nil, v1.BadQuery},
		{"limit 1001", root, "GET", "/v1/products?limit=1001", "", nil, v1.BadQuery},
		{"limit no number", root, "GET", "/v1/products?limit=ten", "", nil, v1.BadQuery},
		{"unknown parameter", root, "GET", "/v1/products?colour=red", "", nil, v1.BadQuery},
		{"bad cursor", root, "GET", "/v1/products?cursor=%21%21", "", nil, v1.BadQuery},
		{"cursor of another list", root, "GET", "/v1/tokens?cursor=ImFiYyI", "", nil, v1.BadQuery},
		{"bad status", root, "GET", "/v1/certificates?status=fine", "", nil, v1.BadQuery},
		{"bad device", root, "GET", "/v1/certificates?device=x", "", nil, v1.BadQuery},
		{"weak ETag", root, "PUT", "/v1/products/sensor", put(`{}`), []string{"If-Match", `W/"1"`}, v1.BadQuery},
		{"If-None-Match with a tag", root, "PUT", "/v1/products/sensor", put(`{}`), []string{"If-None-Match", `"1"`}, v1.BadQuery},
		{"If-Match on nothing", root, "PUT", "/v1/products/other", strings.Replace(put(`{}`), "sensor", "other", 1), []string{"If-Match", `*`}, v1.NotFound},
		{"another origin", root, "POST", "/v1/crls/publish", "", []string{"Origin", "https://evil.example"}, v1.NotAuthorized},
		{"cross-site", root, "POST", "/v1/crls/publish", "", []string{"Sec-Fetch-Site", "cross-site"}, v1.NotAuthorized},
		{"long key", root, "POST", "/v1/crls/publish", "", []string{"Idempotency-Key", strings.Repeat("k", 129)}, v1.BadQuery},
		{"serial that is a path", root, "GET", "/v1/certificates/a%2Fb", "", nil, v1.NotFound},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			a := row.who.with(t).do(row.method, row.path, row.body, row.header...)
			p := a.problem(t)
			about := row.want.About()
			if p.Reason != row.want || a.status != about.Status || p.Status != a.status ||
				p.Type != "urn:assay:reason:"+string(row.want) || p.Title != about.Title || p.Next == "" {
				t.Errorf("status %d, problem %+v, want reason %s", a.status, p, row.want)
			}
			if p.Reason == v1.BadDocument && p.Detail == "" {
				t.Errorf("no detail: %s", a.body)
			}
			if len(a.body) > 4096 {
				t.Errorf("a problem of %d octets", len(a.body))
			}
		})
	}
	if a := root.do(http.MethodPatch, "/v1/products/sensor", ""); a.header.Get("Allow") != "GET, PUT" {
		t.Errorf("Allow %q, want GET, PUT", a.header.Get("Allow"))
	}
	// By HTTP/1.1: an HTTP/2 client keeps to the limit that the server tells.
	old := w.raw(w.operator("r5", "admin", nil, nil))
	transport := old.http.Transport.(*http.Transport)
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	if a := old.do(http.MethodGet, "/v1/whoami", "", "X-Large", strings.Repeat("a", 64<<10)); a.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a large header: %d", a.status)
	}
	if got := w.log.String(); strings.Contains(got, "panic") {
		t.Errorf("the log tells of a panic: %s", got)
	}
}

// TestThreat42ControlCharacters: what comes from outside reaches the log and answers without
// control characters.
func TestThreat42ControlCharacters(t *testing.T) {
	w := newWorld(t)
	root := w.raw(w.operator("r2", "admin", nil, nil))
	for _, path := range []string{"/v1/products/a%0a%1b%5b31m", "/v1/%e2%80%ae", "/v1/issuers/%00"} {
		a := root.do(http.MethodGet, path, "")
		if a.status != 404 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		if bytes.ContainsAny(a.body, "\x00\x1b\r") || bytes.Contains(a.body, []byte("\u202e")) {
			t.Errorf("%s: the answer repeats control characters: %q", path, a.body)
		}
	}
	log := w.log.String()
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			t.Errorf("log line %q", line)
		}
	}
	if strings.ContainsAny(log, "\x1b\x00") || strings.Contains(log, "\u202e") || strings.Contains(log, `\u001b`) {
		t.Error("control characters in the log")
	}
}

func TestIdempotency(t *testing.T) {
	w := newWorld(t)
	w.product("sensor")
	root, other := w.raw(w.operator("r2", "admin", nil, nil)), w.raw(w.operator("r3", "admin", nil, nil))
	post := func(r raw, body string) answer {
		return r.do(http.MethodPost, "/v1/tokens", body, "Idempotency-Key", "one")
	}
	const ask = `{"product":"sensor"}`
	// Twenty at once make one token.
	answers := make([]answer, 20)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = post(root, ask) })
	}
	all.Wait()
	replayed := 0
	for _, a := range answers {
		if a.status != http.StatusCreated || string(a.body) != string(answers[0].body) {
			t.Fatalf("answer %d %s, want as %s", a.status, a.body, answers[0].body)
		}
		if a.header.Get("Idempotency-Replayed") == "true" {
			replayed++
		}
	}
	if n := len(w.events(store.TokenCreated)); n != 1 || replayed != 19 {
		t.Errorf("%d tokens created, %d replayed; want 1 and 19", n, replayed)
	}
	if a := post(root, `{"product":"sensor","ttl":"2h"}`); a.problem(t).Reason != v1.IdempotencyMismatch {
		t.Errorf("another body: %s", a.body)
	}
	if a := root.do(http.MethodPost, "/v1/crls/publish", "", "Idempotency-Key", "one"); a.problem(t).Reason != v1.IdempotencyMismatch {
		t.Errorf("another path: %s", a.body)
	}
	if a := post(other, ask); a.status != http.StatusCreated || string(a.body) == string(answers[0].body) {
		t.Errorf("another operator got %d %s", a.status, a.body)
	}
	w.ahead.Store(int64(25 * 3600 * 1e9))
	if a := post(root, ask); a.status != http.StatusCreated || string(a.body) == string(answers[0].body) {
		t.Errorf("a day later: %d", a.status)
	}
}

// FuzzBodies: whatever is sent, an answer comes that is not a 5xx.
func FuzzBodies(f *testing.F) {
	w := newWorld(f)
	w.product("sensor")
	root := w.raw(w.operator("r2", "admin", nil, nil))
	targets := [][2]string{
		{http.MethodPost, "/v1/tokens"},
		{http.MethodPost, "/v1/revocations"},
		{http.MethodPut, "/v1/products/sensor"},
		{http.MethodPut, "/v1/policy/default"},
		{http.MethodPut, "/v1/operators/mira"},
		{http.MethodPost, "/v1/operators/root/certificate"},
		{http.MethodPost, "/v1/devices/sensor/SN-1/hold?dry_run=true"},
	}
	for i := range targets {
		f.Add(uint8(i), []byte(`{}`))
		f.Add(uint8(i), []byte(`{"apiVersion":"assay/v1","kind":"Product","name":"sensor","spec":{"roles":["a",{"b":[null]}]}}`))
		f.Add(uint8(i), []byte(`{"product":"sensor","serial":"\u0000","ttl":"1h","uses":1e99,"csr":"-----BEGIN","reason":"superseded","device":"a/b"}`))
		f.Add(uint8(i), []byte("\xff\x00[[[["))
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		target := targets[int(which)%len(targets)]
		a := root.with(t).do(target[0], target[1], string(body))
		if a.status >= 500 {
			t.Errorf("%s %s %q: %d %s", target[0], target[1], body, a.status, a.body)
		}
		if a.status >= 400 {
			a.problem(t)
		}
	})
}

// FuzzQuery: cursors and filters of any kind.
func FuzzQuery(f *testing.F) {
	w := newWorld(f)
	w.product("sensor")
	root := w.raw(w.operator("r2", "admin", nil, nil))
	paths := []string{"products", "tokens", "devices", "certificates", "operators", "issuers", "crls", "audit/events", "audit/leaves"}
	for i := range paths {
		for _, q := range []string{"limit=1&cursor=IjAi", "cursor=LTE", "cursor=eyJJc3N1ZXIiOjF9", "after=18446744073709551615", "cursor=MTg0NDY3NDQwNzM3MDk1NTE2MTU", "device=%2f&issuer=root"} {
			f.Add(uint8(i), q)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, query string) {
		if strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }) {
			return
		}
		path := fmt.Sprintf("/v1/%s?%s", paths[int(which)%len(paths)], query)
		if _, err := http.NewRequest(http.MethodGet, "https://h"+path, nil); err != nil {
			return
		}
		a := root.with(t).do(http.MethodGet, path, "")
		if a.status >= 500 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	})
}

// What is not there, or is there already, is told by its name; a foreign thing
// in the very same words.
func TestProblemNamesTheThing(t *testing.T) {
	w := newWorld(t)
	w.product("sensor")
	root := w.raw(w.operator("r2", "admin", nil, nil))
	bound := w.raw(w.operator("mira", "factory", []string{"toy"}, []string{"leipzig"}))
	rows := []struct {
		who          raw
		method, path string
		header       []string
		want, next   string
	}{
		{root, "GET", "/v1/products/toy", nil, "there is no product toy here", "list what there is: assay product list"},
		{root, "GET", "/v1/firmware/sensor/9", nil, "there is no firmware release sensor/9 here", "list what there is: assay firmware list"},
		{root, "POST", "/v1/batches/w47/pause", nil, "there is no batch w47 here", "list what there is: assay batch list"},
		{root, "GET", "/v1/devices/sensor/SN-1/timeline", nil, "there is no device sensor/SN-1 here", "list what there is: assay device list"},
		{root, "GET", "/v1/incidents/7", nil, "there is no incident 7 here", "list what there is: assay incident list"},
		{bound, "GET", "/v1/products/sensor", nil, "there is no product sensor here", "list what there is: assay product list"},
		{root, "PUT", "/v1/products/sensor", []string{"If-None-Match", "*"}, "product sensor exists already", ""},
	}
	for _, row := range rows {
		t.Run(row.method+" "+row.path, func(t *testing.T) {
			body := ""
			if row.method == "PUT" {
				body = `{"apiVersion":"assay/v1","kind":"Product","name":"sensor","spec":{}}`
			}
			p := row.who.do(row.method, row.path, body, row.header...).problem(t)
			if p.Detail != row.want || (row.next != "" && p.Next != row.next) {
				t.Errorf("got %q, next %q; want %q, next %q", p.Detail, p.Next, row.want, row.next)
			}
		})
	}
}
