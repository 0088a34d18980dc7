package v1

import "time"

// Authority is the installation.
type Authority struct {
	ID        string    `json:"id" doc:"16 hex digits"`
	Name      string    `json:"name"`
	BaseURL   string    `json:"base_url" doc:"root of the URLs in certificates"`
	Local     bool      `json:"local" doc:"made without a public URL: lifetimes are cut to 7 days"`
	CreatedAt time.Time `json:"created_at"`
	LogKey    string    `json:"log_key" doc:"verifier key of the audit log"`
	Hosts     []string  `json:"hosts,omitempty" doc:"names and addresses of the TLS certificate"`
}

// Issuer is a CA certificate of the authority, the root included.
type Issuer struct {
	ID        uint16    `json:"id"`
	Name      string    `json:"name" doc:"root, or KIND-GENERATION as devices-1"`
	Kind      string    `json:"kind"`
	Subject   string    `json:"subject" doc:"RFC 4514"`
	Serial    string    `json:"serial" doc:"hex"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	// MaxValidity bounds what it signs.
	MaxValidity string `json:"max_validity,omitempty" doc:"bound of what it signs, as 825d"`
	KeyID       string `json:"key_id" doc:"subject key identifier, hex"`
	SHA256      string `json:"sha256" doc:"fingerprint of the DER, hex"`
	URL         string `json:"url,omitempty" doc:"where the certificate is published"`
	CRL         string `json:"crl,omitempty" doc:"where its complete CRL is published"`
	PEM         string `json:"pem"`
	// Anchor is what brokers and proxies trust instead of the root.
	Anchor string `json:"anchor,omitempty" doc:"PEM: self-signed certificate of the same key and name; not in lists, not of the root"`
}

// CRLInfo is a published list.
type CRLInfo struct {
	Issuer     string    `json:"issuer" doc:"name of the issuer"`
	Scope      string    `json:"scope" doc:"complete, or the number of a shard"`
	Number     uint64    `json:"number" doc:"CRL number"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	SignedAt   time.Time `json:"signed_at,omitzero"`
	Entries    int       `json:"entries" doc:"how many certificates are on it"`
	Size       int64     `json:"size" doc:"octets of DER"`
	URL        string    `json:"url"`
}

// Published is the answer to POST /v1/crls/publish.
type Published struct {
	CRLs []CRLInfo `json:"crls" nullable:"false" doc:"every list, as it is now"`
}
