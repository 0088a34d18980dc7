package api

// Attribute keys of this package's log lines.
const (
	keyError    = "error"
	keyMethod   = "method"
	keyPath     = "path"
	keyStatus   = "status"
	keyOperator = "operator"
	keySource   = "source"
	keyTook     = "took"
)
