package store

import "slices"

// EventName is the name of an event: noun.verb-in-the-past. Names are a
// promise: never renamed.
type EventName string

// The names of events, in the order of docs/EVENTS.md.
const (
	CertificateIssued    EventName = "certificate.issued"
	CertificateRepeated  EventName = "certificate.repeated"
	CertificatePresented EventName = "certificate.presented"
	CertificateClosed    EventName = "certificate.closed"
	CertificateRevoked   EventName = "certificate.revoked"
	CertificateHeld      EventName = "certificate.held"
	CertificateReleased  EventName = "certificate.released"

	DeviceWasExpected       EventName = "device.expected"
	DeviceWasActivated      EventName = "device.activated"
	DeviceWasHeld           EventName = "device.held"
	DeviceWasReleased       EventName = "device.released"
	DeviceWasDecommissioned EventName = "device.decommissioned"
	DeviceReworkOpened      EventName = "device.rework-opened"
	DeviceWasScrapped       EventName = "device.scrapped"

	EnrolmentRefused EventName = "enrolment.refused"
	EnrolmentPending EventName = "enrolment.pending"

	TokenCreated  EventName = "token.created"
	TokenRedeemed EventName = "token.redeemed"
	TokenVoided   EventName = "token.voided"

	BatchCreated EventName = "batch.created"
	BatchPaused  EventName = "batch.paused"
	BatchResumed EventName = "batch.resumed"
	BatchChanged EventName = "batch.changed"
	BatchClosed  EventName = "batch.closed"

	StationCreated EventName = "station.created"
	StationChanged EventName = "station.changed"
	StationRevoked EventName = "station.revoked"

	ProductChanged EventName = "product.changed"

	FirmwareAdded        EventName = "firmware.added"
	FirmwareApproved     EventName = "firmware.approved"
	FirmwareDeprecated   EventName = "firmware.deprecated"
	FirmwareRecalled     EventName = "firmware.recalled"
	FirmwareRecallUndone EventName = "firmware.recall-undone"

	PolicyChanged EventName = "policy.changed"

	OperatorAdded   EventName = "operator.added"
	OperatorRemoved EventName = "operator.removed"
	OperatorLogin   EventName = "operator.login"
	OperatorDenied  EventName = "operator.denied"

	IncidentOpened    EventName = "incident.opened"
	IncidentContained EventName = "incident.contained"
	IncidentClosed    EventName = "incident.closed"

	ApprovalAsked   EventName = "approval.asked"
	ApprovalGiven   EventName = "approval.given"
	ApprovalDenied  EventName = "approval.denied"
	ApprovalExpired EventName = "approval.expired"

	CAGenerationPrepared EventName = "ca.generation-prepared"
	CAActivated          EventName = "ca.activated"
	CARetired            EventName = "ca.retired"
	CAOffline            EventName = "ca.offline"
	CAOnline             EventName = "ca.online"

	CRLImported EventName = "crl.imported"

	ClockStepped EventName = "clock.stepped"
	ClockReset   EventName = "clock.reset"

	AuditEpoch         EventName = "audit.epoch"
	AuditBodiesRemoved EventName = "audit.bodies-removed"

	BackupMade     EventName = "backup.made"
	BackupRestored EventName = "backup.restored"

	NodeStarted EventName = "node.started"
	NodeStopped EventName = "node.stopped"

	EdgeOrdered EventName = "edge.ordered"
	EdgeSynced  EventName = "edge.synced"
	EdgeClosed  EventName = "edge.closed"
	EdgeRevoked EventName = "edge.revoked"
)

// EventKind is a row of the table of events.
type EventKind struct {
	Name EventName
	// Says is what the event tells, as one sentence of docs/EVENTS.md.
	Says string
}

// Known tells whether n is in the table of events.
func (n EventName) Known() bool {
	return slices.ContainsFunc(eventKinds[:], func(k EventKind) bool { return k.Name == n })
}
