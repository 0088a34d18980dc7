// Package enroll decides who may have a certificate. It is what stands between
// the bytes of an EST request (enroll/est) and the signing key (ca): whose
// request it is, whether it was answered already, whether it is allowed, and
// what goes into the certificate.
//
// It promises that
//
//   - identity comes from the credential and the record: of a request only the
//     public key is copied into a certificate (RFC 7030 §4.2.1);
//   - a client certificate is verified on every request, by signature, time and
//     the status in the store, never by a CRL or by the TLS handshake;
//   - a key is judged before a signature is verified with it, and the signature
//     of a request is verified once;
//   - the same request gets the same certificate for 24 hours (RFC 7030 §4.2.3
//     has no answer for lost answers);
//   - where a product wants evidence of firmware, each certificate stands on
//     evidence that is bound to its key, fresh, and of a release that is approved;
//   - a batch or a station never gets more devices than were ordered;
//   - a certificate leaves only after the store has made it durable;
//   - every refusal is a *v1.Refusal with a reason and a next step, and leaves
//     an audit event or is counted in one.
//
// It refuses to decide by names that somebody typed, and it fails closed: no
// status, no product, a doubtful clock mean no certificate.
//
// The steps of a decision stand in one file each, in their order:
// authenticate.go, token.go and station.go (who speaks), products.go (which
// product and profile), csr.go, keypolicy.go and rsa.go (the request), whose.go
// (which device), repeat.go, authorise.go, renewal.go and batch.go (may it),
// names.go, evidence.go and freshness.go (is it what it says), issue.go (sign,
// then commit, then release), refuse.go (what is said about it). What seldom
// changes is kept in snapshot.go by the store's version.
//
// No promise: this package may change with any version.
package enroll
