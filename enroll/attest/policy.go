package attest

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Spec is the firmware block of a product.
type Spec struct {
	Product string
	// Formats accepted: self, station. Empty: no evidence is wanted.
	Formats []string
	// Tier at the first certificate, RenewalTier afterwards: T0 (also if empty),
	// T1, T1s, T2, T3, T4.
	Tier, RenewalTier string
	// Freshness: nonce (also if empty), batch, none. Whoever takes nonces acts on
	// it.
	Freshness string
	// Components that must be measured; others are ignored.
	Components []string
	// Debug: refuse (also if empty) or allow.
	Debug string
	// MinSVN by component.
	MinSVN map[string]uint64
	// Unknown: deny (also if empty) or pending: Appraise refuses under both.
	Unknown string
}

// Policy is a compiled firmware block with the releases of its product. It does
// not change; use it from any goroutine.
type Policy struct {
	spec     Spec
	releases []*Release
	// byDigest holds the best release first.
	byDigest map[digestKey][]candidate
}

type digestKey struct{ component, alg, digest string }

// candidate is a release that has a digest, with the svn of that component.
type candidate struct {
	release *Release
	svn     uint64
}

// tiers in order, weakest first.
func tiers() []string { return []string{"T0", "T1", "T1s", "T2", "T3", "T4"} }

// TierAtLeast tells whether a tier is as good as another; an unknown tier is
// below all.
func TierAtLeast(tier, least string) bool {
	return slices.Index(tiers(), tier) >= slices.Index(tiers(), least)
}

// Compile checks a firmware block and indexes the releases of its product. It
// keeps copies.
func Compile(s Spec, releases []*Release) (*Policy, error) {
	s.Tier, s.RenewalTier = cmp.Or(s.Tier, "T0"), cmp.Or(s.RenewalTier, "T0")
	s.Freshness, s.Debug, s.Unknown = cmp.Or(s.Freshness, "nonce"), cmp.Or(s.Debug, "refuse"), cmp.Or(s.Unknown, "deny")
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("compile the firmware policy of %s: %w", s.Product, err)
	}
	s.Formats, s.Components, s.MinSVN = slices.Clone(s.Formats), slices.Clone(s.Components), maps.Clone(s.MinSVN)
	p := &Policy{spec: s, byDigest: map[digestKey][]candidate{}}
	for _, r := range releases {
		if r.Product != s.Product {
			return nil, fmt.Errorf("compile the firmware policy of %s: release %s is of another product", s.Product, r.Name())
		}
		if err := p.add(r); err != nil {
			return nil, fmt.Errorf("compile the firmware policy of %s: release %s: %w", s.Product, r.Name(), err)
		}
	}
	for _, list := range p.byDigest {
		slices.SortStableFunc(list, better)
	}
	return p, nil
}

func (s *Spec) check() error {
	for _, field := range []struct {
		name, value string
		allowed     []string
	}{
		{"tier", s.Tier, tiers()},
		{"renewal_tier", s.RenewalTier, tiers()},
		{"freshness", s.Freshness, []string{"nonce", "batch", "none"}},
		{"debug", s.Debug, []string{"refuse", "allow"}},
		{"unknown", s.Unknown, []string{"deny", "pending"}},
	} {
		if !slices.Contains(field.allowed, field.value) {
			return fmt.Errorf("%s is %q, it must be one of %s", field.name, field.value, strings.Join(field.allowed, ", "))
		}
	}
	for _, format := range s.Formats {
		if format != FormatSelf && format != FormatStation {
			return fmt.Errorf("format %q has no verifier", format)
		}
	}
	if len(s.Formats) > 0 && len(s.Components) == 0 {
		return fmt.Errorf("evidence is wanted and no component is: nothing would be looked up")
	}
	return nil
}

func (p *Policy) add(r *Release) error {
	kept := *r
	kept.Components = slices.Clone(r.Components)
	p.releases = append(p.releases, &kept)
	for i := range kept.Components {
		c := &kept.Components[i]
		c.Digests = slices.Clone(c.Digests)
		for _, text := range c.Digests {
			alg, digits, _ := strings.Cut(text, ":")
			digest, err := hex.DecodeString(digits)
			if err != nil {
				return fmt.Errorf("component %s: digest %q is not hex", c.Component, text)
			}
			key := digestKey{c.Component, alg, string(digest)}
			p.byDigest[key] = append(p.byDigest[key], candidate{&kept, c.SVN})
		}
	}
	return nil
}

// better puts the release that a digest counts for first: by state, then by
// svn, then by version.
func better(a, b candidate) int {
	return cmp.Or(
		cmp.Compare(stateRank(a.release.State), stateRank(b.release.State)),
		cmp.Compare(b.svn, a.svn),
		compareVersions(b.release.Version, a.release.Version),
	)
}

// stateRank orders states, the one that admits most first.
func stateRank(state string) int {
	return slices.Index([]string{StateApproved, StateDeprecated, StateRecalled, StateDraft}, state)
}

// Wanted tells whether the product wants evidence.
func (p *Policy) Wanted() bool { return len(p.spec.Formats) > 0 }
