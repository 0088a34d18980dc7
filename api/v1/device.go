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
	// RenewedAt is when it got its newest certificate but the first.
	RenewedAt time.Time `json:"renewed_at,omitzero" doc:"when it got its newest certificate but the first"`
	SeenAt    time.Time `json:"seen_at,omitzero" doc:"when it was last given, or first presented, a certificate"`

	Batch   string `json:"batch,omitempty" doc:"production order it belongs to"`
	Site    string `json:"site,omitempty" doc:"where it was, or is to be, made"`
	Line    string `json:"line,omitempty"`
	Station string `json:"station,omitempty" doc:"gave it its first certificate"`
	// VendorID is how its manifest says that a chip maker names it.
	VendorID   string            `json:"vendor_id,omitempty" doc:"identity in the chip maker's certificate, from the manifest"`
	Attributes map[string]string `json:"attributes,omitempty" doc:"attr.NAME of the manifest"`
	// Rework: the next enrolment by a station may bring a new key.
	Rework bool `json:"rework,omitempty" doc:"the next enrolment by a station may bring a new key"`

	// Tier, Format, Fresh and Firmware are of the newest appraisal.
	Tier     string            `json:"tier,omitempty" doc:"T0, T1 (self-reported, not attested), T1s, ... of the newest appraisal"`
	Format   string            `json:"format,omitempty" doc:"of the newest evidence: self, station"`
	Fresh    string            `json:"fresh,omitempty" doc:"of the newest evidence: yes, batch, no"`
	Firmware []DeviceComponent `json:"firmware,omitempty" doc:"what the newest appraisal found"`

	// CertificateCount counts the lineage; lists have it without Certificates.
	CertificateCount int           `json:"certificate_count"`
	Certificates     []Certificate `json:"certificates,omitempty" doc:"the lineage, oldest first, at most the newest 100; not in lists"`
}

// DeviceComponent is a component of a device that was appraised.
type DeviceComponent struct {
	Component string `json:"component"`
	Version   string `json:"version" doc:"of the release that it matched"`
	SVN       uint64 `json:"svn" doc:"its security version number"`
	// Mark is the highest SVN that the device ever had.
	Mark uint64 `json:"mark" doc:"highest security version number ever; less is refused"`
}

// Timeline is what happened to one device.
type Timeline struct {
	ID string `json:"id" doc:"PRODUCT/SERIAL"`
	// Events are the newest 128 at most; what is expected and got of evidence is
	// told to those who have appraisal.read.
	Events []Event `json:"events" nullable:"false" doc:"oldest first, at most the newest 128"`
	More   bool    `json:"more,omitempty" doc:"there are older ones: audit log, object PRODUCT/SERIAL"`
}

// Act is the body of hold, release, decommission, rework and scrap.
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

// StatusChange is what a revocation, hold, release, rework, scrap or removal did.
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
