package profile

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// template is text with {variables}, split once.
type template []piece

type piece struct {
	text     string // fixed text, or the variable's name
	variable bool
}

func parseTemplate(s string, variables ...string) (template, error) {
	if len(s) > maxTemplate {
		return nil, fmt.Errorf("longer than %d characters", maxTemplate)
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return nil, fmt.Errorf("control characters are not allowed")
	}
	var t template
	for s != "" {
		before, rest, open := strings.Cut(s, "{")
		if strings.Contains(before, "}") {
			return nil, fmt.Errorf("a } without {")
		}
		if before != "" {
			t = append(t, piece{text: before})
		}
		if !open {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || !slices.Contains(variables, name) {
			return nil, fmt.Errorf("{%s is not one of {%s}", name, strings.Join(variables, "} {"))
		}
		t = append(t, piece{text: name, variable: true})
		s = after
	}
	return t, nil
}

// expand puts the values in; value's error stops it.
func (t template) expand(value func(name string) (string, error)) (string, error) {
	if len(t) == 1 && t[0].variable {
		return value(t[0].text)
	}
	var b strings.Builder
	for _, p := range t {
		s := p.text
		if p.variable {
			var err error
			if s, err = value(p.text); err != nil {
				return "", err
			}
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

var (
	subjectVariables = []string{"serial", "product", "authority"}
	sanVariables     = []string{"product", "serial", "site", "batch"}

	dnsPart  = regexp.MustCompile(`\A[A-Za-z0-9-]+\z`)
	dnsName  = regexp.MustCompile(`\A[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\z`)
	uriPart  = regexp.MustCompile(`\A[A-Za-z0-9._:-]+\z`)
	uriLabel = regexp.MustCompile(`\A[A-Za-z][A-Za-z0-9+.-]*:[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+\z`)
)

func (s *SubjectSpec) check(f *faults, path string) {
	for _, x := range []struct{ key, template string }{
		{"common_name", s.CommonName}, {"serial_number", s.SerialNumber}, {"organization", s.Organization},
	} {
		here := at(path, x.key)
		if f.has(here) {
			continue
		}
		if _, err := parseTemplate(x.template, subjectVariables...); err != nil {
			f.add(here, "%v", err)
		} else if utf8.RuneCountInString(x.template) > maxNameRunes {
			f.add(here, "at most %d characters (RFC 5280 appendix A)", maxNameRunes)
		}
	}
}

func (s *SANSpec) check(f *faults) {
	if len(s.DNS)+len(s.URI) > maxSANs {
		f.add("operational.san", "at most %d names", maxSANs)
	}
	example := Names{Product: "p", Serial: "s", Site: "l", Batch: "b"}
	for i, t := range s.DNS {
		here := fmt.Sprintf("operational.san.dns[%d]", i)
		if p, err := parseTemplate(t, sanVariables...); err != nil {
			f.add(here, "%v", err)
		} else if _, err := expandDNS(p, example); err != nil {
			f.add(here, "%v", err)
		}
	}
	for i, t := range s.URI {
		here := fmt.Sprintf("operational.san.uri[%d]", i)
		if p, err := parseTemplate(t, sanVariables...); err != nil {
			f.add(here, "%v", err)
		} else if _, err := expandURI(p, example); err != nil {
			f.add(here, "%v", err)
		}
	}
}

// expandDNS fills a template of a dNSName. What is put in cannot add a label,
// so that no serial number reaches out of the domain that the product names.
func expandDNS(t template, d Names) (string, error) {
	s, err := t.expand(d.value(dnsPart))
	switch {
	case err != nil:
		return "", err
	case len(s) > maxDNSName || !dnsName.MatchString(s):
		return "", nameErrorf("%q is not a DNS name", s)
	}
	return s, nil
}

// expandURI fills a template of a uniformResourceIdentifier: absolute, and
// with a host name or address when it has an authority (RFC 5280 §4.2.1.6).
func expandURI(t template, d Names) (string, error) {
	s, err := t.expand(d.value(uriPart))
	if err != nil {
		return "", err
	}
	if len(s) > maxURI || !uriLabel.MatchString(s) {
		return "", nameErrorf("%q is not an absolute URI", s)
	}
	u, err := url.Parse(s)
	if err != nil {
		return "", nameErrorf("%q is not an absolute URI", s)
	}
	if _, rest, _ := strings.Cut(s, ":"); strings.HasPrefix(rest, "//") {
		_, notAddress := netip.ParseAddr(u.Hostname())
		if notAddress != nil && (!dnsName.MatchString(u.Hostname()) || !strings.Contains(u.Hostname(), ".")) {
			return "", nameErrorf("%q: the host is not a fully qualified name (RFC 5280 §4.2.1.6)", s)
		}
	}
	return s, nil
}
