package rbac

import "slices"

// Action is a right that a route names. Names are a promise: they are in
// docs/ROLES.md and in whoami.
type Action string

// The actions, in the order of the table.
const (
	ProductRead  Action = "product.read"
	FirmwareRead Action = "firmware.read"
	BatchRead    Action = "batch.read"
	StationRead  Action = "station.read"
	TokenRead    Action = "token.read"
	DeviceRead   Action = "device.read"
	CertRead     Action = "cert.read"
	CRLRead      Action = "crl.read"
	CARead       Action = "ca.read"

	IncidentRead Action = "incident.read"
	ApprovalRead Action = "approval.read"
	PolicyRead   Action = "policy.read"
	OperatorRead Action = "operator.read"
	DoctorRead   Action = "doctor.read"

	AppraisalRead Action = "appraisal.read"
	EvidenceRead  Action = "evidence.read"

	AuditRead    Action = "audit.read"
	AuditVerify  Action = "audit.verify"
	AuditExport  Action = "audit.export"
	ReportCreate Action = "report.create"

	ProductWrite      Action = "product.write"
	PolicyWrite       Action = "policy.write"
	FirmwareAdd       Action = "firmware.add"
	FirmwareApprove   Action = "firmware.approve"
	FirmwareDeprecate Action = "firmware.deprecate"
	FirmwareRecall    Action = "firmware.recall"

	BatchCreate   Action = "batch.create"
	BatchPause    Action = "batch.pause"
	BatchResume   Action = "batch.resume"
	BatchClose    Action = "batch.close"
	BatchNonce    Action = "batch.nonce"
	StationCreate Action = "station.create"
	StationRevoke Action = "station.revoke"
	TokenCreate   Action = "token.create"
	TokenVoid     Action = "token.void"

	DeviceHold         Action = "device.hold"
	DeviceRelease      Action = "device.release"
	DeviceRework       Action = "device.rework"
	DeviceScrap        Action = "device.scrap"
	DeviceDecommission Action = "device.decommission"
	Revoke             Action = "revoke"
	RevokeAboveGuard   Action = "revoke.above-guard"

	IncidentContain Action = "incident.contain"
	IncidentClose   Action = "incident.close"
	CRLPublish      Action = "crl.publish"
	CARotate        Action = "ca.rotate"
	CACrossSign     Action = "ca.cross-sign"
	CAOffline       Action = "ca.offline"
	CAOnline        Action = "ca.online"
	CRLImport       Action = "crl.import"
	ClockReset      Action = "clock.reset"
	OperatorAdd     Action = "operator.add"
	OperatorRemove  Action = "operator.remove"
	BackupCreate    Action = "backup.create"
	ConsoleLogin    Action = "console.login"
	Whoami          Action = "whoami"
)

// Scope says what bounds an action inside a grant.
type Scope uint8

const (
	// Anywhere: products and sites do not matter.
	Anywhere Scope = iota
	// OfProduct: the object belongs to a product.
	OfProduct
	// OfSite: it belongs to a product and happens at a site.
	OfSite
)

type row struct {
	admin, security, factory, auditor Right

	scope Scope
	// makes: the act makes a new object of the product and site that the
	// request names, so that being outside is a refusal and not a 404.
	makes bool
}

// Actions returns every action, sorted by name.
func Actions() []Action {
	all := make([]Action, 0, len(table))
	for a := range table {
		all = append(all, a)
	}
	slices.Sort(all)
	return all
}

// ActionsOf returns what a role may do somewhere, sorted by name.
func ActionsOf(role Role) []Action {
	return slices.DeleteFunc(Actions(), func(a Action) bool { return Of(role, a) == None })
}

// table is docs/ROLES.md, one row an action.
var table = map[Action]row{
	ProductRead:  {Full, Full, InScope, Full, OfProduct, false},
	FirmwareRead: {Full, Full, InScope, Full, OfProduct, false},
	BatchRead:    {Full, Full, InScope, Full, OfSite, false},
	StationRead:  {Full, Full, InScope, Full, OfSite, false},
	TokenRead:    {Full, Full, InScope, Full, OfProduct, false},
	DeviceRead:   {Full, Full, InScope, Full, OfSite, false},
	CertRead:     {Full, Full, InScope, Full, OfSite, false},
	CRLRead:      {Full, Full, InScope, Full, Anywhere, false},
	CARead:       {Full, Full, InScope, Full, Anywhere, false},

	IncidentRead: {Full, Full, None, Full, OfProduct, false},
	ApprovalRead: {Full, Full, None, Full, Anywhere, false},
	PolicyRead:   {Full, Full, None, Full, Anywhere, false},
	OperatorRead: {Full, Full, None, Full, Anywhere, false},
	DoctorRead:   {Full, Full, None, Full, Anywhere, false},

	AppraisalRead: {Full, Full, InScope, Full, OfSite, false},
	EvidenceRead:  {Full, Full, InScope, None, OfSite, false},

	AuditRead:    {Full, Full, None, Full, Anywhere, false},
	AuditVerify:  {Full, Full, None, Full, Anywhere, false},
	AuditExport:  {Full, Full, None, Full, Anywhere, false},
	ReportCreate: {Full, Full, None, Full, Anywhere, false},

	ProductWrite:      {Full, None, None, None, OfProduct, true},
	PolicyWrite:       {FourEyes, FourEyes, None, None, Anywhere, false},
	FirmwareAdd:       {Full, Full, None, None, OfProduct, true},
	FirmwareApprove:   {Full, Full, None, None, OfProduct, false},
	FirmwareDeprecate: {Full, Full, None, None, OfProduct, false},
	FirmwareRecall:    {FourEyes, FourEyes, None, None, OfProduct, false},

	BatchCreate:   {Full, None, InScope, None, OfSite, true},
	BatchPause:    {Full, Full, InScope, None, OfSite, false},
	BatchResume:   {Full, None, InScope, None, OfSite, false},
	BatchClose:    {Full, None, InScope, None, OfSite, false},
	BatchNonce:    {Full, None, InScope, None, OfSite, false},
	StationCreate: {Full, None, InScope, None, OfSite, true},
	StationRevoke: {Full, Full, InScope, None, OfSite, false},
	TokenCreate:   {Full, None, InScope, None, OfProduct, true},
	TokenVoid:     {Full, Full, InScope, None, OfProduct, false},

	DeviceHold:         {Full, Full, InScope, None, OfSite, false},
	DeviceRelease:      {Full, Full, None, None, OfSite, false},
	DeviceRework:       {Full, None, InScope, None, OfSite, false},
	DeviceScrap:        {Full, None, InScope, None, OfSite, false},
	DeviceDecommission: {Full, Full, None, None, OfSite, false},
	Revoke:             {Full, Full, None, None, OfSite, false},
	RevokeAboveGuard:   {FourEyes, FourEyes, None, None, OfSite, false},

	IncidentContain: {Full, Full, None, None, OfProduct, false},
	IncidentClose:   {Full, Full, None, None, OfProduct, false},
	CRLPublish:      {Full, Full, None, None, Anywhere, false},
	CARotate:        {FourEyes, None, None, None, Anywhere, false},
	CACrossSign:     {FourEyes, None, None, None, Anywhere, false},
	CAOffline:       {FourEyes, None, None, None, Anywhere, false},
	CAOnline:        {FourEyes, None, None, None, Anywhere, false},
	CRLImport:       {FourEyes, None, None, None, Anywhere, false},
	ClockReset:      {FourEyes, None, None, None, Anywhere, false},
	OperatorAdd:     {FourEyes, None, None, None, Anywhere, false},
	OperatorRemove:  {FourEyes, None, None, None, Anywhere, false},
	BackupCreate:    {Full, None, None, None, Anywhere, false},
	ConsoleLogin:    {Full, Full, Full, Full, Anywhere, false},
	Whoami:          {Full, Full, Full, Full, Anywhere, false},
}
