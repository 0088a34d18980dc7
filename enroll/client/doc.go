// Package client is an EST client (RFC 7030, RFC 8951) for makers of devices.
//
// It promises that a server is trusted only through the roots it was given, or
// through a root whose SHA-256 fingerprint it was given, and only under the
// name in its URL: no extended key usage replaces the name, nothing is trusted
// on first use, and no token is sent before that. An issued certificate is
// handed out only when it holds the key of the request and chains to the CA
// certificates of the server. Answers are bounded before they are read.
//
// It refuses redirects, plain http, TLS below 1.2 and certificates that it did
// not ask for. It links the standard library and x/crypto only.
//
//	c, err := client.New(client.Config{URL: "https://est.example.com", Label: "sensor", Roots: roots, Token: token})
//	csr, err := client.NewCSR(key, pkix.Name{CommonName: serial, SerialNumber: serial})
//	answer, err := c.Enroll(ctx, csr)
//
// A request is safe to repeat with the same octets: the server answers a lost
// answer again. So keep key and CSR until the answer is stored, as enroll/agent
// does.
//
// Evidence is made about a nonce of the server, in the CSR: Client.Obtain takes
// a function that makes it, and knows when a new nonce is needed and when the
// same CSR must be sent again.
//
// Clauses: RFC 7030 §3.2, §3.3, §3.6, §4.1, §4.2, §4.5; RFC 9110 §10.2.3;
// draft-ietf-lamps-attestation-freshness-08; draft-ietf-lamps-csr-attestation.
//
// Public promise from v1.
package client
