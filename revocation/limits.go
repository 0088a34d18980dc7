package revocation

import "time"

const (
	// maxID bounds what Resolve reads: a PEM certificate of ours is below 3 KiB.
	maxID = 16 << 10
	// maxComment is the limit of an event's detail (store.Event).
	maxComment = 1 << 10
	// maxTicket is generous for the key of any ticket system.
	maxTicket = 128
	// serialOctets is the length of a serial number of ours.
	serialOctets = 16
	// retryStore is the advice when the store is away: a restart takes as long.
	retryStore = 5 * time.Second
)
