package main

import "strings"

const helpRoot = `assay is a private PKI for makers of connected devices: it creates the authority,
serves EST, CRLs and OCSP, and operates it through the admin API.

With --dir it finds URL, CA and credential in the authority's directory; elsewhere
they come from a context: assay context add.

Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 denied, 5 conflict, 6 guard,
7 pending approval, 8 partial success, 9 unavailable, 130 interrupted.`

const helpID = `ID is PRODUCT/SERIAL, the serial number of one of its certificates in hex, or a
certificate's file.`

const helpInit = `Create an authority in --dir: root, issuers, TLS and OCSP credentials, and the first
operator, whose credential is in DIR/operators/admin.

Without --public-url the authority is local: certificates live 7 days at most, and
their URLs lead to this machine. The URL is in every certificate and can't be
changed later, only with a new generation of issuers.`

const helpServe = `Run a node until it is told to stop. Port 0 takes a free port; the addresses are
printed and written to DIR/run/addresses.json. Settings: assay config view.`

const helpApply = `Declare Policy, Product, Firmware, Batch, Station and Operator documents. Work is done
in this order whatever the order in the files. A batch's manifest is a file beside the
document; a station's credential is a command: assay station certify. Every document is tried first: faults come all at once, as
FILE:LINE, and a faulty file changes nothing. Nothing is deleted by absence.

  apiVersion: assay/v1
  kind: Product
  name: sensor-s1
  spec:
    serial_pattern: '^SN-[0-9]{8}$'
    operational: {validity: 90d}`

const helpOperatorAdd = `Add an operator. The key is made here; only a request for its certificate reaches
the server. DIR gets operator.crt, operator.key and ca.crt, mode 0600.`

const helpCAExport = `Write a CA certificate as PEM; without NAME the root.

--anchor writes what brokers and proxies trust: a self-signed certificate of the
issuer's own key and name. Under it they accept devices and refuse stations, and
need only the complete CRL of that issuer.`

const helpCRLShow = `Without an argument, list what is published. Else show one CRL: a file in DER or PEM,
a URL, or a published list by name: devices-1, devices-1/0 (a shard), root.`

const helpAuditVerify = `Recompute the Merkle tree over every record and hold it against the signed
checkpoint: a flipped, cut or reordered record is named, and the exit code is 1.

Without EXPORT the store in --dir is read; while a node holds it, a copy from the
node. EXPORT is a directory that assay audit export wrote; no server is needed.`

const helpDoctor = `Look at the directory (modes, settings, store), then ask the server for what it
finds: clock, disk, CRLs, OCSP, expiry. Each finding names the command that mends
it. The exit code is 1 if there is an error.`

const helpBench = `Keys and requests are made before the clock starts; each connection is kept alive,
or with --fresh or --resume a new one is opened for each enrolment or renewal.
With --pid the server's CPU time per enrolment is shown, also as multiples of v:
the CPU time of one P-256 verify, measured in the same run.

With --evidence self each enrolment fetches a nonce and makes its request about it:
rate, latency and CPU time are those of the whole; the nonce's share is shown apart.

  TOKEN=$(assay token create --product sensor --uses 20000)
  assay bench --product sensor --token $TOKEN --count 5000
  assay bench --station DIR --batch B --serials SN-%08d --evidence self --digest sha256:HEX
  assay bench --product sensor --token $TOKEN --renew --resume`

// configHeader begins the assay.yaml that init writes.
const configHeader = `# Settings of this node. Flags win over ASSAY_* variables (listen.est is
# ASSAY_LISTEN_EST), these over this file. Unknown keys are errors.
# Show what holds and why: assay config view --show-origin
`

func helpRevoke() string {
	return `End a device and all its certificates, or with --serial --only one certificate.
certificateHold suspends the device: undo it with assay device release.

REASON is one of ` + strings.Join(revocationReasons(), ", ") + `.`
}
