package attest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// debugEnabled is the one value of dbgstat that is refused.
const debugEnabled = 0

// Appraise judges verified claims: tier, debug port, then each component of the
// policy by the release that its digest belongs to, which also says version and
// svn. fresh (yes, batch, no) is what enroll found, and goes into the result.
// Errors are *Error.
func (p *Policy) Appraise(c *Claims, d Device, renewal bool, fresh string, now time.Time) (*Result, error) {
	least := p.spec.Tier
	if renewal {
		least = p.spec.RenewalTier
	}
	if !TierAtLeast(c.Tier, least) {
		e := refuse(CodeTierTooLow, "the evidence is of too low a tier")
		e.Expected, e.Got = least, c.Tier
		return nil, e
	}
	if p.spec.Debug != "allow" && c.Debug != nil && *c.Debug == debugEnabled {
		return nil, refuse(CodeDebugEnabled, "the debug port is enabled")
	}
	matches, err := p.match(c)
	if err != nil {
		return nil, err
	}
	r := &Result{Format: c.Format, Tier: c.Tier, Fresh: fresh, Components: make([]Matched, 0, len(matches))}
	for i, found := range matches {
		component := p.spec.Components[i]
		if err := p.judge(r, component, found, d, now); err != nil {
			return nil, err
		}
		r.Components = append(r.Components, Matched{component, found.release.Version, found.svn, found.release.State})
	}
	return r, nil
}

// match finds a release for each component of the policy, in its order.
func (p *Policy) match(c *Claims) ([]candidate, error) {
	lists := make([][]candidate, 0, len(p.spec.Components))
	for _, component := range p.spec.Components {
		i := slices.IndexFunc(c.Measurements, func(m Measurement) bool { return m.Component == component })
		if i < 0 {
			e := refuse(CodeComponentMissing, "the component is not measured")
			e.Component = component
			p.nearest(e, component, "", "")
			return nil, e
		}
		m := c.Measurements[i]
		list := p.byDigest[digestKey{component, m.Alg, string(m.Digest)}]
		if len(list) == 0 {
			e := refuse(CodeFirmwareUnknown, "no release has this digest")
			e.Component, e.Got = component, m.Alg+":"+hex.EncodeToString(m.Digest)
			p.nearest(e, component, m.Version, m.Alg)
			return nil, e
		}
		lists = append(lists, list)
	}
	return together(lists), nil
}

// together picks one release where it is as good as any for every component,
// else the best for each.
func together(lists [][]candidate) []candidate {
	if len(lists) > 1 {
		for _, c := range asGood(lists[0]) {
			if picked, ok := covering(lists, c.release); ok {
				return picked
			}
		}
	}
	picked := make([]candidate, len(lists))
	for i, list := range lists {
		picked[i] = list[0]
	}
	return picked
}

func covering(lists [][]candidate, r *Release) ([]candidate, bool) {
	picked := make([]candidate, 0, len(lists))
	for _, list := range lists {
		i := slices.IndexFunc(asGood(list), func(c candidate) bool { return c.release == r })
		if i < 0 {
			return nil, false
		}
		picked = append(picked, list[i])
	}
	return picked, true
}

// asGood is the part of a list that has the state and the svn of its best.
func asGood(list []candidate) []candidate {
	n := slices.IndexFunc(list, func(c candidate) bool {
		return c.release.State != list[0].release.State || c.svn != list[0].svn
	})
	if n < 0 {
		return list
	}
	return list[:n]
}

// judge refuses a component by its release's state or its svn, or notes in r
// what the release asks for.
func (p *Policy) judge(r *Result, component string, found candidate, d Device, now time.Time) error {
	code, why := admit(r, found.release, now)
	if code != "" {
		e := refuse(code, "%s", why)
		e.Component, e.Got = component, found.release.Name()
		p.nearestRelease(e, component, found.release.Version)
		return e
	}
	if least := max(p.spec.MinSVN[component], d.Marks[component]); found.svn < least {
		why := "below the least that the product allows"
		if found.svn < d.Marks[component] {
			why = "the device has had a later one"
		}
		e := refuse(CodeFirmwareRollback, "release %s: %s", found.release.Name(), why)
		e.Component, e.Expected, e.Got = component, svnText(least)+" or more", svnText(found.svn)
		p.nearestRelease(e, component, found.release.Version)
		return e
	}
	return nil
}

func svnText(svn uint64) string { return "svn " + strconv.FormatUint(svn, 10) }

// admit says with which code a release refuses, and why; it cuts r.NotAfter.
func admit(r *Result, release *Release, now time.Time) (code, why string) {
	var end time.Time
	switch release.State {
	case StateApproved:
		return "", ""
	case StateDeprecated:
		end = release.Deadline
		if !end.IsZero() && !now.Before(end) {
			return CodeFirmwareNot, "the release is deprecated, and its deadline has passed"
		}
	case StateRecalled:
		end = release.RecalledAt.Add(release.Grace)
		switch {
		case release.Critical:
			return CodeFirmwareRecalled, "the release is recalled, critically"
		case !now.Before(end):
			return CodeFirmwareRecalled, fmt.Sprintf("the release is recalled since %s, and no grace is left",
				release.RecalledAt.UTC().Format(time.RFC3339))
		}
	default:
		return CodeFirmwareNot, "the release is " + release.State
	}
	r.Deprecated = true
	if !end.IsZero() && (r.NotAfter.IsZero() || end.Before(r.NotAfter)) {
		r.NotAfter = end
	}
	return "", ""
}
