// Package v1 holds the documents of the admin API and the table of reasons
// that both HTTP edges answer with (RFC 9457 on /v1, plain text on EST).
package v1
