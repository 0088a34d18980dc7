// Package crl publishes certificate revocation lists: one per shard of 8192
// issuance indices, a complete one per issuer generation, the root's ARL, and a
// PEM bundle of the complete ones for brokers and proxies.
//
// It promises:
//
//   - a list's URL answers with a whole list or with an error: files are written,
//     fsynced, renamed and the directory fsynced; past nextUpdate the answer is
//     503, never the stale file;
//   - CRL numbers rise per (issuer, scope), through restarts, restores and clocks
//     that go back; thisUpdate never falls;
//   - a list is published only after it was parsed back, its signature verified,
//     and no unexpired serial number disappeared but those of released holds;
//   - a shard's empty list is durable before an index of the shard is leased, so
//     that no CRL distribution point in a certificate is ever 404;
//   - a revocation that is committed is published, also if the process ends in
//     between: the next start compares its bookmark with the feed.
//
// Rules that a reader may want to know. thisUpdate is when the builder last read
// the feed's head, less 10 minutes for slow clocks. An entry is left out when the
// list published before in its scope is dated after the certificate's notAfter:
// that one was read from the store at least 10 minutes later than notAfter, so it
// had the entry (RFC 5280 §3.3). The complete list of an issuer with very many
// entries is not signed at each change, but so that building it takes at most a
// twentieth of the time; shards and OCSP are at once.
//
// RFC 5280 §5: the lists (§5.2.3 CRL number, §5.2.5 issuing distribution point,
// §5.3.1 reasons, §5.3.2 invalidity date); RFC 2585 and RFC 9110 for HTTP. Delta
// lists are not made.
//
//	p, err := crl.New(ctx, crl.Config{Store: s, Signer: authority, BaseURL: url, Dir: dir, Now: now, Log: log})
//	err = p.CatchUp(ctx) // whatever is missing, stale or behind
//	go p.Run(ctx)
//	mux.Handle("/crl/", p)
//
// No promise of stability: the package is for this module.
package crl
