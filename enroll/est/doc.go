// Package est is RFC 7030 over HTTP: it turns requests into calls of enroll and
// answers into the bytes that every client in the field reads.
//
// It promises that
//
//   - nothing is read beyond the limits in limits.go, and a body that declares
//     more is refused before its first octet;
//   - an answer has its exact Content-Length and leaves in one write: headers
//     and body in one TLS record where they fit;
//   - a refusal is text/plain with a reason, its code in Assay-Reason, and the
//     status of the one table in api/v1;
//   - a fault in a handler becomes a 500 with a log entry, never a torn answer.
//
// It refuses to decide: who may have what is said by enroll. Client certificates
// are asked for and passed on as they were sent.
//
// Clauses: RFC 7030 §3.2, §3.3, §4.1 to §4.3, §4.5; RFC 8951; RFC 8996; RFC 9266.
// The nonce resource is that of draft-ietf-lamps-attestation-freshness. fullcmc
// and serverkeygen are not offered and answer 404.
//
//	server := est.Server(est.Handler(est.Config{Service: service, Log: log}), est.TLSConfig(certificate, false), log)
//	err := server.ServeTLS(listener, "", "")
//
// No promise: this package may change with any version.
package est
