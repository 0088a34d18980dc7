// Package line is the client of a factory line: it gets certificates for
// thousands of devices with the credential of a station.
//
// It promises that a run can be stopped at any instant, by a signal, a kill or
// a loss of power, and that the next run goes on where it was: a unit that is
// done is not asked for again, a unit whose answer was lost is asked for with
// the same CSR, so that the server answers again and issues nothing twice.
// Certificates, journal and receipt agree to the unit.
//
// The first unit goes alone until it has a certificate: a batch that was
// mistaken for another costs one unit.
//
// It refuses to run twice in one directory, to go on with the journal of
// another batch, and to go on when the server counts the devices in another
// batch.
//
// # The directory
//
//	SERIAL.crt        the certificate of a unit, PEM
//	journal.jsonl     one JSON object a line: what happened, in order
//	certificates.csv  serial, state, certificate, SHA-256, reason, time
//	receipt.json      the counts, and the SHA-256 of both
//	lock              held while a run works
//
// A certificate is durable before the journal says done, and the journal says
// sent, durably, before a CSR leaves. What a kill cut off the end of the
// journal is dropped: at worst a unit is asked for again. certificates.csv and
// receipt.json are made from the journal at the end of each run, and are the
// same octets when there was nothing left to do.
//
// No promise.
package line
