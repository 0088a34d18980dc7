package profile

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// The kinds of profiles. The kind decides which issuer signs: devices or births.
const (
	KindOperational = "operational"
	KindBirth       = "birth"
)

// ErrNoIssuer: the authority has no issuer of the kind that the profile needs.
// For a birth profile that is an authority without a public URL.
var ErrNoIssuer = errors.New("no issuer for this kind of profile")

// Profile is a compiled, immutable profile of one product's revision. It is
// made by Compile and CompileBirth only.
type Profile struct {
	Product  string
	Revision uint32
	// Kind is KindOperational or KindBirth.
	Kind string
	// Validity is notAfter less the time of issue, before an issuer cuts it; 0
	// for the issuer's own notAfter.
	Validity time.Duration
	Keys     KeySet
	// SerialPattern is anchored at both ends; use SerialOK, which also knows
	// the bounds that hold for all products.
	SerialPattern *regexp.Regexp
	Status        Status
	Admit         AdmitSet
	Renewal       Renewal
	// LineRekeys is how often a line may give a device another key.
	LineRekeys int
	Roles      []string

	subject subject
	dns     []template
	uri     []template
}

// Status says where a certificate's status can be learnt.
type Status struct {
	CRL, OCSP bool
}

// Renewal says how certificates of the profile are renewed.
type Renewal struct {
	// WindowStart and WindowEnd are fractions of the lifetime.
	WindowStart, WindowEnd float64
	// Subject is what a request's subject is compared with: lineage, presented
	// or ignore.
	Subject string
	// Grace after notAfter; 0 for none.
	Grace time.Duration
	// RevokeOld: superseded certificates are also revoked.
	RevokeOld bool
	// NewKey: each renewal wants a new key.
	NewKey bool
}

// IssuerLimits are those of the issuer of the profile's kind.
type IssuerLimits struct {
	// MaxValidity bounds the validity; 0 for no bound.
	MaxValidity time.Duration
}

// Compile makes the operational profile of a revision, for an authority's name
// (the organization of subjects) and the issuer's limits. What does not fit
// comes back as a *FaultsError.
func (p *Product) Compile(revision uint32, authorityName string, limits IssuerLimits) (*Profile, error) {
	var f faults
	o := &p.Spec.Operational
	if m := limits.MaxValidity; m > 0 && time.Duration(o.Validity) > m {
		f.add("operational.validity", "%s is longer than the issuer's max_validity of %s", o.Validity, Duration(m))
	}
	made := p.begin(KindOperational, revision, o.Admit, &f)
	made.Validity, made.Roles = time.Duration(o.Validity), p.Spec.Roles
	made.Renewal = Renewal{
		WindowStart: o.Renewal.Window[0].Fraction(), WindowEnd: o.Renewal.Window[1].Fraction(),
		Subject: o.Renewal.Subject, Grace: time.Duration(o.Renewal.Grace),
		RevokeOld: o.Renewal.RevokeOld, NewKey: p.Spec.Keys.OnRenewal == "new",
	}
	for _, s := range o.Status {
		made.Status.CRL = made.Status.CRL || s == "crl"
		made.Status.OCSP = made.Status.OCSP || s == "ocsp"
	}
	if err := made.compileNames(p, authorityName); err != nil {
		f.add("operational.subject", "%v", err)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return made, nil
}

// CompileBirth makes the birth profile of a revision. Its certificates end with
// their issuer, whose limits therefore do not bound them (IEEE 802.1AR),
// name both sources of status and are never renewed. A product without a birth
// block is a *FaultsError.
func (p *Product) CompileBirth(revision uint32, authorityName string, _ IssuerLimits) (*Profile, error) {
	var f faults
	b := p.Spec.Birth
	if b == nil {
		f.add("birth", "the product has no birth profile; add the block")
		return nil, f.err()
	}
	made := p.begin(KindBirth, revision, b.Admit, &f)
	made.Status = Status{CRL: true, OCSP: true}
	var err error
	if made.subject, err = compileSubject(b.Subject, nil, p.Name, authorityName); err != nil {
		f.add("birth.subject", "%v", err)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return made, nil
}

// begin makes what profiles of both kinds share.
func (p *Product) begin(kind string, revision uint32, admit []Admit, f *faults) *Profile {
	pattern, err := compilePattern(p.Spec.SerialPattern)
	if err != nil {
		f.add("serial_pattern", "%v", err)
	}
	return &Profile{
		Product: p.Name, Revision: revision, Kind: kind,
		Keys: p.Spec.Keys.Allow, SerialPattern: pattern,
		Admit: admit, LineRekeys: p.Spec.Operational.LineRekeys,
	}
}

func (made *Profile) compileNames(p *Product, authorityName string) (err error) {
	o := &p.Spec.Operational
	if made.subject, err = compileSubject(o.Subject, p.Spec.Roles, p.Name, authorityName); err != nil {
		return err
	}
	for _, s := range o.SAN.DNS {
		t, err := parseTemplate(s, sanVariables...)
		if err != nil {
			return fmt.Errorf("san %q: %w", s, err)
		}
		made.dns = append(made.dns, t)
	}
	for _, s := range o.SAN.URI {
		t, err := parseTemplate(s, sanVariables...)
		if err != nil {
			return fmt.Errorf("san %q: %w", s, err)
		}
		made.uri = append(made.uri, t)
	}
	return nil
}

// Class is the lifetime class of the profile's certificates.
func (made *Profile) Class() Class {
	if made.Validity == 0 {
		return Long
	}
	return ClassOf(made.Validity)
}

// SerialOK tells whether s can be the serial number of a device: 1 to 64
// printable ASCII characters, no space at either end, matching the pattern.
func (made *Profile) SerialOK(s string) bool {
	if s == "" || len(s) > maxNameRunes || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return made.SerialPattern.MatchString(s)
}
