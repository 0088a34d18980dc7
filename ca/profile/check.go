package profile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const unavailable = "not available in this version"

var rolePattern = regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}\z`)

// check adds what is wrong with a spec beyond its form.
func (s *ProductSpec) check(f *faults) {
	text(f, "description", s.Description, maxDescription)
	if _, err := compilePattern(s.SerialPattern); err != nil {
		f.add("serial_pattern", "%v", err)
	}
	s.checkRoles(f)
	checkList(f, "keys.allow", s.Keys.Allow, keyTypes, false)
	oneOf(f, "keys.on_renewal", s.Keys.OnRenewal, "any", "new")
	oneOf(f, "csr.attributes", s.CSR.Attributes, "publish", "enforce")
	if s.CSR.Attributes == "enforce" {
		f.add("csr.attributes", "enforce is %s; publish is", unavailable)
	}
	oneOf(f, "csr.linking", s.CSR.Linking, "none", "required")
	if s.CSR.Linking == "required" {
		f.add("csr.linking", "required is %s", unavailable)
	}
	if s.Birth != nil {
		s.Birth.check(f)
	}
	s.Operational.check(f)
	if len(s.Vendor) > 0 {
		f.add("vendor", "vendor certificates are %s", unavailable)
	}
	s.Firmware.check(f)
	if len(s.Anchors) > 0 {
		f.add("anchors", "trust anchors of evidence and vendors are %s", unavailable)
	}
}

func (s *ProductSpec) checkRoles(f *faults) {
	if len(s.Roles) > maxRoles {
		f.add("roles", "at most %d", maxRoles)
	}
	for i, r := range s.Roles {
		here := fmt.Sprintf("roles[%d]", i)
		switch {
		case !rolePattern.MatchString(r):
			f.add(here, "a role is 1 to 64 letters, digits, spaces and . _ -, beginning with a letter or digit")
		case strings.EqualFold(r, "remediation"):
			f.add(here, "remediation is reserved for devices under recall")
		case slices.Index(s.Roles, r) < i:
			f.add(here, "given twice")
		}
	}
}

// check of a birth profile. IEEE 802.1AR wants the serial number in the
// subject's serialNumber attribute.
func (b *BirthSpec) check(f *faults) {
	checkAdmit(f, "birth.admit", b.Admit, AdmitStation, AdmitToken, AdmitVendor)
	b.Subject.check(f, "birth.subject")
	if !strings.Contains(b.Subject.SerialNumber, "{serial}") && !f.has("birth.subject.serial_number") {
		f.add("birth.subject.serial_number", "must hold {serial} (IEEE 802.1AR)")
	}
}

// checkAdmit checks a list of credentials.
func checkAdmit(f *faults, at string, list []Admit, allowed ...Admit) {
	checkList(f, at, list, allowed, false)
	if slices.Contains(list, AdmitVendor) {
		f.add(at, "vendor is %s", unavailable)
	}
}

func (o *OperationalSpec) check(f *faults) {
	checkAdmit(f, "operational.admit", o.Admit, AdmitStation, AdmitToken, AdmitBirth, AdmitVendor)
	inRange(f, "operational.validity", o.Validity, Duration(minValidity), Duration(maxValidity))
	o.Subject.check(f, "operational.subject")
	if !strings.Contains(o.Subject.SerialNumber+o.Subject.CommonName, "{serial}") {
		f.add("operational.subject", "serial_number or common_name must hold {serial}, or devices cannot be told apart")
	}
	o.SAN.check(f)
	checkList(f, "operational.status", o.Status, []string{"crl", "ocsp"}, true)
	if len(o.Status) == 0 && !f.has("operational.status") {
		f.add("operational.status", "certificates without a status source (RFC 9608) are %s; name crl, ocsp or both", unavailable)
	}
	if o.ServerKeygen {
		f.add("operational.serverkeygen", "%s", unavailable)
	}
	o.Renewal.check(f)
	if o.LineRekeys < 0 || o.LineRekeys > maxLineRekeys {
		f.add("operational.line_rekeys", "0 to %d", maxLineRekeys)
	}
}

func (r *RenewalSpec) check(f *faults) {
	if w := r.Window; w[0] == 0 || w[0] >= w[1] || w[1] >= Whole {
		f.add("operational.renewal.window", "two rising shares between 0%% and 100%%, as [50%%, 75%%]")
	}
	oneOf(f, "operational.renewal.subject", r.Subject, "lineage", "presented", "ignore")
	inRange(f, "operational.renewal.grace", r.Grace, 0, Duration(maxGrace))
}

// compilePattern anchors a serial pattern at both ends, whatever alternatives
// are in it.
func compilePattern(s string) (*regexp.Regexp, error) {
	if s == "" || len(s) > maxSerialPattern {
		return nil, fmt.Errorf("1 to %d characters", maxSerialPattern)
	}
	if _, err := regexp.Compile(s); err != nil {
		return nil, fmt.Errorf("not an RE2 expression: %v", err)
	}
	return regexp.Compile(`\A(?:` + s + `)\z`)
}

func text(f *faults, at, s string, limit int) {
	if utf8.RuneCountInString(s) > limit {
		f.add(at, "at most %d characters", limit)
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		f.add(at, "control characters are not allowed")
	}
}

func inRange(f *faults, at string, d, least, most Duration) {
	if !f.has(at) && (d < least || d > most) {
		f.add(at, "%s is outside %s to %s", d, least, most)
	}
}

func oneOf[T ~string](f *faults, at string, got T, allowed ...T) {
	if !slices.Contains(allowed, got) && !f.has(at) {
		f.add(at, "%q is not one of %s", got, join(allowed))
	}
}

// checkList checks that a list has known items, each once.
func checkList[T ~string](f *faults, at string, list, allowed []T, mayBeEmpty bool) {
	if len(list) == 0 && !mayBeEmpty && !f.has(at) {
		f.add(at, "name at least one of %s", join(allowed))
	}
	for i, x := range list {
		here := fmt.Sprintf("%s[%d]", at, i)
		oneOf(f, here, x, allowed...)
		if slices.Index(list, x) < i {
			f.add(here, "%s is given twice", x)
		}
	}
}

func join[T ~string](list []T) string {
	s := make([]string, len(list))
	for i, x := range list {
		s[i] = string(x)
	}
	return strings.Join(s, ", ")
}
