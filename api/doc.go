// Package api is the admin API: /v1 over TLS with client certificates.
//
// It promises that
//
//   - every request is judged anew: the certificate by enroll.Authenticate, the
//     right by the operator's record in the store, so that a removal holds from
//     the next request on;
//   - every route names exactly one action of api/rbac, and what the table does
//     not allow is denied; objects outside a grant are not there (404);
//   - every refusal, those of the router and of the validator included, is a
//     problem document (RFC 9457) with a code of docs/REASONS.md and a next step;
//   - an act on a device, batch or station looks at the object's own product and
//     site: a foreign one is not there, and a name that it has is taken;
//   - a document is stored only after it parsed, compiled and was checked by the
//     authority, and what is the same makes no revision;
//   - the description at /v1/openapi.json (OpenAPI 3.1) is made from the code.
//
// A manifest comes inside the document of its batch: that route alone takes
// large bodies, one at a time. The end-of-batch certificate of a closed batch and
// the nonce of a batch are C2SP signed notes of the audit log's key; neither is
// stored, both are made again of the record.
//
// It refuses unknown and doubled fields, requests of other origins, and whatever
// is over limits.go. Conditional requests follow RFC 9110 §13 (a failed one is
// 409 here: the code is what counts), Idempotency-Key the IETF draft: keys are
// kept in memory, per node, for 24 hours.
//
// Approvals are not in this version: where the policy wants four eyes, one
// person acts, and doctor says so.
//
// No promise of stability: the package is for this module; /v1 is the promise.
package api
