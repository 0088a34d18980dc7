// Package agent keeps the key and the certificate of one device fresh in a
// directory.
//
// It promises that a reader of the directory finds a certificate and the key
// of that certificate, or neither, at every instant and after every kill or
// loss of power; that a key is durable before a certificate is asked for it;
// and that after a lost answer the same octets are sent again, so that the
// server answers again and issues nothing twice. A private key leaves the
// directory never, and is readable by its owner alone.
//
// It refuses to replace an identity by one of another device, to work in a
// directory that others can write to, and to run twice in one directory.
//
// # The directory
//
//	device.crt  device.key  chain.crt  roots.crt  state.json   links into current/
//	current     a link to the newest generation
//	gen-000007/ a generation: the files above, complete and never changed
//	pending/    the key and the CSR of a request without an answer yet
//	hooked      the serial of the certificate that the hook last ran for
//	lock        held while something changes
//
// chain.crt holds the issuers of device.crt without the root, roots.crt the
// roots of /cacerts. server-ca.crt is there when the EST server is trusted
// through certificates that are not in roots.crt.
//
// A pair of files cannot be replaced in one step, a link can. So a generation
// is written to gen-N.tmp and synced, renamed to gen-N, and only then is the
// link "current" replaced, by a rename: that is the one instant at which the
// old pair becomes the new one. Who opens device.crt and device.key one after
// the other can still meet that instant between them; resolve "current" once,
// or call Agent.Certificate, which does. The generation before is kept.
//
// A renewed pair is written as a generation, presented to the server once, and
// becomes the current one only when the server took it: the old pair stays in
// use until then, and for good when the new one is refused. Agent.Run renews in
// the advised window and tells a hook.
//
// Evidence is made about a nonce of the server at each request; the format self
// hashes the files that the enrolment named. It is signed by the birth key if
// the device has one, else by the current key, else by that of the request.
//
// Whatever a kill leaves over (*.tmp, generations that are not current, a
// pending request that was answered) is mended by the next Enroll or Renew,
// and never needed by a reader.
//
// Clauses: RFC 7030 §4.1.3, §4.2.
//
// Public promise from v1.
package agent
