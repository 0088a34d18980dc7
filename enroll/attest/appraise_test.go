package attest_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/assay-pki/assay/enroll/attest"
)

// claimed is what a device of tier T1 says about its firmware.
func claimed(words ...string) *attest.Claims {
	c := &attest.Claims{Format: "self", Tier: "T1", Debug: new(uint64(1))}
	for i, word := range words {
		component := []string{"firmware", "bootloader"}[i]
		c.Measurements = append(c.Measurements, attest.Measurement{Component: component, Alg: "sha256", Digest: digest(word), Version: "1.4.9"})
	}
	return c
}

func recalledRelease(version, word string, grace time.Duration, critical bool) *attest.Release {
	r := release(version, attest.StateApproved, 5, word)
	if err := r.Recall(now().Add(-time.Hour), grace, critical); err != nil {
		panic(err)
	}
	return r
}

func deprecatedRelease(version, word string, deadline time.Time) *attest.Release {
	r := release(version, attest.StateApproved, 5, word)
	if err := r.Deprecate(deadline); err != nil {
		panic(err)
	}
	return r
}

func with(r *attest.Release, component string, svn uint64, words ...string) *attest.Release {
	other := release(r.Version, r.State, svn, words...).Components[0]
	other.Component = component
	r.Components = append(r.Components, other)
	return r
}

func baseSpec() attest.Spec {
	return attest.Spec{Product: "sensor-s1", Formats: []string{"self", "station"}, RenewalTier: "T1", Components: []string{"firmware"}}
}

func hexOf(word string) string { return fmt.Sprintf("sha256:%x", digest(word)) }

func TestAppraise(t *testing.T) {
	releases := []*attest.Release{
		release("1.4.0", attest.StateApproved, 4, "old"),
		release("1.4.2", attest.StateApproved, 7, "good"),
		release("2.0.0", attest.StateApproved, 9, "new"),
		release("1.5.0", attest.StateDraft, 8, "draft"),
		deprecatedRelease("1.3.0", "deprecated", time.Time{}),
		deprecatedRelease("1.3.1", "ending", now().Add(time.Hour)),
		deprecatedRelease("1.3.2", "ended", now()),
		recalledRelease("1.2.0", "in grace", 2*time.Hour, false),
		recalledRelease("1.2.1", "after grace", time.Hour, false),
		recalledRelease("1.2.2", "no grace", 0, false),
		recalledRelease("1.2.3", "critical", 2*time.Hour, true),
		release("0.1", attest.StateRecalled, 1, "in two"),
		release("0.2", attest.StateApproved, 2, "in two"),
		release("0.3", attest.StateApproved, 3, "in two"),
		release("0.4", attest.StateDraft, 9, "in two"),
	}
	matched := func(version string, svn uint64, state string) []attest.Matched {
		return []attest.Matched{{Component: "firmware", Version: version, SVN: svn, State: state}}
	}
	for _, c := range []struct {
		name   string
		spec   func(*attest.Spec)
		claims *attest.Claims
		change func(*attest.Claims)
		device attest.Device
		first  bool // not a renewal
		want   attest.Result
		refuse attest.Error
	}{
		{name: "approved", claims: claimed("good"), want: attest.Result{Components: matched("1.4.2", 7, "approved")}},
		{name: "draft", claims: claimed("draft"), refuse: attest.Error{Code: "firmware-not-approved", Component: "firmware", Got: "sensor-s1/1.5.0", Nearest: "sensor-s1/1.4.2"}},
		{name: "deprecated", claims: claimed("deprecated"), want: attest.Result{Components: matched("1.3.0", 5, "deprecated"), Deprecated: true}},
		{
			name: "deprecated, with a deadline", claims: claimed("ending"),
			want: attest.Result{Components: matched("1.3.1", 5, "deprecated"), Deprecated: true, NotAfter: now().Add(time.Hour)},
		},
		{
			name: "deprecated, its deadline now", claims: claimed("ended"),
			refuse: attest.Error{Code: "firmware-not-approved", Component: "firmware", Got: "sensor-s1/1.3.2", Nearest: "sensor-s1/1.4.2"},
		},
		{
			name: "recalled, within grace", claims: claimed("in grace"),
			want: attest.Result{Components: matched("1.2.0", 5, "recalled"), Deprecated: true, NotAfter: now().Add(time.Hour)},
		},
		{name: "recalled, grace ends now", claims: claimed("after grace"), refuse: attest.Error{Code: "firmware-recalled", Component: "firmware", Got: "sensor-s1/1.2.1", Nearest: "sensor-s1/1.4.2"}},
		{name: "recalled without grace", claims: claimed("no grace"), refuse: attest.Error{Code: "firmware-recalled", Component: "firmware", Got: "sensor-s1/1.2.2", Nearest: "sensor-s1/1.4.2"}},
		{name: "recalled critically, within grace", claims: claimed("critical"), refuse: attest.Error{Code: "firmware-recalled", Component: "firmware", Got: "sensor-s1/1.2.3", Nearest: "sensor-s1/1.4.2"}},
		{name: "a digest of several releases is the best one's", claims: claimed("in two"), want: attest.Result{Components: matched("0.3", 3, "approved")}},
		{name: "unknown, its version known", claims: claimed("nobody's"), refuse: attest.Error{
			Code: "firmware-unknown", Component: "firmware", Expected: hexOf("good"), Got: hexOf("nobody's"), Nearest: "sensor-s1/1.4.2",
		}},
		{
			name: "unknown, its version not known", claims: claimed("nobody's"), change: func(c *attest.Claims) { c.Measurements[0].Version = "" },
			refuse: attest.Error{Code: "firmware-unknown", Component: "firmware", Expected: hexOf("new"), Got: hexOf("nobody's"), Nearest: "sensor-s1/2.0.0"},
		},
		{
			name: "the digest of another algorithm", claims: claimed("good"), change: func(c *attest.Claims) { c.Measurements[0].Alg = "sha512" },
			refuse: attest.Error{Code: "firmware-unknown", Component: "firmware", Expected: hexOf("good"), Got: "sha512:" + hexOf("good")[7:], Nearest: "sensor-s1/1.4.2"},
		},
		{name: "the digest of another component", claims: claimed("nobody's", "good"), refuse: attest.Error{
			Code: "firmware-unknown", Component: "firmware", Expected: hexOf("good"), Got: hexOf("nobody's"), Nearest: "sensor-s1/1.4.2",
		}},
		{name: "not measured", claims: claimed(), refuse: attest.Error{Code: "component-missing", Component: "firmware", Expected: hexOf("new"), Nearest: "sensor-s1/2.0.0"}},
		{name: "a component that nobody wants is ignored", claims: claimed("good", "nobody's"), want: attest.Result{Components: matched("1.4.2", 7, "approved")}},
		{name: "the release's version and svn count", claims: claimed("good"), change: func(c *attest.Claims) {
			c.Measurements[0].Version, c.Measurements[0].SVN = "9.9", new(uint64(99))
		}, want: attest.Result{Components: matched("1.4.2", 7, "approved")}},

		{
			name: "below the product's least svn", claims: claimed("old"), spec: func(s *attest.Spec) { s.MinSVN = map[string]uint64{"firmware": 5} },
			refuse: attest.Error{Code: "firmware-rollback", Component: "firmware", Expected: "svn 5 or more", Got: "svn 4", Nearest: "sensor-s1/1.4.0"},
		},
		{
			name: "at the product's least svn", claims: claimed("old"), spec: func(s *attest.Spec) { s.MinSVN = map[string]uint64{"firmware": 4} },
			want: attest.Result{Components: matched("1.4.0", 4, "approved")},
		},
		{
			name: "below the device's mark", claims: claimed("old"), device: attest.Device{Marks: map[string]uint64{"firmware": 7}},
			refuse: attest.Error{Code: "firmware-rollback", Component: "firmware", Expected: "svn 7 or more", Got: "svn 4", Nearest: "sensor-s1/1.4.0"},
		},
		{
			name: "at the device's mark", claims: claimed("good"), device: attest.Device{Marks: map[string]uint64{"firmware": 7, "bootloader": 9}},
			want: attest.Result{Components: matched("1.4.2", 7, "approved")},
		},

		{
			name: "T0 at a renewal that wants T1", claims: claimed("good"), change: func(c *attest.Claims) { c.Tier = "T0" },
			refuse: attest.Error{Code: "tier-too-low", Expected: "T1", Got: "T0"},
		},
		{
			name: "T0 at the first certificate", claims: claimed("good"), first: true, change: func(c *attest.Claims) { c.Tier = "T0" },
			want: attest.Result{Tier: "T0", Components: matched("1.4.2", 7, "approved")},
		},
		{
			name: "T1 where T1s is wanted", claims: claimed("good"), spec: func(s *attest.Spec) { s.RenewalTier = "T1s" },
			refuse: attest.Error{Code: "tier-too-low", Expected: "T1s", Got: "T1"},
		},
		{
			name: "T1s where T1 is wanted", claims: claimed("good"), change: func(c *attest.Claims) { c.Tier = "T1s" },
			want: attest.Result{Tier: "T1s", Components: matched("1.4.2", 7, "approved")},
		},
		{
			name: "T1s where T2 is wanted", claims: claimed("good"), change: func(c *attest.Claims) { c.Tier = "T1s" }, spec: func(s *attest.Spec) { s.RenewalTier = "T2" },
			refuse: attest.Error{Code: "tier-too-low", Expected: "T2", Got: "T1s"},
		},
		{
			name: "a tier that does not exist", claims: claimed("good"), first: true, change: func(c *attest.Claims) { c.Tier = "T9" },
			refuse: attest.Error{Code: "tier-too-low", Expected: "T0", Got: "T9"},
		},

		{name: "debug enabled", claims: claimed("good"), change: func(c *attest.Claims) { c.Debug = new(uint64(0)) }, refuse: attest.Error{Code: "debug-enabled"}},
		{
			name: "debug enabled and allowed", claims: claimed("good"), change: func(c *attest.Claims) { c.Debug = new(uint64(0)) },
			spec: func(s *attest.Spec) { s.Debug = "allow" }, want: attest.Result{Components: matched("1.4.2", 7, "approved")},
		},
		{name: "debug not said", claims: claimed("good"), change: func(c *attest.Claims) { c.Debug = nil }, want: attest.Result{Components: matched("1.4.2", 7, "approved")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := baseSpec()
			if c.spec != nil {
				c.spec(&s)
			}
			if c.change != nil {
				c.change(c.claims)
			}
			p, err := attest.Compile(s, releases)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Appraise(c.claims, c.device, !c.first, "yes", now())
			if c.refuse.Code != "" {
				e, _ := errors.AsType[*attest.Error](err)
				if diff := cmp.Diff(&c.refuse, e, cmpopts.IgnoreFields(attest.Error{}, "Detail")); diff != "" {
					t.Errorf("refusal (-want +got):\n%s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c.want.Format, c.want.Fresh = "self", "yes"
			if c.want.Tier == "" {
				c.want.Tier = "T1"
			}
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAppraiseComponents: each component is matched on its own, and a release
// that is as good for all of them is the one that is named.
func TestAppraiseComponents(t *testing.T) {
	releases := []*attest.Release{
		with(release("1.0", attest.StateApproved, 1, "fw 1.0"), "bootloader", 1, "bl same"),
		with(release("1.1", attest.StateApproved, 2, "fw 1.1"), "bootloader", 1, "bl same"),
		with(release("1.2", attest.StateApproved, 3, "fw 1.2"), "bootloader", 2, "bl same"),
		with(release("1.3", attest.StateDraft, 4, "fw 1.3"), "bootloader", 2, "bl 1.3"),
		release("1.4", attest.StateApproved, 5, "fw 1.4"),
	}
	s := baseSpec()
	s.Components = []string{"bootloader", "firmware"}
	p, err := attest.Compile(s, releases)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, firmware, bootloader, want, code string }{
		{"one release for both", "fw 1.2", "bl same", "1.2 1.2", ""},
		{"a better svn is not given up for one name", "fw 1.1", "bl same", "1.2 1.1", ""},
		{"components of two releases", "fw 1.4", "bl same", "1.2 1.4", ""},
		{"one is a draft's", "fw 1.2", "bl 1.3", "", "firmware-not-approved"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := p.Appraise(claimed(c.firmware, c.bootloader), attest.Device{}, true, "yes", now())
			if code := codeOf(t, err); code != c.code {
				t.Fatalf("got code %q (%v), want %q", code, err, c.code)
			}
			if err != nil {
				return
			}
			if got := r.Components[0].Version + " " + r.Components[1].Version; got != c.want {
				t.Errorf("got versions %s, want %s", got, c.want)
			}
		})
	}
}

// TestAppraiseOneName: with the same svn the release that covers all is named,
// though another is newer.
func TestAppraiseOneName(t *testing.T) {
	s := baseSpec()
	s.Components = []string{"bootloader", "firmware"}
	p, err := attest.Compile(s, []*attest.Release{
		with(release("1.0", attest.StateApproved, 1, "fw 1.0"), "bootloader", 1, "bl"),
		with(release("1.1", attest.StateApproved, 2, "fw 1.1"), "bootloader", 1, "bl"),
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Appraise(claimed("fw 1.0", "bl"), attest.Device{}, true, "yes", now())
	if err != nil {
		t.Fatal(err)
	}
	want := []attest.Matched{{"bootloader", "1.0", 1, "approved"}, {"firmware", "1.0", 1, "approved"}}
	if diff := cmp.Diff(want, r.Components); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
}

// TestAppraiseEarliestEnd: of two deadlines the earlier one cuts.
func TestAppraiseEarliestEnd(t *testing.T) {
	s := baseSpec()
	s.Components = []string{"firmware", "bootloader"}
	recalled := recalledRelease("1.0", "fw", 2*time.Hour, false) // ends in an hour
	boot := deprecatedRelease("1.1", "unused", now().Add(time.Minute))
	boot.Components[0].Component, boot.Components[0].Digests = "bootloader", []string{hexOf("bl")}
	p, err := attest.Compile(s, []*attest.Release{recalled, boot})
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Appraise(claimed("fw", "bl"), attest.Device{}, true, "batch", now())
	if err != nil {
		t.Fatal(err)
	}
	if !r.NotAfter.Equal(now().Add(time.Minute)) || r.Fresh != "batch" {
		t.Errorf("got NotAfter %v, fresh %s; want %v, batch", r.NotAfter, r.Fresh, now().Add(time.Minute))
	}
}

func TestPolicyKeepsCopies(t *testing.T) {
	r := release("1.0", attest.StateApproved, 1, "fw")
	p, err := attest.Compile(baseSpec(), []*attest.Release{r})
	if err != nil {
		t.Fatal(err)
	}
	r.State, r.Components[0].SVN = attest.StateDraft, 9
	got, err := p.Appraise(claimed("fw"), attest.Device{}, true, "yes", now())
	if err != nil {
		t.Fatal(err)
	}
	if got.Components[0].State != attest.StateApproved || got.Components[0].SVN != 1 {
		t.Errorf("the policy follows a release that was changed: %+v", got)
	}
}

func TestCompile(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(*attest.Spec)
		releases []*attest.Release
		ok       bool
	}{
		{"with defaults", func(*attest.Spec) {}, nil, true},
		{"without evidence", func(s *attest.Spec) { s.Formats, s.Components = nil, nil }, nil, true},
		{"without components", func(s *attest.Spec) { s.Components = nil }, nil, false},
		{"a format without a verifier", func(s *attest.Spec) { s.Formats = []string{"tpm"} }, nil, false},
		{"an unknown tier", func(s *attest.Spec) { s.Tier = "T1S" }, nil, false},
		{"an unknown renewal tier", func(s *attest.Spec) { s.RenewalTier = "5" }, nil, false},
		{"an unknown freshness", func(s *attest.Spec) { s.Freshness = "yes" }, nil, false},
		{"an unknown word for debug", func(s *attest.Spec) { s.Debug = "deny" }, nil, false},
		{"an unknown word for unknown", func(s *attest.Spec) { s.Unknown = "allow" }, nil, false},
		{"a release of another product", func(*attest.Spec) {}, []*attest.Release{{Product: "sensor-s2", Version: "1"}}, false},
		{"a digest that is not hex", func(*attest.Spec) {}, []*attest.Release{{
			Product: "sensor-s1", Components: []attest.Component{{Component: "firmware", Digests: []string{"sha256:xy"}}},
		}}, false},
	} {
		s := baseSpec()
		c.change(&s)
		p, err := attest.Compile(s, c.releases)
		if (err == nil) != c.ok {
			t.Errorf("%s: got error %v, want ok %t", c.name, err, c.ok)
		}
		if err == nil && p.Wanted() != (len(s.Formats) > 0) {
			t.Errorf("%s: Wanted is %t", c.name, p.Wanted())
		}
	}
}
