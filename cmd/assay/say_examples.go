package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// examples show each command at work; a test runs their flags through the
// parser. Commands of other files may bring their own.
var examples = map[string]string{
	"assay init":                "assay init --yes --name Acme --public-url http://pki.example.com",
	"assay serve":               "assay serve --est 0.0.0.0:8443",
	"assay apply":               "assay apply -f factory.yaml --dry-run",
	"assay demo":                "assay demo --once",
	"assay doctor":              "assay doctor -o json",
	"assay version":             "assay version -o json",
	"assay config view":         "assay config view --show-origin",
	"assay revoke":              "assay revoke --device sensor-s1/SN-00000007 --reason keyCompromise --ticket SEC-17",
	"assay bench":               "assay bench --product sensor-s1 --token $TOKEN --count 5000",
	"assay product create":      "assay product create sensor-s1 --evidence self --serial-pattern '^SN-[0-9]{8}$' --role sensor",
	"assay product list":        "assay product list -o name",
	"assay product show":        "assay product show sensor-s1 -o yaml",
	"assay product edit":        "assay product edit sensor-s1",
	"assay policy show":         "assay policy show -o yaml",
	"assay firmware add":        "assay firmware add sensor-s1 1.4.2 --digest sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --svn 7",
	"assay firmware list":       "assay firmware list --product sensor-s1",
	"assay firmware show":       "assay firmware show sensor-s1 1.4.2",
	"assay firmware approve":    "assay firmware approve sensor-s1 1.4.2",
	"assay firmware deprecate":  "assay firmware deprecate sensor-s1 1.4.1 --comment 'use 1.4.2'",
	"assay firmware recall":     "assay firmware recall sensor-s1 1.4.1 --grace 14d --dry-run",
	"assay firmware import":     "assay firmware import release.suit",
	"assay batch create":        "assay batch create 2026-w47-a --product sensor-s1 --manifest serials.csv --site leipzig --line l3",
	"assay batch list":          "assay batch list -o csv",
	"assay batch show":          "assay batch show 2026-w47-a",
	"assay batch pause":         "assay batch pause 2026-w47-a",
	"assay batch resume":        "assay batch resume 2026-w47-a",
	"assay batch close":         "assay batch close 2026-w47-a --out 2026-w47-a.txt",
	"assay batch nonce":         "assay batch nonce 2026-w47-a -o json",
	"assay station create":      "assay station create leipzig-l3-1 --site leipzig --line l3 --product sensor-s1 --rate 1200/h --out station",
	"assay station certify":     "assay station certify leipzig-l3-1 --out station",
	"assay station list":        "assay station list",
	"assay station show":        "assay station show leipzig-l3-1",
	"assay station revoke":      "assay station revoke leipzig-l3-1 --reason keyCompromise",
	"assay token create":        "assay token create --product sensor-s1 --serial SN-00000007",
	"assay token list":          "assay token list -o jsonl",
	"assay token void":          "assay token void 0011223344556677",
	"assay device list":         "assay device list --query 'product=sensor-s1 state=active not_after<+7d'",
	"assay device show":         "assay device show sensor-s1/SN-00000007",
	"assay device timeline":     "assay device timeline sensor-s1/SN-00000007",
	"assay device hold":         "assay device hold sensor-s1/SN-00000007 --comment lost",
	"assay device release":      "assay device release sensor-s1/SN-00000007",
	"assay device decommission": "assay device decommission sensor-s1/SN-00000007 --yes",
	"assay device rework":       "assay device rework sensor-s1/SN-00000007 --comment 'new board'",
	"assay device scrap":        "assay device scrap sensor-s1/SN-00000007",
	"assay incident list":       "assay incident list --open",
	"assay incident show":       "assay incident show 17",
	"assay incident close":      "assay incident close 17 --comment 'clock of the line was wrong'",
	"assay incident contain":    "assay incident contain 17",
	"assay cert list":           "assay cert list --device sensor-s1/SN-00000007",
	"assay cert show":           "assay cert show device.crt",
	"assay cert export":         "assay cert export 1122334455667788aabbccddeeff0011 --out device.crt",
	"assay crl show":            "assay crl show devices-1",
	"assay crl publish":         "assay crl publish",
	"assay ocsp check":          "assay ocsp check device.crt",
	"assay operator add":        "assay operator add mira --role factory --site leipzig --out mira",
	"assay operator certify":    "assay operator certify mira --out mira-2",
	"assay operator list":       "assay operator list",
	"assay operator remove":     "assay operator remove mira",
	"assay ca list":             "assay ca list",
	"assay ca show":             "assay ca show devices-1",
	"assay ca export":           "assay ca export --anchor devices --out anchor.pem",
	"assay audit log":           "assay audit log --object sensor-s1/SN-00000007",
	"assay audit verify":        "assay audit verify copy",
	"assay audit export":        "assay audit export copy",
	"assay context add":         "assay context add plant --server https://pki.example.com:9443 --credential mira",
	"assay context use":         "assay context use plant",
	"assay context list":        "assay context list",
}

// showExamples gives every command below c the example of the table.
func showExamples(c *cobra.Command) {
	if text, ok := examples[c.CommandPath()]; ok && c.Example == "" {
		c.Example = "  " + strings.ReplaceAll(text, "\n", "\n  ")
	}
	for _, sub := range c.Commands() {
		showExamples(sub)
	}
}
