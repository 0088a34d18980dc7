package v1

import "time"

// States of a firmware release.
const (
	FirmwareDraft      = "draft"
	FirmwareApproved   = "approved"
	FirmwareDeprecated = "deprecated"
	// FirmwareIsRecalled is reached by a recall only, never by a document.
	FirmwareIsRecalled = "recalled"
)

// FirmwareSpec is the spec of a Firmware document, named PRODUCT/VERSION.
type FirmwareSpec struct {
	State      string              `json:"state,omitempty" enum:"draft,approved,deprecated" doc:"draft if absent; a recall is a command, never a document"`
	Components []FirmwareComponent `json:"components" doc:"what is measured"`
	Advisory   string              `json:"advisory,omitempty" doc:"URL of what there is to know about it"`
	Source     string              `json:"source,omitempty" doc:"where it was built from"`
}

// FirmwareComponent is one image of a release.
type FirmwareComponent struct {
	Component string   `json:"component" doc:"as the product's firmware.components names it"`
	SVN       uint64   `json:"svn,omitempty" doc:"security version number; a device never goes below its highest"`
	Digests   []string `json:"digests" doc:"sha256:HEX, sha384:HEX or sha512:HEX"`
}

// Firmware is a firmware release.
type Firmware struct {
	Declared
	Product    string              `json:"product"`
	Version    string              `json:"version"`
	State      string              `json:"state" enum:"draft,approved,deprecated,recalled"`
	Components []FirmwareComponent `json:"components" nullable:"false"`
	Advisory   string              `json:"advisory,omitempty"`
	Source     string              `json:"source,omitempty"`
	// AddedBy made the first revision.
	AddedBy string    `json:"added_by,omitempty" doc:"who made the first revision"`
	AddedAt time.Time `json:"added_at,omitzero"`
	// Deadline is of a deprecated release.
	Deadline time.Time `json:"deadline,omitzero" doc:"deprecated: certificates end then, and there are none afterwards; absent: no deadline"`
	// RecalledAt and what follows are of a recalled release.
	RecalledAt time.Time `json:"recalled_at,omitzero"`
	// RenewUntil is the end of the grace; absent: renewals are refused.
	RenewUntil time.Time `json:"renew_until,omitzero" doc:"devices that run it renew until then; absent: no more"`
	Critical   bool      `json:"critical,omitempty" doc:"everything is refused to devices that run it"`
}

// FirmwareAct is the body of approve, deprecate, recall and undo-recall.
type FirmwareAct struct {
	// Deadline is for deprecate, Grace and Critical are for recall.
	Deadline time.Time `json:"deadline,omitzero" doc:"deprecate: certificates end then, and there are none afterwards; absent: no deadline"`
	Grace    string    `json:"grace,omitempty" maxLength:"16" example:"14d" doc:"recall: how long devices that run it still renew; absent: not at all"`
	Critical bool      `json:"critical,omitempty" doc:"recall: refuse everything at once; not with grace"`
	Comment  string    `json:"comment,omitempty" maxLength:"500" doc:"why; in the audit log"`
	DryRun   bool      `json:"dry_run,omitempty" doc:"answer what would change and change nothing"`
	// Cursor goes on with the count of a dry run.
	Cursor string `json:"cursor,omitempty" maxLength:"512" doc:"recall with dry_run: impact.next of the answer before"`
}

// FirmwareChange is the answer to a FirmwareAct.
type FirmwareChange struct {
	DryRun   bool     `json:"dry_run,omitempty" doc:"nothing was changed"`
	Changed  bool     `json:"changed" doc:"false: it was so already"`
	Firmware Firmware `json:"firmware" doc:"the release as it is after the act"`
	// Impact is told by a dry run of a recall.
	Impact *RecallImpact `json:"impact,omitempty" doc:"recall with dry_run: the devices that run it"`
}

// RecallImpact counts the live devices that run a release and says what a
// recall does to them. None is held by it.
type RecallImpact struct {
	Devices uint64 `json:"devices" doc:"live devices that run it"`
	// RenewUntil is the end of the grace.
	RenewUntil time.Time     `json:"renew_until,omitzero" doc:"they renew until then, with certificates that end then; absent: not at all"`
	Groups     []RecallGroup `json:"groups" nullable:"false" doc:"by site and batch"`
	// Next goes on counting: one request reads so many devices.
	Next string `json:"next,omitempty" doc:"cursor: the count goes on there; absent at the end"`
}

// RecallGroup is what happens to the devices of one site and batch that are
// not updated.
type RecallGroup struct {
	Site    string `json:"site,omitempty" doc:"absent: no known site"`
	Batch   string `json:"batch,omitempty" doc:"absent: no batch"`
	Devices uint64 `json:"devices"`
	// FirstEnd and LastEnd are when the first and the last of them have no
	// valid certificate any more: the end of the one they have, or of the grace.
	FirstEnd time.Time `json:"first_end,omitzero" doc:"when the first of them, not updated, has no certificate any more"`
	LastEnd  time.Time `json:"last_end,omitzero" doc:"when the last of them has none"`
}
