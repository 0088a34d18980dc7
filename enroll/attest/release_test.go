package attest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/enroll/attest"
)

const (
	hex256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	spec   = `{"state":"approved","components":[{"component":"firmware","svn":7,"digests":["sha256:` + hex256 + `"]}],` +
		`"advisory":"https://example.com/advisories/2026-11"}`
)

func TestParseRelease(t *testing.T) {
	got, err := attest.ParseRelease("sensor-s1/1.4.2", []byte(strings.Replace(spec, hex256, strings.ToUpper(hex256), 1)))
	if err != nil {
		t.Fatal(err)
	}
	want := &attest.Release{
		Product: "sensor-s1", Version: "1.4.2", State: attest.StateApproved,
		Components: []attest.Component{{Component: "firmware", SVN: 7, Digests: []string{"sha256:" + hex256}}},
		Advisory:   "https://example.com/advisories/2026-11",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("release (-want +got):\n%s", diff)
	}
	body, err := got.CanonicalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if string(body) != spec {
		t.Errorf("canonical form:\n got %s\nwant %s", body, spec)
	}
}

func TestParseReleaseDraftByDefault(t *testing.T) {
	r, err := attest.ParseRelease("p/1", []byte(strings.Replace(spec, `"state":"approved",`, "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if r.State != attest.StateDraft {
		t.Errorf("got state %s, want draft", r.State)
	}
}

func TestParseReleaseFaults(t *testing.T) {
	component := func(s string) string { return `{"components":[` + s + `]}` }
	good := `{"component":"firmware","digests":["sha256:` + hex256 + `"]}`
	for _, c := range []struct {
		name, release, spec string
		want                []string // paths
	}{
		{"no slash in the name", "sensor-s1", spec, []string{"name"}},
		{"two slashes", "sensor-s1/1/2", spec, []string{"name"}},
		{"capital letters in the product", "Sensor/1", spec, []string{"name"}},
		{"a version that begins with a dot", "p/..", spec, []string{"name"}},
		{"a version of 65 letters", "p/" + strings.Repeat("1", 65), spec, []string{"name"}},
		{"not JSON", "p/1", `{`, []string{""}},
		{"two documents", "p/1", spec + spec, []string{""}},
		{"a list", "p/1", `[]`, []string{"", "components"}},
		{"not UTF-8", "p/1", "{\"advisory\":\"\xff\"}", []string{""}},
		{"65 KiB", "p/1", spec + strings.Repeat(" ", 65<<10), []string{""}},
		{"deep", "p/1", strings.Repeat("[", 10) + strings.Repeat("]", 10), []string{""}},
		{"nothing", "p/1", `{}`, []string{"components"}},
		{"a recall", "p/1", strings.Replace(spec, "approved", "recalled", 1), []string{"state"}},
		{"an unknown state", "p/1", strings.Replace(spec, "approved", "Approved", 1), []string{"state"}},
		{"what commands store", "p/1", `{"recalled":{},"deadline":"2026-01-01T00:00:00Z","components":[` + good + `]}`, []string{"recalled", "deadline"}},
		{"a doubled key", "p/1", `{"components":[` + good + `],"state":"draft","state":"draft"}`, []string{"state"}},
		{"null", "p/1", `{"components":[` + good + `],"state":null}`, []string{"state"}},
		{"a component twice", "p/1", component(good + "," + good), []string{"components[1].component"}},
		{"17 components", "p/1", component(strings.TrimSuffix(strings.Repeat(good+",", 17), ",")), []string{"components", "components"}},
		{"everything wrong with a component", "p/1", component(`{"component":"Firm ware","svn":-1,"digests":["md5:00","sha256:zz",5],"x":1}`), []string{
			"components[0].svn", "components[0].digests[0]", "components[0].digests[1]", "components[0].digests[2]",
			"components[0].digests[2]", "components[0].x", "components[0].component",
		}},
		{"no digest", "p/1", component(`{"component":"firmware","digests":[]}`), []string{"components[0].digests"}},
		{"a digest twice, in other letters", "p/1", component(`{"component":"firmware","digests":["sha256:` + hex256 + `","sha256:` +
			strings.ToUpper(hex256) + `"]}`), []string{"components[0].digests[1]"}},
		{"a digest of the wrong length", "p/1", component(`{"component":"firmware","digests":["sha512:` + hex256 + `"]}`), []string{"components[0].digests[0]"}},
		{
			"a svn that JSON cannot hold", "p/1", component(`{"component":"firmware","svn":9007199254740992,"digests":["sha256:` + hex256 + `"]}`),
			[]string{"components[0].svn"},
		},
		{"a svn with a fraction", "p/1", component(`{"component":"firmware","svn":1.5,"digests":["sha256:` + hex256 + `"]}`), []string{"components[0].svn"}},
		{"an advisory with an escape", "p/1", `{"components":[` + good + `],"advisory":"\u001b[2J"}`, []string{"advisory"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := attest.ParseRelease(c.release, []byte(c.spec))
			e, ok := errors.AsType[*attest.FaultsError](err)
			if !ok {
				t.Fatalf("got %v, want *FaultsError", err)
			}
			var got []string
			for _, f := range e.Faults {
				got = append(got, f.At)
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("faults of %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestFaultsAreCut(t *testing.T) {
	var b strings.Builder
	for i := range 150 {
		fmt.Fprintf(&b, `"x%d":1,`, i)
	}
	_, err := attest.ParseRelease("p/1", []byte(`{`+strings.TrimSuffix(b.String(), ",")+`}`))
	e, _ := errors.AsType[*attest.FaultsError](err)
	if text := err.Error(); !strings.HasPrefix(text, "x0: there is no such field; x1: ") || !strings.HasSuffix(text, "and 51 more") {
		t.Errorf("got %q", text)
	}
	if e == nil || len(e.Faults) != 101 || e.Faults[100].Reason != "and 51 more" {
		t.Errorf("got %v, want 100 faults and a count of 51 more", err)
	}
}

// release with one component, for the tests of states and of appraisal.
func release(version, state string, svn uint64, words ...string) *attest.Release {
	r := &attest.Release{Product: "sensor-s1", Version: version, State: state}
	component := attest.Component{Component: "firmware", SVN: svn}
	for _, word := range words {
		component.Digests = append(component.Digests, fmt.Sprintf("sha256:%x", digest(word)))
	}
	r.Components = []attest.Component{component}
	return r
}

func TestReleaseStates(t *testing.T) {
	at, later := now(), now().Add(24*time.Hour)
	approve := func(r *attest.Release) error { return r.Approve() }
	deprecate := func(r *attest.Release) error { return r.Deprecate(later) }
	recall := func(r *attest.Release) error { return r.Recall(at, time.Hour, false) }
	critical := func(r *attest.Release) error { return r.Recall(later, time.Hour, true) }
	undo := func(r *attest.Release) error { return r.UndoRecall() }
	type acts []func(*attest.Release) error
	for _, c := range []struct {
		name  string
		acts  acts
		state string
		ok    bool // of the last act
	}{
		{"a draft is approved", acts{approve}, "approved", true},
		{"a draft cannot be deprecated", acts{deprecate}, "draft", false},
		{"a draft cannot be recalled", acts{recall}, "draft", false},
		{"a draft has no recall to undo", acts{undo}, "draft", false},
		{"approved twice", acts{approve, approve}, "approved", false},
		{"approved, then deprecated", acts{approve, deprecate}, "deprecated", true},
		{"deprecated twice", acts{approve, deprecate, deprecate}, "deprecated", false},
		{"deprecated, then approved again", acts{approve, deprecate, approve}, "approved", true},
		{"approved, then recalled", acts{approve, recall}, "recalled", true},
		{"recalled twice", acts{approve, recall, recall}, "recalled", false},
		{"recalled, then critical", acts{approve, recall, critical}, "recalled", true},
		{"recalled, then approved", acts{approve, recall, approve}, "recalled", false},
		{"recalled, then deprecated", acts{approve, recall, deprecate}, "recalled", false},
		{"recall of an approved one undone", acts{approve, recall, undo}, "approved", true},
		{"recall of a deprecated one undone", acts{approve, deprecate, recall, undo}, "deprecated", true},
		{"undone twice", acts{approve, recall, undo, undo}, "approved", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := release("1.4.2", attest.StateDraft, 7, "x")
			var err error
			for i, act := range c.acts {
				if err = act(r); err != nil && i < len(c.acts)-1 {
					t.Fatal(err)
				}
			}
			if r.State != c.state || (err == nil) != c.ok {
				t.Errorf("got state %s, error %v; want %s, %t", r.State, err, c.state, c.ok)
			}
			e, isState := errors.AsType[*attest.StateError](err)
			if err != nil && (!isState || e.State != c.state || !strings.Contains(err.Error(), "sensor-s1/1.4.2 is "+c.state)) {
				t.Errorf("the error does not name release and state: %v", err)
			}
			stored(t, r)
		})
	}
}

// stored fails unless the store would give the release back as it is.
func stored(t *testing.T, r *attest.Release) {
	t.Helper()
	body, err := r.CanonicalJSON()
	if err != nil {
		t.Fatal(err)
	}
	again, err := attest.LoadRelease(r.Name(), body)
	if err != nil {
		t.Fatalf("load %s: %v", body, err)
	}
	if diff := cmp.Diff(r, again); diff != "" {
		t.Errorf("release from the store (-want +got):\n%s", diff)
	}
}

func TestRecallKeepsItsBeginning(t *testing.T) {
	r := release("1", attest.StateApproved, 1, "x")
	if err := errors.Join(r.Recall(now(), time.Hour, false), r.Recall(now().Add(time.Hour), 2*time.Hour, false)); err != nil {
		t.Fatal(err)
	}
	if !r.RecalledAt.Equal(now()) || r.Grace != 2*time.Hour || r.Before != attest.StateApproved {
		t.Errorf("got %+v, want recalled at %v, grace 2h, before approved", r, now())
	}
	for _, grace := range []time.Duration{-time.Second, 11 * 365 * 24 * time.Hour} {
		if err := r.Recall(now(), grace, false); err == nil {
			t.Errorf("a grace of %v was taken", grace)
		}
	}
}

func TestLoadReleaseFaults(t *testing.T) {
	for name, change := range map[string][2]string{
		"recalled without facts": {`"state":"approved"`, `"state":"recalled"`},
		"facts without recalled": {`"state"`, `"recalled":{"at":"2026-11-24T12:00:00Z","grace_seconds":1,"critical":false,"before":"approved"},"state"`},
		"before a draft":         {`"state":"approved"`, `"state":"recalled","recalled":{"at":"2026-11-24T12:00:00Z","grace_seconds":1,"critical":false,"before":"draft"}`},
		"a deadline of words":    {`"state"`, `"deadline":"soon","state"`},
		"a grace of words":       {`"state"`, `"recalled":{"grace_seconds":"1h"},"state"`},
		"a grace of 11 years":    {`"state"`, `"recalled":{"grace_seconds":346896000},"state"`},
		"critical as a word":     {`"state"`, `"recalled":{"critical":"yes"},"state"`},
		"a recall as a list":     {`"state"`, `"recalled":[],"state"`},
		"components as a word":   {`"components":[`, `"source":[`},
	} {
		if r, err := attest.LoadRelease("p/1", []byte(strings.Replace(spec, change[0], change[1], 1))); err == nil {
			t.Errorf("%s: got %+v, want an error", name, r)
		}
	}
}

func TestDeclare(t *testing.T) {
	deprecated := release("1", attest.StateApproved, 1, "x")
	recalled := release("1", attest.StateApproved, 1, "x")
	if err := errors.Join(deprecated.Deprecate(now()), recalled.Recall(now(), time.Hour, true)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name          string
		old           *attest.Release
		state         string // of the document
		want, before  string
		keepsDeadline bool
	}{
		{"a new one", nil, "draft", "draft", "", false},
		{"a recall stays", recalled, "approved", "recalled", "approved", false},
		{"a recall stays over a draft", recalled, "draft", "recalled", "approved", false},
		{"a recall goes back to what was declared", recalled, "deprecated", "recalled", "deprecated", false},
		{"a deadline stays", deprecated, "deprecated", "deprecated", "", true},
		{"approved again has no deadline", deprecated, "approved", "approved", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			document := release("1", c.state, 2, "y")
			got := c.old.Declare(document)
			if got.State != c.want || got.Before != c.before || got.Deadline.IsZero() == c.keepsDeadline {
				t.Errorf("got %+v, want state %s, before %q", got, c.want, c.before)
			}
			if got.Components[0].SVN != 2 {
				t.Errorf("the document's components are not there: %+v", got)
			}
			if got.State == attest.StateRecalled && !(got.Critical && got.Grace == time.Hour && got.RecalledAt.Equal(now())) {
				t.Errorf("the recall's facts are lost: %+v", got)
			}
			stored(t, got)
		})
	}
}
