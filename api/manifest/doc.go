// Package manifest reads and writes the list of the devices that a batch will
// make: CSV or JSON. No promise of stability is made for it.
//
// CSV is UTF-8 (a BOM is dropped), RFC 4180, comma, LF or CRLF, the header
// first, its columns in any order:
//
//	serial,ak_name,attr.customer
//	SN-00000001,,ACME
//
// JSON has the same names and rules:
//
//	{"manifest":"assay/v1","product":"P","batch":"B","devices":[{"serial":"SN-00000001","attr":{"customer":"ACME"}}]}
//
// It promises that a file is taken whole or not at all, that the faults of all
// rows come back at once, the first hundred with line, column and reason, and
// that reading takes memory for the rows, not for the file. It refuses unknown
// and doubled columns, spaces around values, and control characters.
//
//	m, err := manifest.Read(file, "", manifest.Rules{Product: "sensor-s1", Site: "leipzig", SerialOK: p.SerialOK})
//
// What contradicts the store (a serial of another open batch) is the store's to
// say: Line tells where such a row stands.
package manifest
