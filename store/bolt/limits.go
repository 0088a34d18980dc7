package bolt

import "time"

const (
	// maxGroup is how many acts share one commit: 256 acts keep a commit near
	// 15 ms on a quiet disk.
	maxGroup = 256
	// lockTimeout is how long Open waits for another process to let go: a
	// restart overlaps for less.
	lockTimeout = time.Second
	// lockRetry is the pause between two tries to lock.
	lockRetry = 25 * time.Millisecond
	// pageSize: 16384 doubles the volume of writes.
	pageSize = 4096
	// appendFill leaves little room in pages of buckets that grow at their end;
	// bbolt's 0.5 would leave every page half empty.
	appendFill = 0.95
	// deviceFill suits serials that mostly rise, and records that grow by a
	// reference at each renewal.
	deviceFill = 0.8
	// defaultMmap is address space, not memory: remapping, which stops all
	// readers, begins beyond it.
	defaultMmap = 1 << 30
	// maxSamples is how many certificates are looked at when a file is opened:
	// about a millisecond, and a hundred reads on a cold disk.
	maxSamples = 32
	// maxValueBytes bounds what is copied out of the file: more than the largest
	// record, a document. A damaged length never asks for gigabytes.
	maxValueBytes = 4 << 20
	// maxDepth bounds the walk through pages: a tree of 4 KiB pages never gets
	// this deep, a loop of damaged pages does.
	maxDepth = 32
	// maxRecent bounds what one renewal reads of a lineage: ten years of 60-day
	// certificates.
	maxRecent = 64
	// maxRowFaults bounds the faults of a manifest that are told: more is no help.
	maxRowFaults = 100
	// sweepRows is how many redeemed nonces one redemption looks at: it adds one,
	// so that a round takes an eighth of what it goes over.
	sweepRows = 8
	// maxFaults bounds the list of what Verify found.
	maxFaults = 20
)
