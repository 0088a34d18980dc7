// Package attest reads evidence of firmware, verifies it and appraises it
// against the releases of a product. It holds pure functions: no I/O, no clock,
// no state; whatever a decision needs comes in as an argument.
//
//	bundle, err := attest.ParseBundle(attributeValue)
//	claims, err := attest.Verify(bundle, binding, keys, formats)
//	result, err := policy.Appraise(claims, device, renewal, "yes", now)
//
// The carrier is the CSR attribute id-aa-attestation of
// draft-ietf-lamps-csr-attestation with a CMW record of draft-ietf-rats-msg-wrap
// inside; the evidence is an EAT (RFC 9711) in a COSE_Sign1 (RFC 9052). The
// bytes stand in docs/EVIDENCE.md. Each format has one file here: self.go,
// station.go.
//
// It refuses what is not deterministic CBOR (RFC 8949 §4.2.1) or strict DER, so
// that one statement has one encoding. It does not check that a nonce is ours,
// nor that it was not used before: enroll does.
package attest
