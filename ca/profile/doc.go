// Package profile says what a certificate of a given kind must look like, as
// data that is validated once: the arithmetic of serial numbers, indices and
// shards, the URLs that certificates carry, and the Product and Policy
// documents compiled into profiles.
//
// It promises that equal documents have equal canonical bytes, that a document
// with faults is refused with all of them at once, and that the bytes of a
// distribution point are made by one function for certificates (RFC 5280
// §4.2.1.13) and CRLs (§5.2.5) alike. It refuses unknown and doubled keys, and
// every field whose feature this version does not have: a fault, never a
// pretence.
//
// Names follow RFC 5280 §4.1.2.4 and appendix A (upper bounds, PrintableString
// where possible, else UTF8String); serial numbers §4.1.2.2; labels RFC 7030
// §3.2.2.
//
//	product, err := profile.ParseProduct("sensor-s1", []byte(`{"operational":{"validity":"30d"}}`))
//	...
//	p, err := product.Compile(1, "acme", profile.IssuerLimits{MaxValidity: 825 * profile.Day})
//	subject, err := p.Subject(profile.Names{Product: "sensor-s1", Serial: "SN-1"})
//
// All of it is free of side effects and safe for concurrent use.
package profile
