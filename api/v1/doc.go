// Package v1 holds the documents of the admin API and the table of reasons
// that both HTTP edges answer with (RFC 9457 on /v1, plain text on EST).
//
// It promises that a field, once here, keeps its name and its meaning: names
// are snake_case, times are RFC 3339 in UTC, serial numbers and digests are
// lower-case hex, durations are text as "90d" or "1h". An absent field has no
// value. It refuses nothing: checks are the server's.
//
// This package is part of the public promise.
package v1
