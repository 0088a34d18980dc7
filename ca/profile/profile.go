package profile

import (
	"fmt"
	"regexp"
	"time"
)

// KindOperational is the kind of an operational profile.
const KindOperational = "operational"

// Profile is a compiled, immutable profile of one product's revision. It is
// made by Compile only.
type Profile struct {
	Product  string
	Revision uint32
	// Kind is KindOperational.
	Kind string
	// Validity is notAfter less the time of issue, before an issuer cuts it.
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

// IssuerLimits are those of the issuer that will sign.
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
	pattern, err := compilePattern(p.Spec.SerialPattern)
	if err != nil {
		f.add("serial_pattern", "%v", err)
	}
	made := &Profile{
		Product: p.Name, Revision: revision, Kind: KindOperational,
		Validity: time.Duration(o.Validity), Keys: p.Spec.Keys.Allow, SerialPattern: pattern,
		Admit: o.Admit, LineRekeys: o.LineRekeys, Roles: p.Spec.Roles,
		Renewal: Renewal{
			WindowStart: o.Renewal.Window[0].Fraction(), WindowEnd: o.Renewal.Window[1].Fraction(),
			Subject: o.Renewal.Subject, Grace: time.Duration(o.Renewal.Grace),
			RevokeOld: o.Renewal.RevokeOld, NewKey: p.Spec.Keys.OnRenewal == "new",
		},
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
func (made *Profile) Class() Class { return ClassOf(made.Validity) }

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
