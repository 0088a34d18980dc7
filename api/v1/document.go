package v1

import (
	"encoding/json"
	"time"
)

// APIVersion is the apiVersion of every document of this package.
const APIVersion = "assay/v1"

// Kinds of documents, as in `apply -f`.
const (
	KindProduct  = "Product"
	KindPolicy   = "Policy"
	KindOperator = "Operator"
	KindFirmware = "Firmware" // named PRODUCT/VERSION
	KindBatch    = "Batch"
	KindStation  = "Station"
)

// PolicyName is the name of the one policy.
const PolicyName = "default"

// Document is what somebody declares: the body of PUT, and one YAML document
// of `apply -f` as JSON.
type Document struct {
	APIVersion string          `json:"apiVersion" enum:"assay/v1" doc:"version of the document"`
	Kind       string          `json:"kind" enum:"Product,Policy,Operator,Firmware,Batch,Station" doc:"what is declared"`
	Name       string          `json:"name" minLength:"1" maxLength:"128" doc:"its name; the one of the URL; PRODUCT/VERSION of a firmware release"`
	Spec       json.RawMessage `json:"spec" doc:"the fields of the kind"`
}

// Declared is a document as it is kept: its spec is canonical, with every
// default filled in.
type Declared struct {
	APIVersion string          `json:"apiVersion" doc:"version of the document"`
	Kind       string          `json:"kind" doc:"what is declared"`
	Name       string          `json:"name" doc:"its name"`
	Spec       json.RawMessage `json:"spec" doc:"the fields of the kind, defaults filled in"`
	// Revision counts changes, from 1; 0 in the answer to a dry run.
	Revision  uint32    `json:"revision" doc:"counts changes, from 1; also the ETag"`
	ChangedAt time.Time `json:"changed_at,omitzero" doc:"when this revision was made"`
	ChangedBy string    `json:"changed_by,omitempty" doc:"who made it"`
}

// Product is a device type; its name is the EST label.
type Product struct{ Declared }

// Policy is the authority's one policy.
type Policy struct{ Declared }

// Operator is somebody's right to the admin API. Its spec is an OperatorSpec.
type Operator struct {
	Declared
	Removed      bool     `json:"removed,omitempty" doc:"the right has ended"`
	Certificates []string `json:"certificates,omitempty" doc:"serial numbers of its certificates, oldest first"`
}

// OperatorSpec is the spec of an Operator document.
type OperatorSpec struct {
	Role string `json:"role" enum:"admin,security,factory,auditor" doc:"what it may do: docs/ROLES.md"`
	// Products and Sites bound the grant. Empty means all, but a factory
	// operator must name its sites; "*" is all of them.
	Products []string `json:"products,omitempty" doc:"products it is bound to; empty: all"`
	Sites    []string `json:"sites,omitempty" doc:"sites it is bound to; empty: all; role factory must name them, * is all"`
}

// Result is what a PUT did.
type Result string

// The results of a PUT.
const (
	Created   Result = "created"
	Changed   Result = "changed"
	Unchanged Result = "unchanged"
)

// Applied is the answer to a PUT of a document.
type Applied struct {
	Result Result `json:"result" enum:"created,changed,unchanged" doc:"what was done, or would be"`
	DryRun bool   `json:"dry_run,omitempty" doc:"nothing was stored"`
	// Before is the spec that was replaced, in the same canonical form as
	// After.Spec, so that both can be compared line by line.
	Before json.RawMessage `json:"before,omitempty" doc:"the spec before; absent when created"`
	After  Declared        `json:"after" doc:"the document as it is now"`
}
