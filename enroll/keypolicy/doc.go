// Package keypolicy judges the public keys that devices bring, before anything
// is computed with them: form and size first, the product's rule, then what no
// product may allow (short, shared by design, or breakable keys).
//
// It makes no promise to other modules. RFC 3279, RFC 5480, RFC 8410.
package keypolicy
