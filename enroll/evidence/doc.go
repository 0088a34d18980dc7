// Package evidence makes evidence of firmware: for a device that vouches for
// itself (Self) and for a station that read the firmware back (Station), and
// the CSR attribute that carries it. The bytes stand in docs/EVIDENCE.md;
// enroll/attest reads them.
//
//	m, err := evidence.MeasureFile("firmware", "/boot/firmware.bin")
//	cose, err := evidence.Self(birthKey, evidence.Statement{
//		Product: "sensor-s1", Serial: "SN-00000001", Nonce: nonce, SPKI: spki,
//		Measurements: []evidence.Measurement{m}, Debug: evidence.DebugDisabled,
//	})
//	value, err := evidence.Attribute(cose)
//
// The value goes into the request as the one value of the attribute OID. The
// package links the standard library and golang.org/x/crypto only. No promise.
package evidence
