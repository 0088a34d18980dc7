package audit

import (
	"time"

	"github.com/assay-pki/assay/store"
)

// The limits of this package.
const (
	// period is the shortest time between two checkpoints: witnesses and
	// followers fetch each, and a second is as fresh as a revocation has to be.
	period = time.Second
	// lastSignTime bounds the checkpoint that is signed at shutdown: a store
	// that hangs must not hold the node.
	lastSignTime = 5 * time.Second
	// maxCheckpointBytes holds the text and the signatures of a hundred
	// witnesses: what a store keeps.
	maxCheckpointBytes = store.MaxCheckpointBytes
	// maxKeyBytes holds any key in the note format: a name and 33 octets.
	maxKeyBytes = 1 << 10
	// maxRecordBytes bounds one event, so that a broken length octet in an
	// export cannot ask for the rest of the file.
	maxRecordBytes = store.MaxEventBytes
	// pageRecords is how many records one read of the store returns.
	pageRecords = store.MaxPage
	// maxNesting bounds CBOR nesting: an event is a map of at most one map.
	maxNesting = 4
	// maxPairs bounds the pairs of a CBOR map or the items of an array.
	maxPairs = 1024
)
