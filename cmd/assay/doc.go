// Command assay runs and operates a private PKI for connected devices: it
// creates the authority, serves it, and speaks to its admin API.
//
// It promises: data on standard output, messages on standard error; the exit
// codes of docs (0 ok, 1 failure, 2 usage, 3 not found, 4 denied, 5 conflict,
// 6 guard, 7 pending approval, 8 partial success, 9 unavailable, 130
// interrupted); no prompt, colour or animation unless a terminal is there; each
// error with the next step. Private keys that it makes never leave the machine:
// only CSRs reach the server.
//
// It refuses to guess: an unknown key in assay.yaml, an unknown ASSAY_*
// variable, a doubled key in a document are errors.
//
// Files: main.go and run.go start it, say.go owns the words said to people,
// render.go the output formats, and every other file is one noun of the command
// line. This package makes no promise to Go programs.
//
//	assay init --yes
//	assay serve &
//	assay product create sensor --evidence station
//	assay firmware add sensor 1.0 --file image.bin
//	assay batch create b1 --product sensor --manifest serials.csv --site s --line l
//	assay station create st-1 --site s --line l --out station
package main
