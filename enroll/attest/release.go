package attest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// States of a release. Documents have the first three; StateRecalled is an act.
const (
	StateDraft      = "draft"
	StateApproved   = "approved"
	StateDeprecated = "deprecated"
	StateRecalled   = "recalled"
)

// Release is a firmware version of a product.
type Release struct {
	Product, Version string
	State            string
	Components       []Component
	// Advisory and Source are texts that are shown.
	Advisory, Source string
	// Deadline of a deprecated release: certificates end there, and afterwards
	// there are none. Zero: no deadline.
	Deadline time.Time
	// Of a recalled release: when, for how long certificates still come (whole
	// seconds), and the state before. Critical: none at once.
	RecalledAt time.Time
	Grace      time.Duration
	Critical   bool
	Before     string
}

// Component of a release. Digests are "sha256:HEX", sha384 or sha512, in lower
// case.
type Component struct {
	Component string   `json:"component"`
	SVN       uint64   `json:"svn"`
	Digests   []string `json:"digests"`
}

var (
	productPattern   = regexp.MustCompile(`\A[a-z0-9-]{1,32}\z`)
	versionPattern   = regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9._+~-]{0,63}\z`)
	componentPattern = regexp.MustCompile(`\A[a-z0-9][a-z0-9._-]{0,31}\z`)
)

// Name is PRODUCT/VERSION.
func (r *Release) Name() string { return r.Product + "/" + r.Version }

// ParseRelease reads the spec of a Firmware document, as JSON, named
// PRODUCT/VERSION. The default state is draft; recalled is refused, as are the
// fields that commands store. Whatever is wrong comes back at once, as a
// *FaultsError. What the store holds is read by LoadRelease.
func ParseRelease(name string, specJSON []byte) (*Release, error) {
	return parseRelease(name, specJSON, false)
}

// LoadRelease reads what CanonicalJSON printed: a document, and what commands
// stored in it.
func LoadRelease(name string, body []byte) (*Release, error) {
	return parseRelease(name, body, true)
}

func parseRelease(name string, specJSON []byte, stored bool) (*Release, error) {
	var f faults
	r := &Release{State: StateDraft}
	r.Product, r.Version, _ = strings.Cut(name, "/")
	if !productPattern.MatchString(r.Product) || !versionPattern.MatchString(r.Version) {
		f.add("name", "a release is named PRODUCT/VERSION; a version is 1 to %d letters, digits and . _ + ~ -, "+
			"beginning with a letter or digit", maxVersion)
	}
	if root, ok := parseJSON(specJSON, &f); ok {
		r.read(root, stored, &f)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Release) read(root node, stored bool, f *faults) {
	fields := fieldReaders{
		"state": func(n node, at string) { r.State = readText(n, at, 16, f) },
		"components": func(n node, at string) {
			for i, item := range readList(n, at, maxComponents, f) {
				r.Components = append(r.Components, readComponent(item, fmt.Sprintf("%s[%d]", at, i), f))
			}
		},
		"advisory": func(n node, at string) { r.Advisory = readText(n, at, maxAdvisory, f) },
		"source":   func(n node, at string) { r.Source = readText(n, at, maxSource, f) },
	}
	states := []string{StateDraft, StateApproved, StateDeprecated}
	if stored {
		states = append(states, StateRecalled)
		fields["deadline"] = func(n node, at string) { r.Deadline = readTime(n, at, f) }
		fields["recalled"] = func(n node, at string) { r.readRecall(n, at, f) }
	}
	readObject(root, "", fields, f)
	switch {
	case !stored && r.State == StateRecalled:
		f.add("state", "a recall is a command, not a document: assay firmware recall")
	case !slices.Contains(states, r.State):
		f.add("state", "%q is none of %s", r.State, strings.Join(states, ", "))
	case (r.State == StateRecalled) != (r.Before != ""):
		f.add("recalled", "goes with state recalled, and only with it")
	}
	r.checkComponents(f)
}

func (r *Release) readRecall(n node, at string, f *faults) {
	readObject(n, at, fieldReaders{
		"at": func(n node, at string) { r.RecalledAt = readTime(n, at, f) },
		"grace_seconds": func(n node, at string) {
			r.Grace = time.Duration(readUint(n, at, uint64(maxGrace/time.Second), f)) * time.Second
		},
		"critical": func(n node, at string) { r.Critical = readBool(n, at, f) },
		"before":   func(n node, at string) { r.Before = readText(n, at, 16, f) },
	}, f)
	if r.Before != StateApproved && r.Before != StateDeprecated {
		f.add(at+".before", "%q is neither approved nor deprecated", r.Before)
	}
}

func readComponent(n node, at string, f *faults) Component {
	var c Component
	readObject(n, at, fieldReaders{
		"component": func(n node, at string) { c.Component = readText(n, at, maxComponent, f) },
		"svn":       func(n node, at string) { c.SVN = readUint(n, at, maxSVN, f) },
		"digests": func(n node, at string) {
			for i, item := range readList(n, at, maxDigests, f) {
				here := fmt.Sprintf("%s[%d]", at, i)
				digest, ok := ParseDigest(readText(item, here, 160, f))
				switch {
				case !ok:
					f.add(here, "a digest is sha256:, sha384: or sha512: and the hash in hex")
				case slices.Contains(c.Digests, digest):
					f.add(here, "given twice")
				}
				c.Digests = append(c.Digests, digest)
			}
		},
	}, f)
	switch {
	case !componentPattern.MatchString(c.Component):
		f.add(at+".component", "a component is 1 to %d of a-z, 0-9 and . _ -", maxComponent)
	case len(c.Digests) == 0:
		f.add(at+".digests", "name at least one digest")
	}
	return c
}

func (r *Release) checkComponents(f *faults) {
	if len(r.Components) == 0 {
		f.add("components", "name at least one component with its digest")
	}
	for i, c := range r.Components {
		same := func(other Component) bool { return other.Component == c.Component }
		if slices.IndexFunc(r.Components, same) < i {
			f.add(fmt.Sprintf("components[%d].component", i), "%q is given twice", c.Component)
		}
	}
}

// ParseDigest reads ALG:HEX, hex in either case, and returns it in lower case.
func ParseDigest(s string) (string, bool) {
	name, digits, _ := strings.Cut(s, ":")
	for _, a := range digestAlgs() {
		if a.name == name && len(digits) == 2*a.octets {
			return name + ":" + strings.ToLower(digits), isHex(digits)
		}
	}
	return s, false
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// storedRelease is how a release is printed.
type storedRelease struct {
	State      string        `json:"state"`
	Components []Component   `json:"components"`
	Advisory   string        `json:"advisory,omitempty"`
	Source     string        `json:"source,omitempty"`
	Deadline   *time.Time    `json:"deadline,omitempty"`
	Recalled   *storedRecall `json:"recalled,omitempty"`
}

type storedRecall struct {
	At       time.Time `json:"at"`
	Grace    int64     `json:"grace_seconds"`
	Critical bool      `json:"critical"`
	Before   string    `json:"before"`
}

// CanonicalJSON prints the spec in the order of the type, so that equal
// releases have equal bytes. LoadRelease reads it back.
func (r *Release) CanonicalJSON() ([]byte, error) {
	s := storedRelease{State: r.State, Components: r.Components, Advisory: r.Advisory, Source: r.Source}
	if !r.Deadline.IsZero() {
		s.Deadline = new(r.Deadline.UTC())
	}
	if r.State == StateRecalled {
		s.Recalled = &storedRecall{r.RecalledAt.UTC(), int64(r.Grace / time.Second), r.Critical, r.Before}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("print release %s: %w", r.Name(), err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
