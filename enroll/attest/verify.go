package attest

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
)

// verifier of one format.
type verifier struct {
	format, profile string
	verify          func(*statement, Binding, Keys) (*Claims, error)
}

// statement is parsed, and not verified.
type statement struct {
	claims claimSet
	cose   *sign1
	// header: it came in the request field.
	header bool
}

// verifiers in the order of preference, the strongest first.
func verifiers() [2]verifier {
	return [2]verifier{
		{FormatStation, profileStation, verifyStation},
		{FormatSelf, profileSelf, verifySelf},
	}
}

// Verify finds the statement of an allowed format, the strongest if there are
// several formats, and checks its form, its signature and its binding. It does
// not judge the nonce, nor the measurements. Errors are *Error.
func Verify(b *Bundle, binding Binding, keys Keys, formats []string) (*Claims, error) {
	if b == nil || len(b.Statements) == 0 {
		return nil, refuse(CodeMissing, "there is no statement")
	}
	messages := make([]message, 0, len(b.Statements))
	for _, s := range b.Statements {
		m, err := unwrap(s)
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	for _, v := range verifiers() {
		if !slices.Contains(formats, v.format) {
			continue
		}
		m, err := only(messages, v)
		if err != nil {
			return nil, err
		}
		if m != nil {
			return v.run(m, binding, keys)
		}
	}
	return nil, refuse(CodeFormat, "no statement is of one of the formats %v", formats)
}

// only finds the one message of a format; nil without one.
func only(messages []message, v verifier) (*message, error) {
	var found *message
	for i := range messages {
		if messages[i].profile != v.profile {
			continue
		}
		if found != nil {
			return nil, bad("there are two statements of format %s", v.format)
		}
		found = &messages[i]
	}
	return found, nil
}

func (v verifier) run(m *message, binding Binding, keys Keys) (*Claims, error) {
	cose, err := parseSign1(m.value)
	if err != nil {
		return nil, err
	}
	set, err := parseClaims(cose.payload)
	if err != nil {
		return nil, err
	}
	claims, err := v.verify(&statement{set, cose, m.header}, binding, keys)
	if err != nil {
		return nil, err
	}
	claims.Format, claims.Digest = v.format, sha256.Sum256(m.value)
	return claims, nil
}

// bind checks that the claims are about this device and this key. The
// signature holds already, so a wrong device is worth an incident, unless the
// key vouches for itself.
func (c *common) bind(binding Binding, trusted bool) error {
	if want := binding.Product + "/" + binding.Serial; c.claims.Subject != want {
		e := refuse(CodeDeviceMismatch, "it is about another device")
		e.Expected, e.Got = want, c.claims.Subject
		if trusted {
			e.Incident = incidentOtherDevice
		}
		return e
	}
	if want := sha256.Sum256(binding.SPKI); subtle.ConstantTimeCompare(want[:], c.spki) == 0 {
		return refuse(CodeKeyMismatch, "claim %d is not the SHA-256 of the key in the request", keySPKI)
	}
	return nil
}
