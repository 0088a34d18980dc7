package query

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assay-pki/assay/ca/profile"
)

// term is one comparison, its values read once.
type term struct {
	field *field
	name  string // the NAME of attr.NAME
	op    string
	texts []string
	// prefixes of digests, as sha256:9f86d081, of kind version.
	prefixes []string
	ranks    []uint64
}

// single tells whether the op takes one value.
func (t *term) single() bool { return t.op != equal && t.op != notEqual }

// lookUp finds a field by how it is written.
func (p *parser) lookUp(written string) (*term, *Error) {
	for i := range fields {
		f := &fields[i]
		if !f.named() {
			if written == f.name {
				return &term{field: f}, nil
			}
			continue
		}
		name, ok := strings.CutPrefix(written, f.name)
		switch {
		case written+"." == f.name, ok && name == "":
			return nil, p.faultAt(p.at, "%s wants a name, as %s", written, example(f))
		case ok && (len(name) > maxLabel || f.name == "attr." && strings.ContainsAny(name, ".-")):
			return nil, p.faultAt(p.at, "%q cannot be the name of one", name)
		case ok:
			return &term{field: f, name: name}, nil
		}
	}
	err := p.faultAt(p.at, "%s is not a field", shorten(written))
	err.Near = nearestField(written)
	return nil, err
}

func example(f *field) string {
	if f.name == "attr." {
		return "attr.customer"
	}
	return f.name + "firmware"
}

func nearestField(written string) string {
	if name := alias(written); name != "" {
		return name
	}
	names := make([]string, len(fields))
	base, _, dotted := strings.Cut(written, ".")
	for i := range fields {
		names[i] = strings.TrimSuffix(fields[i].name, ".")
	}
	if !dotted {
		base = written
	}
	i := slices.Index(names, nearest(base, names))
	return fields[i].shown()
}

func shorten(s string) string {
	if len(s) > 2*maxLabel {
		return s[:2*maxLabel] + "..."
	}
	return s
}

// add reads a value; why says what is wrong with it, near what may have been
// meant.
func (t *term) add(s string, now time.Time) (near, why string) {
	switch t.field.kind {
	case word:
		if t.op != like && !slices.Contains(t.field.words, s) {
			return nearest(s, t.field.words), fmt.Sprintf("%s is one of %s", t.field.shown(), strings.Join(t.field.words, " "))
		}
	case version:
		return "", t.addVersion(s)
	case tier:
		n := slices.Index(t.field.words, s)
		if n < 0 {
			return nearest(s, t.field.words), fmt.Sprintf("%s is one of %s", t.field.shown(), strings.Join(t.field.words, " "))
		}
		t.ranks = append(t.ranks, uint64(n))
		return "", ""
	case number:
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || s[0] == '+' {
			return "", fmt.Sprintf("%s is a whole number that is not negative", t.field.shown())
		}
		t.ranks = append(t.ranks, n)
		return "", ""
	case instant:
		at, ok := parseTime(s, now)
		if !ok {
			return "", "a time is 2026-11-23 (UTC), 2026-11-23T12:00:00Z, or -30d or +12h from now"
		}
		n, _ := rankOfTime(at)
		t.ranks = append(t.ranks, n)
		return "", ""
	}
	t.texts = append(t.texts, s)
	return "", ""
}

const digestPrefix = "sha256:"

func (t *term) addVersion(s string) (why string) {
	digits, ok := strings.CutPrefix(s, digestPrefix)
	if !ok {
		t.texts = append(t.texts, s)
		return ""
	}
	s = strings.ToLower(s)
	if t.op != like {
		for i := range len(digits) {
			if !strings.ContainsRune("0123456789abcdefABCDEF", rune(digits[i])) {
				return "a digest is sha256: and hexadecimal digits"
			}
		}
		if len(digits) < minDigestDigits || len(digits) > maxDigestDigits {
			return fmt.Sprintf("a digest has %d to %d digits", minDigestDigits, maxDigestDigits)
		}
	}
	t.prefixes = append(t.prefixes, s)
	return ""
}

// parseTime reads a date, which is the start of that day in UTC, a time of
// RFC 3339, or a distance from now.
func parseTime(s string, now time.Time) (time.Time, bool) {
	if s == "" {
		return time.Time{}, false
	}
	if sign := s[0]; sign == '-' || sign == '+' {
		d, err := profile.ParseDuration(s[1:])
		if err != nil {
			return time.Time{}, false
		}
		if sign == '-' {
			d = -d
		}
		return now.Add(time.Duration(d)), true
	}
	if at, err := time.Parse(time.DateOnly, s); err == nil {
		return at, true
	}
	at, err := time.Parse(time.RFC3339, s)
	return at, err == nil
}
