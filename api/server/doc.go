// Package server makes an authority (Init) and runs one node of it (Run). It is
// wiring: every room gets what it needs here, and meets the others nowhere else.
//
// A node has four listeners: EST for devices, the admin API for operators, plain
// http for CRLs, OCSP answers and CA certificates, and metrics for loopback. The
// device network never reaches the admin one.
//
// No promise of stability: the package is for this module.
package server
