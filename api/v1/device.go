package v1

import "time"

// Device is a product's unit and its lineage.
type Device struct {
	ID      string `json:"id" doc:"PRODUCT/SERIAL"`
	Product string `json:"product"`
	Serial  string `json:"serial"`
	State   string `json:"state" enum:"expected,active,held,decommissioned,scrapped"`
	// Reason is the RFC 5280 name of what ended or suspended it.
	Reason      string    `json:"reason,omitempty" doc:"RFC 5280 reason that ended or suspended it"`
	ActivatedAt time.Time `json:"activated_at,omitzero"`
	ChangedAt   time.Time `json:"changed_at,omitzero" doc:"when the state last changed"`
	// CertificateCount counts the lineage; lists have it without Certificates.
	CertificateCount int           `json:"certificate_count"`
	Certificates     []Certificate `json:"certificates,omitempty" doc:"the lineage, oldest first, at most the newest 100; not in lists"`
}

// Act is the body of hold, release and decommission.
type Act struct {
	Comment string `json:"comment,omitempty" maxLength:"500" doc:"why; in the audit log"`
	Ticket  string `json:"ticket,omitempty" maxLength:"100" doc:"reference to a ticket; in the audit log"`
}

// RevocationRequest is the body of POST /v1/revocations. Exactly one of Device
// and Serial is set.
type RevocationRequest struct {
	Device string `json:"device,omitempty" maxLength:"128" doc:"PRODUCT/SERIAL: ends the device and all its certificates"`
	Serial string `json:"serial,omitempty" maxLength:"64" doc:"serial number of a certificate, hex: its device, or with only the certificate"`
	Only   bool   `json:"only,omitempty" doc:"with serial: the one certificate, and not its device"`
	// Reason is an RFC 5280 name; certificateHold holds the device.
	Reason         string    `json:"reason" enum:"unspecified,keyCompromise,cACompromise,affiliationChanged,superseded,cessationOfOperation,certificateHold,privilegeWithdrawn,aACompromise" doc:"RFC 5280 reason"`
	Comment        string    `json:"comment,omitempty" maxLength:"500" doc:"why; in the audit log"`
	Ticket         string    `json:"ticket,omitempty" maxLength:"100" doc:"reference to a ticket; in the audit log"`
	InvalidityDate time.Time `json:"invalidity_date,omitzero" doc:"since when the key is not to be trusted"`
	DryRun         bool      `json:"dry_run,omitempty" doc:"answer what would change and change nothing"`
}

// StatusChange is what a revocation, hold, release or removal did.
type StatusChange struct {
	DryRun bool `json:"dry_run,omitempty" doc:"nothing was changed"`
	// Device as it is after the act; absent when none was concerned.
	Device *Device `json:"device,omitempty"`
	// Changed are the certificates whose status changed; empty when the act
	// found everything as it should be.
	Changed []Certificate `json:"changed" nullable:"false"`
	// Feed is the sequence of the last change: CRLs and OCSP follow it.
	Feed uint64 `json:"feed,omitempty" doc:"sequence number of the last change of status"`
}
