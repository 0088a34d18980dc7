package v1

import "time"

// Certificate is an issued certificate and what became of it.
type Certificate struct {
	Serial  string `json:"serial" doc:"serial number, 32 hex digits"`
	Issuer  string `json:"issuer" doc:"name of the issuer, as devices-1"`
	Subject string `json:"subject" doc:"RFC 4514"`
	// Holder is PRODUCT/SERIAL of a device, else a name.
	Holder     string `json:"holder" doc:"whose it is: PRODUCT/SERIAL or a name"`
	HolderKind string `json:"holder_kind" enum:"device,station,operator,server"`
	Profile    string `json:"profile" doc:"operational, birth, operator, station, server, ocsp"`
	Product    string `json:"product,omitempty"`
	Revision   uint32 `json:"revision,omitempty" doc:"of the product's document that shaped it"`
	Device     string `json:"device,omitempty" doc:"PRODUCT/SERIAL"`
	// Status is one of the constants below. A certificate that was revoked
	// stays revoked after its end.
	Status    string    `json:"status" enum:"good,held,revoked,superseded,expired"`
	Reason    string    `json:"reason,omitempty" doc:"RFC 5280 reason of a held or revoked one"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	IssuedAt  time.Time `json:"issued_at,omitzero"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	InvalidAt time.Time `json:"invalidity_date,omitzero"`
	Presented bool      `json:"presented,omitempty" doc:"it has authenticated at the EST edge"`
	Principal string    `json:"principal,omitempty" doc:"who asked for it"`
	SHA256    string    `json:"sha256" doc:"fingerprint of the DER, hex"`
	PEM       string    `json:"pem,omitempty" doc:"not in lists"`
}

// Statuses of a certificate.
const (
	StatusGood    = "good"
	StatusHeld    = "held"
	StatusRevoked = "revoked"
	// StatusSuperseded is closed at our EST edge; relying parties see good.
	StatusSuperseded = "superseded"
	StatusExpired    = "expired"
)

// CSR is the body of POST /v1/operators/NAME/certificate and its like for
// stations.
type CSR struct {
	CSR string `json:"csr" minLength:"1" maxLength:"16384" doc:"PKCS#10 request in PEM; only its key is used"`
}

// Credential is the answer to a CSR.
type Credential struct {
	DryRun      bool        `json:"dry_run,omitempty" doc:"nothing was issued"`
	Certificate Certificate `json:"certificate"`
	// Chain is the certificate and the issuer's, in PEM.
	Chain string `json:"chain" doc:"PEM: the certificate, then its issuer's"`
	// Roots verify the authority's own servers.
	Roots string `json:"roots" doc:"PEM: the authority's root"`
}
