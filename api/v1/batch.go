package v1

import "time"

// States of a batch.
const (
	BatchIsOpen   = "open"
	BatchIsPaused = "paused"
	BatchIsClosed = "closed"
)

// BatchSpec is the spec of a Batch document. It has a manifest or a quota.
type BatchSpec struct {
	Product string `json:"product" doc:"what is made; fixed"`
	Site    string `json:"site,omitempty" doc:"where; fixed"`
	Line    string `json:"line,omitempty" doc:"on which line; fixed"`
	// Manifest is the name of the file whose text is ManifestData. What is told
	// of a batch has sha256:HEX here, which may stand alone for the same list.
	Manifest     string    `json:"manifest,omitempty" doc:"name of the list of serials, or sha256:HEX of the one that the batch has; fixed"`
	ManifestData string    `json:"manifest_data,omitempty" doc:"text of the list of serials, CSV or JSON; fixed; never told"`
	From         time.Time `json:"from,omitzero" doc:"no first certificates before"`
	Until        time.Time `json:"until,omitzero" doc:"no first certificates from then on"`
	Quota        uint64    `json:"quota,omitempty" doc:"greatest number of devices, without a manifest"`
}

// Batch is a production order.
type Batch struct {
	Declared
	DryRun  bool      `json:"dry_run,omitempty" doc:"nothing was changed"`
	Product string    `json:"product"`
	Site    string    `json:"site,omitempty"`
	Line    string    `json:"line,omitempty"`
	From    time.Time `json:"from,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	State   string    `json:"state" enum:"open,paused,closed"`
	// Limit is the rows of the manifest, or the quota.
	Limit    uint64 `json:"limit" doc:"rows of the manifest, or the quota"`
	Used     uint64 `json:"used" doc:"devices that got their first certificate"`
	Left     uint64 `json:"left" doc:"devices that may still get theirs"`
	Scrapped uint64 `json:"scrapped"`
	// Manifest is absent without one.
	Manifest  *BatchManifest `json:"manifest,omitempty"`
	HasNonce  bool           `json:"has_nonce,omitempty" doc:"a batch nonce was given out"`
	CreatedAt time.Time      `json:"created_at,omitzero"`
	CreatedBy string         `json:"created_by,omitempty"`
	ClosedAt  time.Time      `json:"closed_at,omitzero"`
	// Certificate is the end-of-batch certificate of a closed batch: a note
	// (C2SP signed-note) signed by the audit log's key. Not in lists.
	Certificate string `json:"certificate,omitempty" doc:"end-of-batch certificate of a closed batch: a note signed by the audit log's key; not in lists"`
}

// BatchManifest says which list of serials a batch was made from.
type BatchManifest struct {
	SHA256 string `json:"sha256" doc:"of the file, hex"`
	Rows   uint64 `json:"rows"`
	Format string `json:"format" enum:"csv,json"`
}

// BatchNonce is the answer to POST /v1/batches/NAME/nonce: the same nonce each
// time. It is absent from a dry run when the batch has none yet.
type BatchNonce struct {
	DryRun bool   `json:"dry_run,omitempty" doc:"nothing was changed"`
	Batch  string `json:"batch"`
	Nonce  string `json:"nonce,omitempty" doc:"32 octets, unpadded base64url"`
	// From and Until bound it, as they bound the batch.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Signed is a note (C2SP signed-note) whose text is one line of JSON.
	Signed string `json:"signed,omitempty" doc:"the same as one line of JSON in a note signed by the audit log's key"`
}
