package est

import (
	"time"

	"github.com/assay-pki/assay/enroll/wire"
)

const (
	// maxBody is the largest body that is read (threats row 8).
	maxBody = wire.MaxRequestBody

	// maxRefusal bounds the text of a refusal: a device logs it in one line.
	maxRefusal = 1 << 10

	// defaultInFlight bounds the requests that are decided at once: more than
	// this only wait for the same disk, and their clients time out.
	defaultInFlight = 1024

	// retryOverload is the advice with 503 when nothing better is known.
	retryOverload = 5 * time.Second

	// cacertsMaxAge is how long a fleet may keep /cacerts: a new issuer is
	// announced days before it signs.
	cacertsMaxAge = time.Hour

	// Timeouts of a connection (threats row 24). A request has one body of at
	// most 64 KiB; an answer waits for one commit.
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 30 * time.Second

	// maxHeader bounds the header of a request; net/http adds 4 KiB of slack.
	maxHeader = 16 << 10

	// maxLabel is the longest product name, without ".birth".
	maxLabel = 32

	// bindingSize of tls-exporter (RFC 9266 §4.2).
	bindingSize = 32
)
