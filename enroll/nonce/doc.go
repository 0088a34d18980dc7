// Package nonce makes the nonces of fresh evidence and knows them again, without
// keeping them (docs/EVIDENCE.md).
//
// A nonce is 4 octets of time, random octets, and 16 octets of an HMAC over
// both, the label of the URL and the principal who asked. So any node that has
// the authority's nonce keys knows its own nonces again, on any connection. That
// a nonce is used once is not decided here: a row in the issuing transaction is.
//
// No promise: this package may change with any version.
package nonce
