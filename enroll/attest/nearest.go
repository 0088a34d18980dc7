package attest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// nearest names the release that comes closest and the digest that it has in
// the algorithm, for people: an approved one before others, then the closest
// version, or the newest where none is known.
func (p *Policy) nearest(e *Error, component, version, alg string) {
	r := p.nearestRelease(e, component, version)
	if r == nil {
		return
	}
	digests := r.Components[r.index(component)].Digests
	e.Expected = digests[0]
	for _, digest := range digests {
		if alg != "" && strings.HasPrefix(digest, alg+":") {
			e.Expected = digest
			break
		}
	}
}

func (p *Policy) nearestRelease(e *Error, component, version string) *Release {
	var best *Release
	for _, r := range p.releases {
		if r.index(component) < 0 || len(r.Components[r.index(component)].Digests) == 0 {
			continue
		}
		if best == nil || closer(r, best, version) {
			best = r
		}
	}
	if best != nil {
		e.Nearest = best.Name()
	}
	return best
}

func (r *Release) index(component string) int {
	return slices.IndexFunc(r.Components, func(c Component) bool { return c.Component == component })
}

func closer(a, b *Release, version string) bool {
	approved := func(r *Release) int {
		if r.State == StateApproved {
			return 1
		}
		return 0
	}
	order := cmp.Compare(approved(a), approved(b))
	if version != "" {
		sameA, diffA := versionDistance(a.Version, version)
		sameB, diffB := versionDistance(b.Version, version)
		order = cmp.Or(order, cmp.Compare(sameA, sameB), cmp.Compare(diffB, diffA))
	}
	return cmp.Or(order, compareVersions(a.Version, b.Version)) > 0
}

// versionNumbers are the numbers in a version: 1.4.2-rc1 has 1, 4, 2, 1. One
// that is too great counts as the greatest.
func versionNumbers(version string) []uint64 {
	var out []uint64
	for _, digits := range strings.FieldsFunc(version, func(r rune) bool { return r < '0' || r > '9' }) {
		n, _ := strconv.ParseUint(digits, 10, 64)
		out = append(out, n)
	}
	return out
}

// compareVersions orders by the numbers, then by the text.
func compareVersions(a, b string) int {
	return cmp.Or(slices.Compare(versionNumbers(a), versionNumbers(b)), cmp.Compare(a, b))
}

// versionDistance tells how many leading numbers two versions share, and how
// far apart the next ones are. Numbers that are left out are 0.
func versionDistance(a, b string) (same int, apart uint64) {
	x, y := versionNumbers(a), versionNumbers(b)
	for ; same < max(len(x), len(y)); same++ {
		var n, m uint64
		if same < len(x) {
			n = x[same]
		}
		if same < len(y) {
			m = y[same]
		}
		if n != m {
			return same, max(n, m) - min(n, m)
		}
	}
	return same, 0
}
