// Package wire is the bytes of EST, RFC 7030 with RFC 8951 and RFC 9908, as
// both ends need them: base64 bodies, certs-only CMS, certification requests,
// csrattrs and the header fields of assay.
//
// It promises that every parser is strict (DER, no trailing bytes, nothing
// doubled), bounded by limits.go before it allocates, never panics, and that
// what it returns aliases its input, which the caller must not change.
//
// It refuses to judge: whether a key is strong enough, a name allowed or a
// requester authorised is decided by others. It links the standard library
// and x/crypto/cryptobyte and nothing else, because devices link it.
//
//	der, err := wire.DecodeBody(body)
//	csr, err := wire.ParseCSR(der)
//	key, err := csr.PublicKey() // then: is this key allowed?
//	err = csr.Verify(key)
//
// Clauses: RFC 7030 §4, RFC 8951 §3, RFC 9908 §3, RFC 2986 §4, RFC 2985 §5.4,
// RFC 5652 §5, RFC 5280 §4.2.1 and §7.1, RFC 4055, RFC 5758, RFC 8410.
//
// Public promise from v1.
package wire
