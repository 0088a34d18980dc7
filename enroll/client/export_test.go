package client

import (
	"context"
	"time"
)

// SetWait replaces how a client waits between retries.
func (c *Client) SetWait(wait func(context.Context, time.Duration) error) { c.wait = wait }

// What is tested from outside.
var (
	Sleep       = sleep
	Jitter      = jitter
	RefusalText = refusalText
	ReasonCode  = reasonCode
	ParseNonce  = parseNonce
	ParseBatch  = parseBatch
)
