package store

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Each act can be judged on its own before an engine looks at any record:
// Validate is ErrLimit for a field over its limit and ErrConflict for one that
// contradicts itself. Engines call it first.

func validateTexts(texts ...string) error {
	for _, s := range texts {
		if len(s) > MaxText {
			return fmt.Errorf("text of %d octets: %w", len(s), ErrLimit)
		}
		if !utf8.ValidString(s) {
			return fmt.Errorf("text is not UTF-8: %w", ErrConflict)
		}
	}
	return nil
}

// validateName: names are keys. NUL parts composed keys.
func validateName(kind, name string) error {
	if len(name) > MaxName {
		return fmt.Errorf("%s name of %d octets: %w", kind, len(name), ErrLimit)
	}
	if name == "" || strings.IndexByte(name, 0) >= 0 || !utf8.ValidString(name) {
		return fmt.Errorf("%s name %q: %w", kind, name, ErrConflict)
	}
	return nil
}

// ValidatePage checks the limit of a list.
func ValidatePage(limit int) error {
	if limit < 1 || limit > MaxPage {
		return fmt.Errorf("page of %d, allowed are 1 to %d: %w", limit, MaxPage, ErrLimit)
	}
	return nil
}

// Validate checks that the act has a doer and a time.
func (a Actor) Validate() error {
	if a.Principal == "" || a.At.IsZero() {
		return fmt.Errorf("act without principal or time: %w", ErrConflict)
	}
	return validateTexts(a.Principal, a.Source)
}

// Validate checks product and serial: product holds no slash.
func (d DeviceID) Validate() error {
	if strings.Contains(d.Product, "/") {
		return fmt.Errorf("product name %q: %w", d.Product, ErrConflict)
	}
	if err := validateName("product", d.Product); err != nil {
		return err
	}
	return validateName("serial", d.Serial)
}

// Validate checks the founding, and that its issuers are in order of their ids.
func (f Founding) Validate() error {
	if len(f.Issuers) == 0 || len(f.Issuers) > MaxListed || len(f.Authority.Hosts) > MaxListed {
		return fmt.Errorf("authority with %d issuers and %d hosts: %w", len(f.Issuers), len(f.Authority.Hosts), ErrLimit)
	}
	var last IssuerID
	for _, i := range f.Issuers {
		if i.ID <= last {
			return fmt.Errorf("issuer %s has id %d after %d: %w", i.Name(), i.ID, last, ErrConflict)
		}
		last = i.ID
	}
	if err := validateName("authority", f.Authority.ID); err != nil {
		return err
	}
	return f.By.Validate()
}

// Validate checks class and shard.
func (l Lease) Validate() error {
	if l.Class != ShortLived && l.Class != LongLived {
		return fmt.Errorf("lifetime class %d: %w", l.Class, ErrConflict)
	}
	return l.By.Validate()
}

// Validate reads Serial, NotBefore, NotAfter and SPKI from DER, and checks the
// issuance against itself.
func (i *Issuance) Validate() error {
	c := &i.Certificate
	if len(c.DER) > MaxCertificateBytes || c.Index > MaxIndex {
		return fmt.Errorf("certificate of %d octets, index %d: %w", len(c.DER), c.Index, ErrLimit)
	}
	if c.fillFromDER() != nil || indexOf(c.Serial) != c.Index || c.Issuer == 0 {
		return fmt.Errorf("issue: the certificate is not one of issuer %d, index %d: %w", c.Issuer, c.Index, ErrConflict)
	}
	isDevice := c.Holder.Kind == HolderDevice
	if isDevice != (i.Device != DeviceID{}) || isDevice && c.Holder.Name != i.Device.String() {
		return fmt.Errorf("issue: device %q and holder %s %q differ: %w", i.Device, c.Holder.Kind, c.Holder.Name, ErrConflict)
	}
	if isDevice {
		if err := i.Device.Validate(); err != nil {
			return err
		}
	}
	if c.Status != Good || c.Closed || c.Presented || i.Recovery > OnLine {
		return fmt.Errorf("issue: a new certificate has no history: %w", ErrConflict)
	}
	if err := validateTexts(c.Holder.Kind, c.Holder.Name, c.Profile, c.Operation, c.Label, c.Principal); err != nil {
		return err
	}
	if err := i.validateFactory(isDevice); err != nil {
		return err
	}
	return i.By.Validate()
}

// Validate checks reason, dates and texts.
func (r Revoke) Validate() error {
	if !Revokes(r.Reason) {
		return fmt.Errorf("revoke with reason %d: %w", r.Reason, ErrConflict)
	}
	if r.InvalidAt.After(r.By.At) {
		return fmt.Errorf("revoke: invalid from %v, in the future: %w", r.InvalidAt, ErrConflict)
	}
	if err := validateTexts(r.Comment, r.Ticket); err != nil {
		return err
	}
	return r.By.Validate()
}

// Validate checks the texts.
func (h Hold) Validate() error {
	if err := validateTexts(h.Comment, h.Ticket); err != nil {
		return err
	}
	return h.By.Validate()
}

// Validate checks kind, name and size.
func (p PutDocument) Validate() error {
	switch p.Kind {
	case KindProduct, KindPolicy:
		if p.Event != "" {
			return fmt.Errorf("event %q of a %s: %w", p.Event, p.Kind, ErrConflict)
		}
	case KindFirmware:
		if !slices.Contains(firmwareEvents(), p.Event) {
			return fmt.Errorf("event %q of a firmware release: %w", p.Event, ErrConflict)
		}
	default:
		return fmt.Errorf("document kind %q: %w", p.Kind, ErrConflict)
	}
	if err := validateFacts(p.Facts); err != nil {
		return err
	}
	if len(p.Body) > MaxDocumentBytes {
		return fmt.Errorf("document of %d octets: %w", len(p.Body), ErrLimit)
	}
	if err := validateName("document", p.Name); err != nil {
		return err
	}
	return p.By.Validate()
}

// Validate checks a new token.
func (t Token) Validate() error {
	if t.Hash == [32]byte{} || t.Uses == 0 || t.Used != 0 || t.Voided || t.ExpiresAt.IsZero() {
		return fmt.Errorf("a new token has a hash, uses and an end: %w", ErrConflict)
	}
	if err := validateName("product", t.Product); err != nil {
		return err
	}
	return validateTexts(t.Serial, t.CreatedBy)
}

// Validate checks name and grant.
func (p PutOperator) Validate() error {
	if len(p.Products) > MaxListed || len(p.Sites) > MaxListed {
		return fmt.Errorf("grant for %d products and %d sites: %w", len(p.Products), len(p.Sites), ErrLimit)
	}
	if err := validateTexts(append(append([]string{p.Role}, p.Products...), p.Sites...)...); err != nil {
		return err
	}
	if err := validateName("operator", p.Name); err != nil {
		return err
	}
	return p.By.Validate()
}

// Validate checks the scope.
func (c CRL) Validate() error {
	if c.SignedAt.IsZero() {
		return fmt.Errorf("crl without a signing time: %w", ErrConflict)
	}
	return validateName("crl scope", c.Scope)
}
