// Package store holds the records of an authority and the contract that every
// engine keeps. It has no code that touches a disk: store/bolt does, and
// store/storetest is the suite that an engine must pass.
//
// The contract is domain-level. Each mutating method is one atomic business
// act: it re-checks what the act rests on, changes the records and appends the
// audit events in one transaction, and returns only when all of it is durable
// (fsynced). An act that returns an error other than ErrUnavailable has changed
// nothing. After ErrUnavailable the act is whole or absent, and only a read can
// tell which: callers must not release what it would have stored.
//
// All methods are safe for concurrent use. Acts are totally ordered; a read
// that starts after an act has returned sees it.
package store

import (
	"context"
	"time"
)

// Store is one authority's records. See the package comment for what every
// method promises. Lists take a cursor and a limit and return at most limit
// records in key order; a limit outside 1..MaxPage is ErrLimit.
type Store interface {
	Reader
	Writer

	// Close waits for acts under way and releases the engine. Later calls
	// return ErrUnavailable.
	Close() error
}

// Reader is the reading half of a Store. A record that is not there is
// ErrNotFound.
type Reader interface {
	Authority(ctx context.Context) (Authority, error)
	// Issuers returns every issuer, the root included, by id.
	Issuers(ctx context.Context) ([]Issuer, error)
	// Blocks returns the newest leased block of every (issuer, class), with
	// Next advanced past the highest index that is stored in it.
	Blocks(ctx context.Context) ([]Block, error)

	Certificate(ctx context.Context, ref Ref) (Certificate, error)
	// CertificateBySPKI returns the newest certificate of a public key, given
	// as the DER of its SubjectPublicKeyInfo.
	CertificateBySPKI(ctx context.Context, spki []byte) (Certificate, error)
	// Certificates lists by (issuer, index), strictly after the cursor.
	Certificates(ctx context.Context, after Ref, limit int) ([]Certificate, error)
	// ExpiringBefore lists the calendar of expiries by (day, issuer, index),
	// strictly after the cursor and before a day, whatever became of the
	// certificates since.
	ExpiringBefore(ctx context.Context, after Expiry, before Day, limit int) ([]Expiry, error)
	// KeyBlocked tells whether a public key may never be certified again.
	KeyBlocked(ctx context.Context, spki []byte) (bool, error)

	Device(ctx context.Context, id DeviceID) (Device, error)
	// Devices lists by (product, serial), strictly after the cursor.
	Devices(ctx context.Context, after DeviceID, limit int) ([]Device, error)

	// Token finds a token by the SHA-256 of its text.
	Token(ctx context.Context, hash [32]byte) (Token, error)
	// Tokens lists by hash, strictly after the cursor.
	Tokens(ctx context.Context, after [32]byte, limit int) ([]Token, error)

	// Document returns the newest revision.
	Document(ctx context.Context, kind DocumentKind, name string) (Document, error)
	DocumentRevision(ctx context.Context, kind DocumentKind, name string, revision uint32) (Document, error)
	// Documents lists the newest revisions of a kind by name, strictly after
	// the cursor.
	Documents(ctx context.Context, kind DocumentKind, after string, limit int) ([]Document, error)

	// Version rises with every change of what decides enrolments without being
	// looked at for each: documents, batches and stations, not their counters.
	// It starts anywhere, costs no read of the disk, and is taken before what
	// it stands for.
	Version(ctx context.Context) (uint64, error)

	Batch(ctx context.Context, name string) (Batch, error)
	// Batches lists by name, strictly after the cursor.
	Batches(ctx context.Context, after string, limit int) ([]Batch, error)
	Station(ctx context.Context, name string) (Station, error)
	// Stations lists by name, revoked ones included, strictly after the cursor.
	Stations(ctx context.Context, after string, limit int) ([]Station, error)
	// NonceKeys returns at most two, the newest first.
	NonceKeys(ctx context.Context) ([]NonceKey, error)
	// Redeemed returns the CSR hash that a nonce was redeemed for.
	Redeemed(ctx context.Context, nonce []byte) ([32]byte, error)

	Incident(ctx context.Context, id uint64) (Incident, error)
	// Incidents lists by id, newest first, strictly before the cursor; 0 is
	// before none.
	Incidents(ctx context.Context, before uint64, limit int) ([]Incident, error)

	Operator(ctx context.Context, name string) (Operator, error)
	// Operators lists by name, removed ones included, strictly after the cursor.
	Operators(ctx context.Context, after string, limit int) ([]Operator, error)

	// Revocations lists an issuer's certificates that are revoked or held with
	// from <= index < to, by index.
	Revocations(ctx context.Context, issuer IssuerID, from, to uint64, limit int) ([]Revocation, error)
	// RevokedSince lists changes of status with sequence > after, in order.
	RevokedSince(ctx context.Context, after uint64, limit int) ([]FeedEntry, error)
	// FeedHead is the sequence of the newest change of status, 0 for none.
	FeedHead(ctx context.Context) (uint64, error)
	// WaitFeed blocks until FeedHead > after or ctx ends, whose error it then
	// returns.
	WaitFeed(ctx context.Context, after uint64) error
	// CRLs lists what was last numbered for every (issuer, scope).
	CRLs(ctx context.Context) ([]CRL, error)

	// Events lists committed events with sequence > after, in order. The first
	// event has sequence 1 and is leaf 0 of the log.
	Events(ctx context.Context, after uint64, limit int) ([]Event, error)
	// EventsAt reads events by sequence, in the order asked for; a sequence that
	// is not there is left out. At most MaxPage.
	EventsAt(ctx context.Context, seqs []uint64) ([]Event, error)
	// Log returns the size of the Merkle log and its root hash.
	Log(ctx context.Context) (LogHead, error)
	// LogHashes returns the stored hashes of golang.org/x/mod/sumdb/tlog by
	// index, for proofs.
	LogHashes(ctx context.Context, indexes []int64) ([][32]byte, error)
	// Checkpoint returns the newest signed checkpoint.
	Checkpoint(ctx context.Context) ([]byte, error)

	// ClockMark is the latest time that any act carried.
	ClockMark(ctx context.Context) (time.Time, error)
}

// Writer is the writing half of a Store: the business acts.
type Writer interface {
	// Found writes the authority and its issuers, once: ErrExists after.
	Found(ctx context.Context, f Founding) error
	// LeaseBlock hands out the issuer's next block of indices, a whole shard,
	// to one lifetime class. want is the shard that the caller has prepared
	// (published an empty CRL for); ErrChanged if it is not the next one.
	// ErrIndexExhausted after the last shard.
	LeaseBlock(ctx context.Context, l Lease) (Block, error)
	// NextShard tells which shard LeaseBlock would hand out next.
	NextShard(ctx context.Context, issuer IssuerID) (uint64, error)

	// Issue stores a signed certificate and takes what it consumes: see
	// Issuance for what is checked again inside the transaction.
	Issue(ctx context.Context, i Issuance) (Issued, error)
	// Present records that a certificate was used at our EST for the first
	// time, and closes older ones of its lineage and profile; only devices have
	// a lineage. A certificate that is closed, revoked or held is ErrConflict.
	// Presenting twice is not an error, costs a read and leaves no event.
	Present(ctx context.Context, p Presentation) error

	// Revoke ends a device or one certificate. Revoking what is revoked is not
	// an error: Changed is empty then. A held certificate keeps the date of its
	// hold. One certificate, named by Ref, is revoked also when it has expired.
	Revoke(ctx context.Context, r Revoke) (StatusChange, error)
	// Hold suspends a device and all its live certificates.
	Hold(ctx context.Context, h Hold) (StatusChange, error)
	// Release undoes a hold: certificates that it held are good again.
	Release(ctx context.Context, h Hold) (StatusChange, error)

	// PutDocument adds a revision. Same bytes as the newest one: no revision,
	// no event, the newest is returned.
	PutDocument(ctx context.Context, p PutDocument) (Document, error)
	// CreateBatch stores an order and the devices that it expects: see NewBatch.
	// ErrExists if the name is taken, *ManifestError for rows whose serial is in
	// another open batch or is a device that is not expected any more, or whose
	// vendor id another device of the product has.
	CreateBatch(ctx context.Context, n NewBatch) (Batch, error)
	// ChangeBatch changes an order. Nothing changed: no revision, no event.
	ChangeBatch(ctx context.Context, c ChangeBatch) (Batch, error)
	// PutStation adds or changes a station; another site is ErrConflict. The
	// same spec as before: no revision, no event.
	PutStation(ctx context.Context, p PutStation) (Station, error)
	// RevokeStation ends a station and revokes the certificates it has. Doing
	// it twice is not an error: Changed is empty then.
	RevokeStation(ctx context.Context, name string, reason uint8, by Actor) (StatusChange, error)
	// Rework lets a station give a device a new key once. An ended or held
	// device, or one without a certificate, is ErrConflict.
	Rework(ctx context.Context, a DeviceAct) (StatusChange, error)
	// Scrap ends a device that never left the factory, and revokes all its live
	// certificates, reason cessationOfOperation. Scrapping twice is not an
	// error; a decommissioned device is ErrConflict.
	Scrap(ctx context.Context, a DeviceAct) (StatusChange, error)
	// AddNonceKey keeps the key and the newest one before it.
	AddNonceKey(ctx context.Context, key NonceKey) error
	// CloseIncident ends an incident.
	CloseIncident(ctx context.Context, c CloseIncident) (Incident, error)

	// CreateToken stores a new token; ErrExists if its hash is taken.
	CreateToken(ctx context.Context, t Token, by Actor) error
	// VoidToken ends a token by hash. Voiding twice is not an error.
	VoidToken(ctx context.Context, hash [32]byte, by Actor) (Token, error)
	// PutOperator adds or changes an operator's grant. The same grant as
	// before: no revision, no event.
	PutOperator(ctx context.Context, p PutOperator) (Operator, error)
	// RemoveOperator ends an operator and revokes the certificates it has,
	// reason privilegeWithdrawn. ErrLastAdmin if nobody would be left with role
	// admin. Removing twice is not an error: Changed is empty then.
	RemoveOperator(ctx context.Context, name string, expect uint32, by Actor) (StatusChange, error)

	// NextCRL reserves the number of the next CRL of a scope: greater than any
	// before, and not below the clock (Unix seconds). ThisUpdate never falls.
	NextCRL(ctx context.Context, c CRL) (CRL, error)
	// PutCheckpoint keeps the newest signed checkpoint.
	PutCheckpoint(ctx context.Context, checkpoint []byte) error
	// Record appends events that come with no act: refusals, incidents, starts,
	// stops, the clock. It notes them in the devices that they are about, and
	// makes or goes on with the incidents that they open. At most MaxEventsPerRecord, else ErrLimit; a name that is
	// not in the table, or no time, is ErrConflict. A missing salt is made.
	Record(ctx context.Context, events ...Event) error
	// LowerClockMark sets the mark back to a time, audited: `doctor clock
	// --reset`. A time above the mark is ErrConflict.
	LowerClockMark(ctx context.Context, to time.Time, by Actor) error
}

// Actor says who did an act, for its audit event, and when.
type Actor struct {
	// Principal: "operator:NAME", "token:ID", "device:PRODUCT/SERIAL",
	// "station:NAME", "node".
	Principal string
	// At is the caller's clock, to the second or finer. It moves ClockMark.
	At time.Time
	// Source is the caller's address, without port; empty for the node's own acts.
	Source string
}
