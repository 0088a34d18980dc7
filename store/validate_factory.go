package store

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// maxFacts leaves room in an event for what its act adds.
const maxFacts = MaxDetail - 12

// validateFacts checks what a caller adds to an event.
func validateFacts(facts map[string]string) error {
	if len(facts) > maxFacts {
		return fmt.Errorf("%d facts for an event: %w", len(facts), ErrLimit)
	}
	for name, value := range facts {
		if err := validateTexts(name, value); err != nil {
			return err
		}
	}
	return nil
}

// validateOptional is validateName for what may be empty.
func validateOptional(kind, name string) error {
	if name == "" {
		return nil
	}
	return validateName(kind, name)
}

func (i *Issuance) validateFactory(isDevice bool) error {
	if !isDevice && (i.Station != "" || i.Batch != "" || i.Nonce != nil || i.Evidence != nil || i.Token != [32]byte{}) {
		return fmt.Errorf("issue: only devices have tokens, stations, batches and evidence: %w", ErrConflict)
	}
	if err := validateOptional("station", i.Station); err != nil {
		return err
	}
	if err := validateOptional("batch", i.Batch); err != nil {
		return err
	}
	if i.Nonce != nil && (len(i.Nonce.Nonce) == 0 || len(i.Nonce.Nonce) > MaxNonce) {
		return fmt.Errorf("nonce of %d octets: %w", len(i.Nonce.Nonce), ErrLimit)
	}
	if i.Evidence != nil {
		if err := i.Evidence.validate(); err != nil {
			return err
		}
	}
	return validateFacts(i.Facts)
}

func (a *Appraised) validate() error {
	if len(a.Components) > MaxMeasured {
		return fmt.Errorf("appraisal of %d components: %w", len(a.Components), ErrLimit)
	}
	if err := validateTexts(a.Format, a.Tier, a.Fresh); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, c := range a.Components {
		if seen[c.Component] {
			return fmt.Errorf("component %q twice: %w", c.Component, ErrConflict)
		}
		seen[c.Component] = true
		if err := validateName("component", c.Component); err != nil {
			return err
		}
		if err := validateTexts(c.Version); err != nil {
			return err
		}
	}
	return nil
}

// Validate checks the order and every row of its manifest, against themselves:
// doubled serials are for the engine.
func (n *NewBatch) Validate() error {
	b := &n.Batch
	if len(n.Devices) > MaxManifestRows {
		return fmt.Errorf("manifest of %d rows: %w", len(n.Devices), ErrLimit)
	}
	if uint64(len(n.Devices)) != b.Manifest.Rows || (b.Manifest.Rows > 0) == (b.Quota > 0) || b.Quota >= 1<<63 {
		return fmt.Errorf("batch with %d rows, %d devices and quota %d, one of both bounds it: %w", b.Manifest.Rows, len(n.Devices), b.Quota, ErrConflict)
	}
	if b.Manifest.Rows == 0 && b.Manifest != (Manifest{}) || b.Manifest.Rows > 0 && b.Manifest.Format == "" {
		return fmt.Errorf("manifest %+v: %w", b.Manifest, ErrConflict)
	}
	if !b.Until.IsZero() && !b.Until.After(b.From) {
		return fmt.Errorf("batch ends %v before it begins %v: %w", b.Until, b.From, ErrConflict)
	}
	if err := validateName("batch", b.Name); err != nil {
		return err
	}
	if err := (DeviceID{b.Product, "1"}).Validate(); err != nil {
		return err
	}
	for _, name := range []string{b.Site, b.Line} {
		if err := validateOptional("site or line", name); err != nil {
			return err
		}
	}
	for row := range n.Devices {
		if err := n.Devices[row].validate(); err != nil {
			return fmt.Errorf("row %d: %w", row, err)
		}
	}
	return n.By.Validate()
}

func (e *Expectation) validate() error {
	if err := validateName("serial", e.Serial); err != nil {
		return err
	}
	for _, name := range []string{e.VendorID, e.Site, e.Line} {
		if err := validateOptional("row's", name); err != nil {
			return err
		}
	}
	if n := len(e.KeySHA256); n != 0 && n != 32 {
		return fmt.Errorf("key digest of %d octets: %w", n, ErrConflict)
	}
	if n := len(e.DICEKeySHA256); n != 0 && n != 32 {
		return fmt.Errorf("dice key digest of %d octets: %w", n, ErrConflict)
	}
	if len(e.AKName) > MaxName || len(e.EATID) > MaxName || len(e.Attributes) > MaxAttributes {
		return fmt.Errorf("ak name, eat id or attributes: %w", ErrLimit)
	}
	for _, a := range e.Attributes {
		if len(a.Name) > MaxName || len(a.Value) > MaxName || !utf8.ValidString(a.Name+a.Value) {
			return fmt.Errorf("attribute %q: %w", a.Name, ErrLimit)
		}
	}
	return nil
}

// Expected is the device that a row announces.
func (e *Expectation) Expected(b *Batch, by Actor) Device {
	d := Device{
		DeviceID: DeviceID{b.Product, e.Serial}, Batch: b.Name, Site: b.Site, Line: b.Line,
		Identity: e.Identity, Attributes: e.Attributes,
	}
	if e.Site != "" {
		d.Site = e.Site
	}
	if e.Line != "" {
		d.Line = e.Line
	}
	d.move(DeviceExpected, 0, by.At)
	return d
}

// Validate checks window, state and nonce.
func (c *ChangeBatch) Validate() error {
	if c.State < BatchOpen || c.State > BatchHasClosed || c.Quota >= 1<<63 {
		return fmt.Errorf("batch state %d, quota %d: %w", c.State, c.Quota, ErrConflict)
	}
	if !c.Until.IsZero() && !c.Until.After(c.From) {
		return fmt.Errorf("batch ends %v before it begins %v: %w", c.Until, c.From, ErrConflict)
	}
	if len(c.Nonce) > MaxNonce {
		return fmt.Errorf("nonce of %d octets: %w", len(c.Nonce), ErrLimit)
	}
	if err := validateName("batch", c.Name); err != nil {
		return err
	}
	return c.By.Validate()
}

// Apply makes the changes to a batch, and tells whether there were any to the
// order, and to its state.
func (c *ChangeBatch) Apply(b *Batch) (order, state bool, err error) {
	next := *b
	next.From, next.Until, next.Quota, next.State = StoredTime(c.From), StoredTime(c.Until), c.Quota, c.State
	if len(b.Nonce) == 0 {
		next.Nonce = bytes.Clone(c.Nonce)
	}
	order = next.From != b.From || next.Until != b.Until || next.Quota != b.Quota || len(next.Nonce) != len(b.Nonce)
	state = next.State != b.State
	switch {
	case !order && !state:
		return false, false, nil
	case b.State == BatchHasClosed:
		return false, false, fmt.Errorf("batch is closed: %w", ErrConflict)
	case (b.Manifest.Rows > 0) == (next.Quota > 0):
		return false, false, fmt.Errorf("a manifest or a quota bounds a batch: %w", ErrConflict)
	case next.Quota < b.Used && b.Manifest.Rows == 0:
		return false, false, fmt.Errorf("quota %d, %d are used: %w", next.Quota, b.Used, ErrQuota)
	}
	next.Revision++
	if next.State == BatchHasClosed {
		next.ClosedAt = StoredTime(c.By.At)
	}
	*b = next
	return order, state, nil
}

// Validate checks name and spec.
func (p *PutStation) Validate() error {
	s := &p.Spec
	if len(s.Products) > MaxListed || len(s.From) > MaxListed || s.Quota >= 1<<63 {
		return fmt.Errorf("station of %d products, %d networks, quota %d: %w", len(s.Products), len(s.From), s.Quota, ErrLimit)
	}
	for _, network := range s.From {
		if !network.IsValid() {
			return fmt.Errorf("station's network %v: %w", network, ErrConflict)
		}
	}
	if err := validateTexts(append([]string{s.Site, s.Line}, s.Products...)...); err != nil {
		return err
	}
	if err := validateName("station", p.Name); err != nil {
		return err
	}
	return p.By.Validate()
}

// Validate checks the texts.
func (a *DeviceAct) Validate() error {
	if err := validateTexts(a.Comment, a.Ticket); err != nil {
		return err
	}
	return a.By.Validate()
}

// Validate checks the comment.
func (c *CloseIncident) Validate() error {
	if err := validateTexts(c.Comment); err != nil {
		return err
	}
	return c.By.Validate()
}

// Validate checks that there is a key and a time.
func (k *NonceKey) Validate() error {
	if k.Key == [32]byte{} || k.MadeAt.IsZero() {
		return fmt.Errorf("a nonce key has octets and a time: %w", ErrConflict)
	}
	return nil
}
