package store

import (
	"encoding/hex"
	"time"
)

// Token is a one-time enrolment secret. Only its hash is kept.
type Token struct {
	// Hash is SHA-256 of the whole text, prefix included.
	Hash    [32]byte
	Product string
	// Serial binds the token to one device; empty for any of the product.
	Serial    string
	Uses      uint32
	Used      uint32
	CreatedAt time.Time
	ExpiresAt time.Time
	CreatedBy string
	Voided    bool
}

// ID is the token's public name: the first 8 octets of its hash in hex.
func (t *Token) ID() string { return hex.EncodeToString(t.Hash[:8]) }

// Usable tells whether it may still pay for an enrolment.
func (t *Token) Usable(now time.Time) bool {
	return !t.Voided && t.Used < t.Uses && now.Before(t.ExpiresAt)
}

// DocumentKind is the kind of a declarative document.
type DocumentKind string

const (
	KindProduct  DocumentKind = "Product"
	KindPolicy   DocumentKind = "Policy"
	KindFirmware DocumentKind = "Firmware" // named PRODUCT/VERSION
)

// Document is one revision of a product or the policy: its spec as canonical
// JSON, which ca/profile compiles.
type Document struct {
	Kind     DocumentKind
	Name     string
	Revision uint32 // from 1
	Body     []byte
	At       time.Time
	By       string
}

// PutDocument is the act of Store.PutDocument.
type PutDocument struct {
	Kind DocumentKind
	Name string
	Body []byte
	// Expect is the revision that the caller saw: 0 for "must not exist yet",
	// AnyRevision for whatever is there. ErrChanged if it differs.
	Expect uint32
	// Event is what happened to a Firmware document: one of firmware.added,
	// approved, deprecated, recalled, recall-undone. Empty for other kinds.
	Event EventName
	// Facts go into the event.
	Facts map[string]string
	By    Actor
}

// AnyRevision matches every present revision, none included.
const AnyRevision = ^uint32(0)

// RoleAdmin is the role that must never be without an operator.
const RoleAdmin = "admin"

// Operator is a person's or a program's right to the admin API.
type Operator struct {
	Name     string
	Revision uint32 // from 1
	Role     string
	// Products and Sites bound the grant: see api/rbac.
	Products []string
	Sites    []string
	At       time.Time
	By       string
	Removed  bool
	// Certificates of the operator, oldest first; written by Issue.
	Certificates []Ref
}

// PutOperator is the act of Store.PutOperator. A removed operator comes back.
// ErrLastAdmin if nobody would be left with role admin.
type PutOperator struct {
	Name     string
	Role     string
	Products []string
	Sites    []string
	Expect   uint32 // as in PutDocument
	By       Actor
}
