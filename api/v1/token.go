package v1

import "time"

// TokenRequest asks for an enrolment secret.
type TokenRequest struct {
	Product string `json:"product" minLength:"1" maxLength:"32" doc:"the product it enrols"`
	Serial  string `json:"serial,omitempty" maxLength:"64" doc:"the one device it enrols; absent: any of the product"`
	TTL     string `json:"ttl,omitempty" maxLength:"16" example:"1h" doc:"how long it may be used, as 1h or 7d; 1h if absent, at most 30d"`
	Uses    uint32 `json:"uses,omitempty" maximum:"100000" doc:"how many enrolments it pays for; 1 if absent"`
	DryRun  bool   `json:"dry_run,omitempty" doc:"answer what would be made and make nothing"`
}

// Token is an enrolment secret: the password of HTTP Basic at the EST edge.
type Token struct {
	DryRun bool `json:"dry_run,omitempty" doc:"nothing was changed; one that would be made has no secret and no id yet"`
	// Token is the secret itself. Only the answer that creates it carries it:
	// the authority keeps a hash.
	Token     string    `json:"token,omitempty" doc:"the secret; said once, when it is created"`
	ID        string    `json:"id" doc:"public name: the first 8 octets of its SHA-256"`
	Product   string    `json:"product"`
	Serial    string    `json:"serial,omitempty" doc:"bound to this device"`
	Uses      uint32    `json:"uses"`
	Used      uint32    `json:"used"`
	State     string    `json:"state" enum:"usable,used,expired,voided"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	CreatedBy string    `json:"created_by,omitempty"`
}

// States of a token.
const (
	TokenUsable  = "usable"
	TokenUsed    = "used"
	TokenExpired = "expired"
	TokenVoided  = "voided"
)
