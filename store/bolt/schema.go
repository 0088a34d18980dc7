package bolt

import (
	"encoding/binary"

	"github.com/assay-pki/assay/store"
)

// schemaVersion is the layout below. A file of a newer one is refused.
const schemaVersion = 2

// bucketID numbers the buckets. Keys are big-endian, so that byte order is
// key order.
type bucketID int

const (
	metaBucket        bucketID = iota // word → schema, authority, head, checkpoint
	issuerBucket                      // issuer → Issuer
	shardBucket                       // issuer → next shard
	blockBucket                       // issuer, class → Block
	certificateBucket                 // issuer, index → Certificate
	expiryBucket                      // day, issuer, index → nothing
	keyBucket                         // SHA-256(SPKI)[:16] → Ref of the newest certificate
	blockedBucket                     // SHA-256(SPKI) → nothing
	deviceBucket                      // product, 0, serial → Device
	tokenBucket                       // hash → Token
	documentBucket                    // kind, 0, name, 0, revision → Document
	newestBucket                      // kind, 0, name → newest revision
	operatorBucket                    // name → Operator
	revocationBucket                  // issuer, index → Revocation; an index begins with its shard
	feedBucket                        // sequence → FeedEntry
	crlBucket                         // issuer, scope → CRL
	eventBucket                       // sequence → event record, see log.go
	batchBucket                       // name → Batch
	stationBucket                     // name → Station
	vendorBucket                      // product, 0, vendor id → serial
	nonceKeyBucket                    // 0 the newest, 1 the one before → NonceKey
	nonceBucket                       // redeemed nonce → Redemption
	incidentBucket                    // sequence → Incident
	openBucket                        // kind, 0, object → sequence of the open Incident
	bucketCount
)

// bucketNames are the names in the file.
func bucketNames() [bucketCount]string {
	return [bucketCount]string{
		metaBucket: "meta", issuerBucket: "issuer", shardBucket: "shard", blockBucket: "block",
		certificateBucket: "certificate", expiryBucket: "ix_expiry", keyBucket: "ix_spki",
		blockedBucket: "blocked_spki", deviceBucket: "device", tokenBucket: "token",
		documentBucket: "document", newestBucket: "ix_document", operatorBucket: "operator",
		revocationBucket: "revocation", feedBucket: "revocation_feed", crlBucket: "crl",
		eventBucket: "audit", batchBucket: "batch", stationBucket: "station", vendorBucket: "ix_vendor",
		nonceKeyBucket: "nonce_key", nonceBucket: "nonce", incidentBucket: "incident", openBucket: "ix_incident",
	}
}

// fill is the bucket's FillPercent; 0 leaves bbolt's own.
func (id bucketID) fill() float64 {
	switch id {
	case certificateBucket, expiryBucket, feedBucket, eventBucket, nonceBucket:
		return appendFill
	case deviceBucket:
		return deviceFill
	}
	return 0
}

// The keys of the meta bucket.
const (
	schemaKey     = "schema"
	authorityKey  = "authority"
	headKey       = "head"
	checkpointKey = "checkpoint"
)

// format is the first octet of every value that is not a store record.
const format = 1

func refKey(r store.Ref) []byte { return appendRefKey(make([]byte, 0, 7), r) }

func appendRefKey(b []byte, r store.Ref) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(r.Issuer))
	return append(b, byte(r.Index>>32), byte(r.Index>>24), byte(r.Index>>16), byte(r.Index>>8), byte(r.Index))
}

func parseRefKey(k []byte) (store.Ref, bool) {
	if len(k) != 7 {
		return store.Ref{}, false
	}
	return store.Ref{
		Issuer: store.IssuerID(binary.BigEndian.Uint16(k)),
		Index:  uint64(k[2])<<32 | uint64(binary.BigEndian.Uint32(k[3:])),
	}, true
}

func expiryKey(e store.Expiry) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 11), uint32(e.Day))
	return appendRefKey(b, e.Ref)
}

func parseExpiryKey(k []byte) (store.Expiry, bool) {
	if len(k) != 11 {
		return store.Expiry{}, false
	}
	ref, ok := parseRefKey(k[4:])
	return store.Expiry{Day: store.Day(binary.BigEndian.Uint32(k)), Ref: ref}, ok
}

func deviceKey(id store.DeviceID) []byte { return pairKey(id.Product, id.Serial) }

func parseDeviceKey(k []byte) (store.DeviceID, bool) {
	for i, octet := range k {
		if octet == 0 {
			return store.DeviceID{Product: string(k[:i]), Serial: string(k[i+1:])}, i > 0 && i+1 < len(k)
		}
	}
	return store.DeviceID{}, false
}

// pairKey parts two texts by a NUL, which the first never holds.
func pairKey(a, b string) []byte {
	k := append(make([]byte, 0, len(a)+1+len(b)), a...)
	return append(append(k, 0), b...)
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 0, 8), seq) }

func parseSeqKey(k []byte) (uint64, bool) {
	if len(k) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(k), true
}

func issuerKey(id store.IssuerID) []byte {
	return binary.BigEndian.AppendUint16(make([]byte, 0, 2), uint16(id))
}

func blockKey(id store.IssuerID, class store.Class) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 0, 3), uint16(id)), byte(class))
}

func crlKey(id store.IssuerID, scope string) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(scope)), uint16(id)), scope...)
}

func nameKey(kind store.DocumentKind, name string) []byte {
	b := append(make([]byte, 0, len(kind)+len(name)+6), kind...)
	return append(append(b, 0), name...)
}

func revisionKey(kind store.DocumentKind, name string, revision uint32) []byte {
	return binary.BigEndian.AppendUint32(append(nameKey(kind, name), 0), revision)
}

func refValue(r store.Ref) []byte { return appendRefKey(append(make([]byte, 0, 8), format), r) }

func numberValue(n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 9), format), n)
}
