package v1

import "time"

// Event is one entry of the audit log, for reading. What the log's tree is
// made of are the bytes of a Leaf.
type Event struct {
	Seq    uint64            `json:"seq" doc:"from 1; leaf number + 1"`
	Name   string            `json:"name" doc:"noun.verb, docs/EVENTS.md"`
	Time   time.Time         `json:"time"`
	Actor  string            `json:"actor,omitempty" doc:"operator:NAME, token:ID, device:PRODUCT/SERIAL, station:NAME or node"`
	Source string            `json:"source,omitempty" doc:"address it came from"`
	Object string            `json:"object,omitempty" doc:"PRODUCT/SERIAL, or another object's name"`
	Serial string            `json:"serial,omitempty" doc:"of a certificate, hex"`
	Issuer string            `json:"issuer,omitempty" doc:"name of its issuer"`
	Reason string            `json:"reason,omitempty"`
	Count  uint64            `json:"count,omitempty" doc:"how many, for counted refusals"`
	Detail map[string]string `json:"detail,omitempty"`
}

// Leaf is one entry of the audit log as it is hashed.
type Leaf struct {
	Seq uint64 `json:"seq"`
	// Bytes is deterministic CBOR (RFC 8949 §4.2.1).
	Bytes []byte `json:"bytes" doc:"base64"`
	// Hash is the stored one: where it is not the hash of Bytes, the record was
	// changed after it was written.
	Hash []byte `json:"hash" doc:"the leaf hash as it is stored, base64"`
}

// Checkpoint is the newest signed head of the audit log.
type Checkpoint struct {
	Note string `json:"note" doc:"signed note; absent from a log that was never signed"`
	// Size and Root are of the log as it is now, which may be ahead of Note.
	Size   int64  `json:"size" doc:"number of entries now"`
	Root   string `json:"root" doc:"root hash now, hex"`
	LogKey string `json:"log_key" doc:"verifier key in the note format"`
}
