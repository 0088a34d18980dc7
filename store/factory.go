package store

import (
	"net/netip"
	"time"
)

// Batch states.
type BatchState uint8

const (
	BatchOpen      BatchState = 1
	BatchHasPaused BatchState = 2 // no first certificates until it goes on
	BatchHasClosed BatchState = 3 // for ever
)

// String is the word that people see.
func (s BatchState) String() string {
	switch s {
	case BatchOpen:
		return "open"
	case BatchHasPaused:
		return "paused"
	case BatchHasClosed:
		return "closed"
	}
	return "unknown"
}

// Batch is a production order. It counts devices: the first certificate of a
// serial that belongs to it, whoever paid for that.
type Batch struct {
	Name     string
	Revision uint32 // from 1; counters do not change it
	// Product, Site, Line and the manifest are fixed.
	Product, Site, Line string
	// From and Until bound the time of first certificates; zero: no bound.
	From, Until time.Time
	// Quota is the greatest Used; 0 for a batch with a manifest, whose rows
	// are its quota.
	Quota uint64
	// Manifest is zero without one.
	Manifest Manifest
	State    BatchState
	// Used counts devices that got their first certificate; Scrapped those of
	// them, or of the manifest, that were scrapped since.
	Used, Scrapped uint64
	// Nonce is the batch nonce, nil until it was asked for.
	Nonce     []byte
	CreatedAt time.Time
	CreatedBy string
	ClosedAt  time.Time
}

// Manifest says which list of serials a batch was made from.
type Manifest struct {
	SHA256 [32]byte
	Rows   uint64
	// Format is csv or json.
	Format string
}

// Limit is how many devices the batch may have.
func (b *Batch) Limit() uint64 {
	if b.Manifest.Rows > 0 {
		return b.Manifest.Rows
	}
	return b.Quota
}

// Left is how many more devices may be given their first certificate.
func (b *Batch) Left() uint64 { return b.Limit() - min(b.Used, b.Limit()) }

// NewBatch is the act of Store.CreateBatch. With a manifest, Devices are its
// rows: each becomes an expected device of the batch, all or none. Without
// one, Quota bounds it; a second open batch of the same product, site and line
// that has no manifest is ErrConflict.
type NewBatch struct {
	Batch   Batch // Name, Product, Site, Line, From, Until, Quota, Manifest
	Devices []Expectation
	By      Actor
}

// Expectation is one row of a manifest.
type Expectation struct {
	Serial string
	// Site and Line are narrower than the batch's, or empty.
	Site, Line string
	Identity
	Attributes []Attribute
}

// Identity is what a manifest knows of a device beyond its serial; empty
// fields are not known.
type Identity struct {
	VendorID string
	// KeySHA256 of the SPKI's DER: only this key gets the first certificate.
	KeySHA256     []byte
	AKName        []byte
	DICEKeySHA256 []byte
	EATID         []byte
}

// Attribute is an attr.NAME of the manifest: shown, queried, exported, never in
// a certificate.
type Attribute struct{ Name, Value string }

// ManifestError says which rows of a manifest contradict what is stored.
type ManifestError struct {
	// Faults are the first of them, Total counts all.
	Faults []RowFault
	Total  int
}

// RowFault is about one row, counted from 0.
type RowFault struct {
	Row int
	Err error // ErrExists, ErrConflict, with words
}

func (e *ManifestError) Error() string { return "the manifest contradicts what is stored" }

// Unwrap makes it an ErrConflict.
func (e *ManifestError) Unwrap() error { return ErrConflict }

// ChangeBatch is the act of Store.ChangeBatch: the whole of what may change.
type ChangeBatch struct {
	Name        string
	From, Until time.Time
	// Quota must not fall below Used: ErrQuota.
	Quota uint64
	// State moves open ⇄ paused → closed; any other move is ErrConflict.
	State BatchState
	// Nonce sets the batch nonce if it has none.
	Nonce  []byte
	Expect uint32 // as in PutDocument
	By     Actor
}

// Station is a factory station. Its certificates are its credential.
type Station struct {
	Name     string
	Revision uint32 // from 1; counters do not change it
	StationSpec
	// Used counts devices that it gave their first certificate.
	Used         uint64
	CreatedAt    time.Time
	CreatedBy    string
	Revoked      bool
	Certificates []Ref // oldest first; written by Issue
}

// StationSpec is what a station may do.
type StationSpec struct {
	// Site is fixed.
	Site, Line string
	// Products it may enrol; empty: all.
	Products []string
	// Quota is the greatest Used; 0: none.
	Quota uint64
	// Rate is the greatest number of requests an hour; 0: none.
	Rate uint32
	// From are the networks it may come from; empty: all.
	From []netip.Prefix
	// Until ends it; zero: with its certificate.
	Until time.Time
	// ClientAuth also gives its certificates id-kp-clientAuth.
	ClientAuth bool
}

// PutStation is the act of Store.PutStation. A revoked station is ErrConflict.
type PutStation struct {
	Name   string
	Spec   StationSpec
	Expect uint32 // as in PutDocument
	By     Actor
}

// NonceKey is one of the two keys of attestation nonces.
type NonceKey struct {
	Key    [32]byte
	MadeAt time.Time
}

// Redemption takes a nonce for a CSR.
type Redemption struct {
	// Nonce with which the row is keyed: its octets, and for a batch nonce the
	// serial behind them.
	Nonce []byte
	// Expires is when the nonce is refused for its age, and the row may go.
	Expires time.Time
}

// IncidentState of an incident.
type IncidentState uint8

const (
	IncidentIsOpen      IncidentState = 1
	IncidentIsContained IncidentState = 2
	IncidentIsClosed    IncidentState = 3
)

// String is the word that people see.
func (s IncidentState) String() string {
	switch s {
	case IncidentIsOpen:
		return "open"
	case IncidentIsContained:
		return "contained"
	case IncidentIsClosed:
		return "closed"
	}
	return "unknown"
}

// Incident is an anomaly and what was done about it. An engine makes one of
// each incident.opened event that it appends; while one of the same kind about
// the same object is open, that one counts on.
type Incident struct {
	// ID is the sequence of the event that opened it.
	ID   uint64
	Kind string
	// Object is the device or other thing that it is about, Other whom else it
	// concerns.
	Object, Other string
	Actor, Source string
	State         IncidentState
	OpenedAt      time.Time
	// LastSeq and LastAt are of the newest event of it, Count how many.
	LastSeq  uint64
	LastAt   time.Time
	Count    uint64
	ClosedAt time.Time
	ClosedBy string
	Comment  string
}

// CloseIncident is the act of Store.CloseIncident. Closing twice is not an
// error.
type CloseIncident struct {
	ID      uint64
	Comment string
	By      Actor
}

// DeviceAct is the act of Store.Rework and Store.Scrap.
type DeviceAct struct {
	Device  DeviceID
	Comment string
	Ticket  string
	By      Actor
	DryRun  bool
}
