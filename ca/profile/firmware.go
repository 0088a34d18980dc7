package profile

import (
	"fmt"
	"regexp"
	"slices"
)

var componentPattern = regexp.MustCompile(`\A[a-z0-9][a-z0-9._-]{0,31}\z`)

// The formats of evidence and the tiers, least first. T1s is above T1: a
// station read back what a device only says.
var (
	evidenceFormats = []string{"self", "station", "dice", "tpm", "eat"}
	tiers           = []string{"T0", "T1", "T1s", "T2", "T3", "T4"}
)

// reach is the highest tier of a format that this version verifies; "" for one
// that it does not.
func reach(format string) string {
	switch format {
	case "self":
		return "T1"
	case "station":
		return "T1s"
	}
	return ""
}

func (s *FirmwareSpec) check(f *faults) {
	checkList(f, "firmware.formats", s.Formats, evidenceFormats, true)
	for i, format := range s.Formats {
		if slices.Contains(evidenceFormats, format) && reach(format) == "" {
			f.add(fmt.Sprintf("firmware.formats[%d]", i), "%s is %s; self and station are", format, unavailable)
		}
	}
	s.checkTier(f, "firmware.tier", s.Tier)
	s.checkTier(f, "firmware.renewal_tier", s.RenewalTier)
	oneOf(f, "firmware.freshness", s.Freshness, "nonce", "batch", "none")
	oneOf(f, "firmware.debug", s.Debug, "refuse", "allow")
	oneOf(f, "firmware.unknown", s.Unknown, "deny", "pending")
	if s.Unknown == "pending" {
		f.add("firmware.unknown", "pending is %s; deny is", unavailable)
	}
	s.checkComponents(f)
	if len(s.PCRs) > 0 {
		f.add("firmware.pcrs", "%s", unavailable)
	}
	inRange(f, "firmware.keep_evidence", s.KeepEvidence, 0, Duration(maxRetention))
}

// checkTier refuses a tier that no evidence of the formats reaches: it would
// refuse every device.
func (s *FirmwareSpec) checkTier(f *faults, at, tier string) {
	oneOf(f, at, tier, tiers...)
	if f.has(at) || f.has("firmware.formats") {
		return
	}
	best := 0
	for _, format := range s.Formats {
		best = max(best, slices.Index(tiers, reach(format)))
	}
	switch {
	case slices.Index(tiers, tier) <= best:
	case len(s.Formats) == 0:
		f.add(at, "without formats there is no evidence, and no tier above T0 is ever reached")
	default:
		f.add(at, "none of the formats reaches %s, %s is the highest", tier, tiers[best])
	}
}

func (s *FirmwareSpec) checkComponents(f *faults) {
	if len(s.Formats) > 0 && len(s.Components) == 0 {
		f.add("firmware.components", "name at least one component that is to be measured")
	}
	if len(s.Components) > maxComponents {
		f.add("firmware.components", "at most %d", maxComponents)
	}
	for i, c := range s.Components {
		here := fmt.Sprintf("firmware.components[%d]", i)
		switch {
		case !componentPattern.MatchString(c):
			f.add(here, "a component is 1 to 32 of a-z, 0-9 and . _ -")
		case slices.Index(s.Components, c) < i:
			f.add(here, "%s is given twice", c)
		}
	}
	names := make([]string, 0, len(s.MinSVN))
	for c := range s.MinSVN {
		names = append(names, c)
	}
	slices.Sort(names)
	for _, c := range names {
		if !slices.Contains(s.Components, c) {
			f.add(at("firmware.min_svn", c), "not one of firmware.components, and others are ignored")
		}
	}
}
