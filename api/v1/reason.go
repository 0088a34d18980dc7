package v1

import "maps"

// Reason is the code of a refusal. Codes are a promise: never renamed.
type Reason string

// Audience says who may be told a reason. To others it is NotAuthorized.
type Audience uint8

const (
	// Everybody may be told.
	Everybody Audience = iota
	// Principals: only an authenticated one, about its own device, batch or
	// station.
	Principals
)

// The reasons, in the order of docs/REASONS.md.
const (
	BadBase64              Reason = "bad-base64"
	SendBase64             Reason = "send-base64"
	BadCSR                 Reason = "bad-csr"
	CSRTooComplex          Reason = "csr-too-complex"
	BadSignature           Reason = "bad-signature"
	KeyTypeNotAllowed      Reason = "key-type-not-allowed"
	WeakKey                Reason = "weak-key"
	CSRAsksCA              Reason = "csr-asks-ca"
	SerialMissing          Reason = "serial-missing"
	SerialMalformed        Reason = "serial-malformed"
	BadEvidence            Reason = "bad-evidence"
	BadNonceRequest        Reason = "bad-nonce-request"
	ProductAmbiguous       Reason = "product-ambiguous"
	CSRBreaksAttrs         Reason = "csr-breaks-attrs"
	BadQuery               Reason = "bad-query"
	NameTooLong            Reason = "name-too-long"
	CredentialMissing      Reason = "credential-missing"
	CredentialRejected     Reason = "credential-rejected"
	CertificateUnknown     Reason = "certificate-unknown"
	CertificateNotYetValid Reason = "certificate-not-yet-valid"
	CertificateExpired     Reason = "certificate-expired"
	CertificateWrongUse    Reason = "certificate-wrong-use"
	NotAuthorized          Reason = "not-authorized"
	CertificateRevoked     Reason = "certificate-revoked"
	CertificateHeld        Reason = "certificate-held"
	CertificateSuperseded  Reason = "certificate-superseded"
	LabelNotYours          Reason = "label-not-yours"
	ClaimedSerialMismatch  Reason = "claimed-serial-mismatch"
	AdmissionNotAllowed    Reason = "admission-not-allowed"
	UseSimpleenroll        Reason = "use-simpleenroll"
	UseSimplereenroll      Reason = "use-simplereenroll"
	SubjectMismatch        Reason = "subject-mismatch"
	NameNotAllowed         Reason = "name-not-allowed"
	RekeyRequired          Reason = "rekey-required"
	LinkingRequired        Reason = "linking-required"
	LinkingFailed          Reason = "linking-failed"
	DeviceHeld             Reason = "device-held"
	DeviceDecommissioned   Reason = "device-decommissioned"
	DeviceScrapped         Reason = "device-scrapped"
	KeyOfAnotherDevice     Reason = "key-of-another-device"
	KeyBlocked             Reason = "key-blocked"
	RenewalFork            Reason = "renewal-fork"
	StationOutOfScope      Reason = "station-out-of-scope"
	SerialNotInManifest    Reason = "serial-not-in-manifest"
	NoOpenBatch            Reason = "no-open-batch"
	BatchPaused            Reason = "batch-paused"
	BatchClosed            Reason = "batch-closed"
	QuotaExhausted         Reason = "quota-exhausted"
	EvidenceMissing        Reason = "evidence-missing"
	EvidenceFormat         Reason = "evidence-format"
	EvidenceUntrusted      Reason = "evidence-untrusted"
	EvidenceKeyMismatch    Reason = "evidence-key-mismatch"
	EvidenceDeviceMismatch Reason = "evidence-device-mismatch"
	EvidenceStale          Reason = "evidence-stale"
	NonceInvalid           Reason = "nonce-invalid"
	NonceReused            Reason = "nonce-reused"
	DebugEnabled           Reason = "debug-enabled"
	TierTooLow             Reason = "tier-too-low"
	FirmwareUnknown        Reason = "firmware-unknown"
	FirmwareNotApproved    Reason = "firmware-not-approved"
	FirmwareRecalled       Reason = "firmware-recalled"
	FirmwareRollback       Reason = "firmware-rollback"
	ComponentMissing       Reason = "component-missing"
	NotFound               Reason = "not-found"
	MethodNotAllowed       Reason = "method-not-allowed"
	ShardRetired           Reason = "shard-retired"
	SerialHasIdentity      Reason = "serial-has-identity"
	Exists                 Reason = "exists"
	ChangedMeanwhile       Reason = "changed-meanwhile"
	ImmutableField         Reason = "immutable-field"
	WrongState             Reason = "wrong-state"
	IdempotencyMismatch    Reason = "idempotency-mismatch"
	GuardExceeded          Reason = "guard-exceeded"
	GuardCountMismatch     Reason = "guard-count-mismatch"
	TooLarge               Reason = "too-large"
	MediaType              Reason = "media-type"
	BadDocument            Reason = "bad-document"
	RateLimited            Reason = "rate-limited"
	HeaderTooLarge         Reason = "header-too-large"
	Overloaded             Reason = "overloaded"
	StoreUnavailable       Reason = "store-unavailable"
	SignerUnavailable      Reason = "signer-unavailable"
	Clock                  Reason = "clock"
	IndexExhausted         Reason = "index-exhausted"
	Starting               Reason = "starting"
	NonceLength            Reason = "nonce-length"
	ApprovalPending        Reason = "approval-pending"
	RoleDenied             Reason = "role-denied"
	ScopeDenied            Reason = "scope-denied"
	BirthsNeedPublicURL    Reason = "births-need-public-url"
	Internal               Reason = "internal"
)

// About says what a reason means.
type About struct {
	// Status is its HTTP status at every edge.
	Status   int
	Audience Audience
	// Title says what is wrong; Next the next step.
	Title, Next string
}

// About returns the reason's row of the table; Internal's for an unknown code.
func (r Reason) About() About {
	if a, ok := reasons[r]; ok {
		return a
	}
	return reasons[Internal]
}

// Reasons returns every code with its row. The map is the caller's own.
func Reasons() map[Reason]About { return maps.Clone(reasons) }

var reasons = map[Reason]About{
	BadBase64:              {400, Everybody, "the body is not base64", "send the DER of the request as base64, RFC 8951"},
	SendBase64:             {400, Everybody, "the body is DER or other raw bytes", "send base64: openssl base64 -in req.der"},
	BadCSR:                 {400, Everybody, "the PKCS#10 request does not parse", "make a fresh request: openssl req -new"},
	CSRTooComplex:          {400, Everybody, "the request has too many names, attributes or extensions", "ask for fewer; at most 16 extensions, 8 names, 16 RDNs"},
	BadSignature:           {400, Everybody, "the request is not signed by the key in it", "make a fresh request with the key it names"},
	KeyTypeNotAllowed:      {400, Everybody, "the product does not allow this kind of key", "use one of the product's key types"},
	WeakKey:                {400, Everybody, "the key is weak", "make a new key"},
	CSRAsksCA:              {400, Everybody, "the request asks for a CA certificate", "leave basicConstraints and keyCertSign out of the request"},
	SerialMissing:          {400, Everybody, "no serial number is named", "put the serial in the subject's serialNumber or CN"},
	SerialMalformed:        {400, Everybody, "the serial number does not match the product's pattern", "check the serial and the product's serial_pattern"},
	BadEvidence:            {400, Everybody, "the evidence does not parse", "make it as its format says"},
	BadNonceRequest:        {400, Everybody, "the nonce request does not parse", "see the attestation freshness draft"},
	ProductAmbiguous:       {400, Principals, "several products are possible", "put the product's label in the URL"},
	CSRBreaksAttrs:         {400, Principals, "the request breaks the published csrattrs", "read csrattrs and make the request accordingly"},
	BadQuery:               {400, Principals, "the query does not parse", "see assay device list --help"},
	NameTooLong:            {400, Principals, "a name is too long", "shorten it"},
	CredentialMissing:      {401, Everybody, "no credential was sent", "send a client certificate, or a token as the password of HTTP Basic"},
	CredentialRejected:     {401, Everybody, "the credential was not accepted", "ask for a fresh token: assay token create"},
	CertificateUnknown:     {403, Everybody, "the client certificate is not ours", "use a certificate that this authority issued"},
	CertificateNotYetValid: {403, Everybody, "the client certificate is not valid yet", "check the clock"},
	CertificateExpired:     {403, Everybody, "the client certificate has expired", "enrol again"},
	CertificateWrongUse:    {403, Everybody, "the client certificate is of the wrong kind", "use a certificate of the kind that this operation admits"},
	NotAuthorized:          {403, Everybody, "the credential does not allow this", "ask an operator"},
	CertificateRevoked:     {403, Principals, "the client certificate is revoked", "enrol again, or ask an operator"},
	CertificateHeld:        {403, Principals, "the client certificate is on hold", "ask an operator to release it"},
	CertificateSuperseded:  {403, Principals, "a newer certificate has taken its place", "use the newest certificate"},
	LabelNotYours:          {403, Principals, "the label is of another product", "use your own product's label, or none"},
	ClaimedSerialMismatch:  {403, Principals, "the request names another serial than the credential", "name your own serial, or none"},
	AdmissionNotAllowed:    {403, Principals, "the product does not admit this kind of credential", "ask an operator which credential the product admits"},
	UseSimpleenroll:        {403, Principals, "this credential enrols, it does not renew", "POST to simpleenroll"},
	UseSimplereenroll:      {403, Principals, "this credential renews, it does not enrol", "POST to simplereenroll"},
	SubjectMismatch:        {403, Principals, "the subject or SAN differs from the certificate's", "repeat the certificate's subject exactly, or leave it empty"},
	NameNotAllowed:         {403, Principals, "the request asks for a name that is not the device's", "leave the name out"},
	RekeyRequired:          {403, Principals, "the product wants a new key at each renewal", "make a new key"},
	LinkingRequired:        {403, Principals, "the product wants proof-of-possession linking", "put the channel binding in challengePassword"},
	LinkingFailed:          {403, Principals, "the channel binding does not match", "make the request on the connection that sends it"},
	DeviceHeld:             {403, Principals, "the device is on hold", "ask an operator to release it: assay device release"},
	DeviceDecommissioned:   {403, Principals, "the device was decommissioned", "nothing can be enrolled for it any more"},
	DeviceScrapped:         {403, Principals, "the device was scrapped", "nothing can be enrolled for it any more"},
	KeyOfAnotherDevice:     {403, Principals, "the key belongs to another device", "make a new key on this device"},
	KeyBlocked:             {403, Principals, "the key was compromised once", "make a new key"},
	RenewalFork:            {403, Principals, "an older certificate renews after a newer one was presented", "use the newest certificate; tell the security staff"},
	StationOutOfScope:      {403, Principals, "the station may not do this", "ask an operator about the station's scope"},
	SerialNotInManifest:    {403, Principals, "the serial is in no open batch's manifest", "check the manifest"},
	NoOpenBatch:            {403, Principals, "no batch is open for it", "open a batch: assay batch create"},
	BatchPaused:            {403, Principals, "the batch is paused", "resume it: assay batch resume"},
	BatchClosed:            {403, Principals, "the batch is closed", "open another batch"},
	QuotaExhausted:         {403, Principals, "the quota is used up", "ask an operator for another batch"},
	EvidenceMissing:        {403, Principals, "the product wants evidence", "add evidence to the request"},
	EvidenceFormat:         {403, Principals, "the product does not take evidence of this format", "use one of the product's formats"},
	EvidenceUntrusted:      {403, Principals, "the evidence is not signed by a trusted key", "check the trust anchors"},
	EvidenceKeyMismatch:    {403, Principals, "the evidence is about another key", "make evidence for the key in the request"},
	EvidenceDeviceMismatch: {403, Principals, "the evidence is about another device", "make evidence on this device"},
	EvidenceStale:          {403, Principals, "the evidence is not fresh", "ask for a nonce and make new evidence"},
	NonceInvalid:           {403, Principals, "the nonce is unknown or expired", "ask for a new nonce"},
	NonceReused:            {403, Principals, "the nonce was used for another request", "ask for a new nonce"},
	DebugEnabled:           {403, Principals, "the device can be debugged", "close the debug port"},
	TierTooLow:             {403, Principals, "the evidence is of too low a tier", "use stronger evidence"},
	FirmwareUnknown:        {403, Principals, "the firmware is not known", "register it: assay firmware add"},
	FirmwareNotApproved:    {403, Principals, "the firmware is not approved", "approve it: assay firmware approve"},
	FirmwareRecalled:       {403, Principals, "the firmware was recalled", "update the device"},
	FirmwareRollback:       {403, Principals, "the firmware is older than the device had", "update the device"},
	ComponentMissing:       {403, Principals, "a component was not measured", "measure each component that the product names"},
	NotFound:               {404, Everybody, "there is no such thing here", "check the URL or the name"},
	MethodNotAllowed:       {405, Everybody, "the method is not allowed here", "see the Allow field"},
	ShardRetired:           {410, Everybody, "the shard has retired with its last certificate", "use the complete CRL"},
	SerialHasIdentity:      {409, Principals, "the serial has an identity with another key", "renew with its certificate, or use a token made for this serial"},
	Exists:                 {409, Principals, "it exists already", "choose another name"},
	ChangedMeanwhile:       {409, Principals, "it was changed meanwhile", "read it again and repeat"},
	ImmutableField:         {409, Principals, "a field can't change once it is used", "make a new object"},
	WrongState:             {409, Principals, "its state does not allow this", "look at its state first"},
	IdempotencyMismatch:    {409, Principals, "the Idempotency-Key was used for another request", "use a new key"},
	GuardExceeded:          {409, Principals, "more would be revoked than the guard allows", "narrow it, or ask for approval"},
	GuardCountMismatch:     {409, Principals, "the count differs from the confirmed one", "count again with --dry-run"},
	TooLarge:               {413, Everybody, "the body is too large", "send less"},
	MediaType:              {415, Everybody, "the media type is not the one of this operation", "set Content-Type"},
	BadDocument:            {422, Principals, "the document has faults", "mend the faults listed"},
	RateLimited:            {429, Everybody, "too many requests", "wait as Retry-After says"},
	HeaderTooLarge:         {431, Everybody, "the header is too large", "send fewer or shorter fields"},
	Overloaded:             {503, Everybody, "the node is overloaded", "wait as Retry-After says"},
	StoreUnavailable:       {503, Everybody, "the store is unavailable", "wait; operators: assay doctor"},
	SignerUnavailable:      {503, Everybody, "the signing key is unavailable", "wait; operators: assay doctor"},
	Clock:                  {503, Everybody, "the node's clock is doubtful", "wait; operators: assay doctor"},
	IndexExhausted:         {503, Everybody, "the issuer has numbered its last certificate", "operators: assay ca rotate"},
	Starting:               {503, Everybody, "the node is starting", "wait as Retry-After says"},
	NonceLength:            {503, Everybody, "nonces of this length are not made", "ask for 32 to 64 octets"},
	ApprovalPending:        {202, Principals, "the request awaits approval", "repeat the same request as Retry-After says"},
	RoleDenied:             {403, Everybody, "the operator's role does not allow this", "ask an admin"},
	ScopeDenied:            {403, Everybody, "outside the operator's products or sites", "ask an admin"},
	BirthsNeedPublicURL:    {403, Everybody, "birth certificates need a public URL", "make the authority with init --public-url"},
	Internal:               {500, Everybody, "a fault of ours", "report it with the time and the request"},
}
