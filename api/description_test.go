package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca"
	"github.com/assay-pki/assay/store"
)

// bare is an API without rooms behind it.
func bare() *API {
	return &API{
		log: slog.New(slog.NewTextHandler(io.Discard, nil)), now: time.Now,
		kept: newKept(time.Now), denied: newDenied(), inFlight: make(chan struct{}, 1), large: make(chan struct{}, 1),
	}
}

// TestEveryRouteIsDescribed walks the router itself.
func TestEveryRouteIsDescribed(t *testing.T) {
	a, mux := bare(), chi.NewRouter()
	if err := a.routes(mux); err != nil {
		t.Fatal(err)
	}
	var d struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(a.openapi, &d); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Errorf("openapi %q", d.OpenAPI)
	}
	n := 0
	err := chi.Walk(mux, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		n++
		if d.Paths[route][strings.ToLower(method)] == nil {
			t.Errorf("%s %s is served and not described", method, route)
		}
		return nil
	})
	if err != nil || n < 55 {
		t.Errorf("walked %d routes: %v", n, err)
	}
}

func TestARouteWithoutAnActionIsRefused(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	bare().guard(&huma.Operation{Method: "GET", Path: "/v1/x"}, nil)
}

func TestPanicIsA500(t *testing.T) {
	a := bare()
	w := httptest.NewRecorder()
	a.outermost(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret") })).
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/whoami", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), "internal") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestOverload: one more than fits is turned away, and told when to come again.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := bare()
		release := make(chan struct{})
		h := a.outermost(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		}()
		synctest.Wait()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
		close(release)
		<-done
		w = httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != 200 {
			t.Errorf("after it: %d", w.Code)
		}
	})
}

// TestOneLargeBodyAtATime: each is in memory several times.
func TestOneLargeBodyAtATime(t *testing.T) {
	a := bare()
	done, err := a.takeLarge(httptest.NewRecorder())
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.takeLarge(httptest.NewRecorder())
	if r := refusalOf(err); r.Reason != v1.Overloaded {
		t.Errorf("a second one: %v", err)
	}
	done()
	if _, err = a.takeLarge(httptest.NewRecorder()); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// FuzzSpecs: whatever a document of a batch, a station or a release holds, it is
// told back as it was understood.
func FuzzSpecs(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"product":"sensor","site":"leipzig","quota":3}`, `{"product":"sensor","manifest":"m.csv","manifest_data":"serial\nSN-1\n"}`,
		`{"site":"leipzig","line":"l3","products":["b","a","a"],"quota":20000,"rate":"1200/h","from_ip":["10.20.3.0/16","fe80::1"],"until":"2027-11-16T00:00:00.5Z"}`,
		`{"state":"approved","components":[{"component":"firmware","svn":7,"digests":["sha256:9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"]}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := parseStation("x", data); err == nil {
			again, err := json.Marshal(stationSpec(&s))
			if err != nil {
				t.Fatal(err)
			}
			if twice, err := parseStation("x", again); err != nil || !sameStation(&s, &twice) {
				t.Errorf("station %+v, read again %+v: %v", s, twice, err)
			}
		}
		if s, err := parseBatch("x", data); err == nil && (s.Quota > 0) == (s.Manifest+s.ManifestData != "") {
			t.Errorf("batch %+v has both bounds or none", s)
		}
		if r, err := declaredRelease("p/1", data); err == nil {
			canonical, err := r.CanonicalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := declaredRelease("p/1", canonical); err != nil {
				t.Errorf("release %s is not read again: %v", canonical, err)
			}
		}
	})
}

// TestAppraisalDetailsAreWithheld from whoever has no appraisal.read.
func TestAppraisalDetailsAreWithheld(t *testing.T) {
	facts := map[string]string{"why": "w", "component": "firmware", "expected": "a", "got": "b", "nearest": "c", "comment": "kept"}
	for details, want := range map[bool]int{true: len(facts), false: 1} {
		got := tellEvents([]store.Event{{Seq: 2}, {Seq: 1, Detail: facts}}, nil, details)
		if len(got) != 2 || got[0].Seq != 1 || len(got[0].Detail) != want || got[0].Detail["comment"] != "kept" {
			t.Errorf("details %v: %+v", details, got)
		}
	}
}

// TestKept: keys are bounded by number, bytes and age.
func TestKept(t *testing.T) {
	now := time.Unix(0, 0)
	k := newKept(func() time.Time { return now })
	keep := func(key string, size int, ok bool) {
		a, first := k.begin(keptKey{"o", key}, [32]byte{})
		if !first {
			t.Fatalf("key %s is known", key)
		}
		a.body, a.status = make([]byte, size), 200
		k.finish(a, ok)
	}
	known := func(key string) bool {
		_, ok := k.byKey[keptKey{"o", key}]
		return ok
	}
	keep("failed", 10, false)
	if known("failed") || k.size != 0 {
		t.Errorf("a failed one is kept; size %d", k.size)
	}
	keep("big", maxKept-10, true)
	keep("small", 20, true)
	if known("big") || !known("small") || k.size != 20 {
		t.Errorf("over the bytes: big %v, small %v, size %d", known("big"), known("small"), k.size)
	}
	for i := range maxKeys {
		keep(strings.Repeat("x", 1+i%7)+time.Duration(i).String(), 0, true)
	}
	if known("small") || k.order.Len() != maxKeys || k.size != 0 {
		t.Errorf("over the number: small %v, %d keys, size %d", known("small"), k.order.Len(), k.size)
	}
	now = now.Add(keepKeys)
	keep("late", 1, true)
	if k.order.Len() != 1 || k.size != 1 {
		t.Errorf("after a day %d keys, size %d", k.order.Len(), k.size)
	}
}

func TestPrintable(t *testing.T) {
	rows := []struct{ in, want string }{
		{"plain ä", "plain ä"},
		{"a\r\nb\x1b[0m", "a\uFFFD\uFFFDb\uFFFD[0m"},
		{"a\u202eb", "a\uFFFDb"},
		{"a\xffb", "a\uFFFDb"},
		{strings.Repeat("ä", maxText), strings.Repeat("ä", maxText/2) + "…"},
	}
	for _, row := range rows {
		if got := printable(row.in); got != row.want {
			t.Errorf("printable(%q) = %q, want %q", row.in, got, row.want)
		}
	}
}

func FuzzWellFormed(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"A":2}`, `{"a":{"b":[1,{"c":null}]}}`, `[[[[`, "\xff", `{"a":1}{`, ` `} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if wellFormed(data) != nil {
			return
		}
		var v map[string]any
		if json.Unmarshal(data, &v) != nil {
			return
		}
		// What passes means the same to a reader that keeps the first of two keys:
		// no key is there twice.
		if n := strings.Count(string(data), `"a":`); n > 1 && len(v) == 1 && v["a"] != nil {
			if _, nested := v["a"].(map[string]any); !nested {
				if _, nested = v["a"].([]any); !nested {
					if _, text := v["a"].(string); !text {
						t.Errorf("%q passed with a doubled key", data)
					}
				}
			}
		}
	})
}

func TestValidateNamesEverything(t *testing.T) {
	_, err := New(Config{})
	for _, want := range []string{"Store", "Authenticator", "CA", "Revocation", "CRL", "SignNote", "ESTURL", "Now", "Log"} {
		if err == nil || !strings.Contains(err.Error(), want+" is missing") {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}

// TestErrorsOfTheRooms: what comes wrapped from below is told by its reason.
func TestErrorsOfTheRooms(t *testing.T) {
	rows := []struct {
		err  error
		want v1.Reason
	}{
		{store.ErrNotFound, v1.NotFound},
		{store.ErrExists, v1.Exists},
		{store.ErrChanged, v1.ChangedMeanwhile},
		{store.ErrHeld, v1.DeviceHeld},
		{store.ErrDecommissioned, v1.DeviceDecommissioned},
		{store.ErrKeyBlocked, v1.KeyBlocked},
		{store.ErrKeyOfAnother, v1.KeyOfAnotherDevice},
		{store.ErrIndexExhausted, v1.IndexExhausted},
		{store.ErrConflict, v1.WrongState},
		{store.ErrQuota, v1.WrongState},
		{store.ErrUnavailable, v1.StoreUnavailable},
		{signerTrouble(ca.ErrKey), v1.WeakKey},
		{signerTrouble(errors.New("token is out")), v1.SignerUnavailable},
		{hide(store.ErrNotFound), v1.Internal},
		{errors.New("bucket is nil"), v1.Internal},
	}
	for _, row := range rows {
		if got := refusalOf(fmt.Errorf("issue: %w", row.err)); got.Reason != row.want {
			t.Errorf("%v is told as %s, want %s", row.err, got.Reason, row.want)
		}
	}
}

// TestTableTellsKnownReasons: a row of the table with an unknown code would
// answer 500.
func TestTableTellsKnownReasons(t *testing.T) {
	known := v1.Reasons()
	for _, s := range sentinels {
		if _, ok := known[s.reason]; !ok {
			t.Errorf("%v is told as %q, which is no reason", s.err, s.reason)
		}
	}
}
