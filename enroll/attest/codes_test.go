package attest_test

import (
	"testing"

	"github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/attest"
	"github.com/assay-pki/assay/enroll/evidence"
)

// TestCodesAreReasons: the codes are in the one table of reasons.
func TestCodesAreReasons(t *testing.T) {
	codes := map[string]v1.Reason{
		attest.CodeBadEvidence: v1.BadEvidence, attest.CodeMissing: v1.EvidenceMissing, attest.CodeFormat: v1.EvidenceFormat,
		attest.CodeUntrusted: v1.EvidenceUntrusted, attest.CodeKeyMismatch: v1.EvidenceKeyMismatch,
		attest.CodeDeviceMismatch: v1.EvidenceDeviceMismatch, attest.CodeStale: v1.EvidenceStale,
		attest.CodeTierTooLow: v1.TierTooLow, attest.CodeDebugEnabled: v1.DebugEnabled, attest.CodeComponentMissing: v1.ComponentMissing,
		attest.CodeFirmwareUnknown: v1.FirmwareUnknown, attest.CodeFirmwareNot: v1.FirmwareNotApproved,
		attest.CodeFirmwareRecalled: v1.FirmwareRecalled, attest.CodeFirmwareRollback: v1.FirmwareRollback,
	}
	for code, reason := range codes {
		if code != string(reason) {
			t.Errorf("got code %q, want %q", code, reason)
		}
	}
}

func TestOneOID(t *testing.T) {
	if attest.OIDAttestation != evidence.OID || attest.AttestationOID().String() != evidence.OID {
		t.Errorf("got %s and %s, want %s", attest.OIDAttestation, attest.AttestationOID(), evidence.OID)
	}
}
