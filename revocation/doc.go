// Package revocation ends and suspends identities: revoke, hold, release and
// decommission, of a device with all its certificates or of one certificate.
//
// It promises that what a person typed (PRODUCT/SERIAL, a serial number, a
// certificate) is found or refused with a next step, that only the reasons of
// RFC 5280 §5.3.1 that make sense for the act get through, and that the act is
// one transaction of the store: when a method returns without error, OCSP on
// the same store says so. It refuses to hold one certificate of several: a hold
// is a device's. It publishes nothing itself: revocation/crl and
// revocation/ocsp follow the store.
//
// No promise of stability: the package is for this module.
package revocation
