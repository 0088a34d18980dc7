package v1

import "time"

// StationSpec is the spec of a Station document.
type StationSpec struct {
	Site       string    `json:"site" doc:"where it stands; fixed"`
	Line       string    `json:"line,omitempty" doc:"the one line; absent: every line of the site"`
	Products   []string  `json:"products,omitempty" doc:"what it may enrol; absent: all"`
	Quota      uint64    `json:"quota,omitempty" doc:"greatest number of devices that it gives their first certificate"`
	Rate       string    `json:"rate,omitempty" example:"1200/h" doc:"greatest number of requests an hour"`
	FromIP     []string  `json:"from_ip,omitempty" doc:"networks that it comes from, CIDR; absent: any"`
	Until      time.Time `json:"until,omitzero" doc:"when it ends; absent: with its certificate"`
	ClientAuth bool      `json:"client_auth,omitempty" doc:"its certificates also have id-kp-clientAuth"`
}

// Station is a factory station.
type Station struct {
	Declared
	Site         string    `json:"site"`
	Line         string    `json:"line,omitempty"`
	State        string    `json:"state" enum:"active,ended,revoked" doc:"ended: past until"`
	Used         uint64    `json:"used" doc:"devices that it gave their first certificate"`
	Revoked      bool      `json:"revoked,omitempty"`
	Certificates []string  `json:"certificates,omitempty" doc:"serial numbers of its certificates, oldest first"`
	CreatedAt    time.Time `json:"created_at,omitzero"`
	CreatedBy    string    `json:"created_by,omitempty"`
}

// States of a station.
const (
	StationActive  = "active"
	StationEnded   = "ended"
	StationRevoked = "revoked"
)

// StationInfo is what a station has to know: station.json.
type StationInfo struct {
	EST       string   `json:"est" doc:"URL of the EST listener, https://HOST:PORT"`
	Authority string   `json:"authority" doc:"name of the authority"`
	Station   string   `json:"station"`
	Site      string   `json:"site"`
	Line      string   `json:"line,omitempty"`
	Products  []string `json:"products" nullable:"false" doc:"empty: all"`
	Batches   []string `json:"batches" nullable:"false" doc:"open batches that are its own now, at most 100"`
}

// StationCredential is the answer to a station's CSR. A dry run has no
// certificate.
type StationCredential struct {
	Credential
	Info StationInfo `json:"info" doc:"the contents of station.json"`
}

// StationRevocation is the body of POST /v1/stations/NAME/revoke.
type StationRevocation struct {
	Reason string `json:"reason,omitempty" enum:"unspecified,keyCompromise,affiliationChanged,superseded,cessationOfOperation,privilegeWithdrawn" doc:"RFC 5280 reason; unspecified if absent"`
	DryRun bool   `json:"dry_run,omitempty" doc:"answer what would change and change nothing"`
}
