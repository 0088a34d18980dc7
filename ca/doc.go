// Package ca is the authority: it founds one, signs certificates and CRLs with
// its issuers' keys, and keeps the node's own credentials. No promise of
// stability is made for it.
//
// It promises that every certificate is parsed back and passes ca/lint before
// it leaves the package, that its serial number holds an index that nothing
// else was given, that no notAfter is later than the issuer's, and that
// nothing of a request but the key is in it. It stores nothing: what Sign made
// does not exist until the caller has committed it. (Credentials are the
// exception: they commit their own.)
//
// There are two ways to a certificate. Devices' certificates are compiled: all
// of a TBSCertificate that does not depend on the device is DER already, and
// there is one signature (RFC 5280 §4.1; crypto/x509 is the oracle in tests).
// The authority's own, which are few, go through softcas of
// smallstep/certificates. softcas changes the template, does not cut the
// validity and does not look at requests: this package does.
//
// The kind of a profile decides which issuer signs: devices for operational
// certificates, births for birth certificates (IEEE 802.1AR), which end with
// their issuer. Stations, operators and servers are of operations.
//
// Issuers are one to one with keys, names, URLs, CRL scopes and index spaces.
// Blocks of indices are leased through Blocks, whose implementer has published
// an empty CRL first: no CRL distribution point is ever dead (RFC 5280
// §4.2.1.13).
//
//	founding, err := ca.Found(ctx, ca.FoundConfig{Name: "acme", PublicURL: "http://pki.example.com", Keys: ring, Now: time.Now})
//	... commit it ...
//	authority, err := ca.New(ctx, ca.Config{Store: st, Keys: ring, Blocks: publisher, Now: time.Now, Log: log})
//	made, err := authority.Sign(ctx, profile.Order{Profile: p, Names: names, SPKI: spki})
//	... commit it, then release made.DER ...
package ca
