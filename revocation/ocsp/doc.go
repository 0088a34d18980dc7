// Package ocsp answers OCSP requests (RFC 6960, profile RFC 5019, nonces RFC
// 9654) about what the authority's issuers issued.
//
// It promises:
//
//   - an answer is about the status in the store at the time of the question: a
//     revocation that was acknowledged is in the next answer of this node, with
//     the date and the reason that the CRL has. A cached answer is used only if
//     the status is still the one that it states;
//   - a certificate that was never issued, or whose serial number differs from
//     the record in one bit, is unknown, never good;
//   - nothing is signed for an issuer that is not ours, nor about certificates of
//     the root: those carry no OCSP URL.
//
// Answers live for 12 hours and are signed anew after one; HTTP caches may keep
// them for 60 seconds. Answers to a nonce or to several requests are signed each
// time and never cached, unknown ones live for 5 minutes. All requests of one
// message must be about one issuer: a delegated responder speaks for the CA that
// issued it alone (RFC 6960 §4.2.2.2).
//
// While the signing key is away, the last answer is served until its nextUpdate
// if the status is still the same, then tryLater.
//
// The handler takes the path below /ocsp/ as it came: it must be routed without
// path cleaning, as base64 contains "//".
//
//	r, err := ocsp.New(ctx, ocsp.Config{Store: s, Responders: credentials, Now: now, Log: log})
//	http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
//		if q.URL.Path == "/ocsp" || strings.HasPrefix(q.URL.Path, "/ocsp/") {
//			r.ServeHTTP(w, q)
//		}
//	})
//
// No promise of stability: the package is for this module.
package ocsp
