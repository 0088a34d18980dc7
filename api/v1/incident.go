package v1

import "time"

// States of an incident.
const (
	IncidentOpen      = "open"
	IncidentContained = "contained"
	IncidentClosed    = "closed"
)

// Incident is an anomaly and what was done about it.
type Incident struct {
	DryRun bool   `json:"dry_run,omitempty" doc:"nothing was changed"`
	ID     uint64 `json:"id" doc:"sequence number of the event that opened it"`
	Kind   string `json:"kind" doc:"as key-of-another-device: docs/EVENTS.md"`
	// Object is what it is about, Other whom else it concerns.
	Object   string    `json:"object,omitempty" doc:"PRODUCT/SERIAL, or another object's name"`
	Other    string    `json:"other,omitempty" doc:"whom else it concerns"`
	Actor    string    `json:"actor,omitempty" doc:"who asked, when it was opened"`
	Source   string    `json:"source,omitempty" doc:"address that came from"`
	State    string    `json:"state" enum:"open,contained,closed"`
	OpenedAt time.Time `json:"opened_at"`
	LastAt   time.Time `json:"last_at,omitzero" doc:"when it happened last"`
	LastSeq  uint64    `json:"last_seq,omitempty" doc:"sequence number of the newest event of it"`
	Count    uint64    `json:"count" doc:"how often it happened"`
	ClosedAt time.Time `json:"closed_at,omitzero"`
	ClosedBy string    `json:"closed_by,omitempty"`
	Comment  string    `json:"comment,omitempty" doc:"what was said when it was closed"`
}

// IncidentClose is the body of POST /v1/incidents/ID/close.
type IncidentClose struct {
	Comment string `json:"comment,omitempty" maxLength:"500" doc:"what it was and what was done; in the audit log"`
	DryRun  bool   `json:"dry_run,omitempty" doc:"answer what would change and change nothing"`
}
