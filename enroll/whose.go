package enroll

import (
	"context"
	"errors"
	"fmt"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

// findDevice finds the device that the certificate is for, and whether it is in
// a state to have one.
func (a *attempt) findDevice(ctx context.Context) error {
	serial, err := a.serial()
	if err != nil {
		return err
	}
	a.device = store.DeviceID{Product: a.product.Product, Serial: serial}
	if err := a.readDevice(ctx, a.device); err != nil {
		return err
	}
	return a.checkState()
}

// serial is the credential's own when it has one; the claimed one, in the CSR's
// subject, must then equal it or be missing. Else it is the claimed one
// (design §2.3).
func (a *attempt) serial() (string, error) {
	claimed, err := a.claimedSerial()
	if err != nil {
		return "", err
	}
	serial := a.ownSerial()
	switch {
	case serial == "" && claimed == "":
		return "", v1.Refuse(v1.SerialMissing, "")
	case serial == "":
		if serial = claimed; !a.product.SerialOK(serial) {
			return "", v1.Refuse(v1.SerialMalformed, "")
		}
	case claimed != "" && claimed != serial:
		return "", v1.Refuse(v1.ClaimedSerialMismatch, "")
	}
	if a.who.token != nil && a.User != "" && a.User != serial {
		return "", v1.Refuse(v1.ClaimedSerialMismatch, "the user name of HTTP Basic must be the serial, or empty")
	}
	return serial, nil
}

// ownSerial is the serial that the credential is bound to, if any.
func (a *attempt) ownSerial() string {
	if a.who.token != nil {
		return a.who.token.Serial
	}
	return a.who.device.Serial
}

// claimedSerial is a look-up key only. A renewal whose product ignores subjects
// claims nothing.
func (a *attempt) claimedSerial() (string, error) {
	if a.renewal() && a.product.Renewal.Subject == subjectIgnore {
		return "", nil
	}
	s, err := a.csr.SubjectSerial()
	switch {
	case errors.Is(err, wire.ErrNoSerial):
		return "", nil
	case err != nil:
		return "", &v1.Refusal{Reason: v1.SerialMalformed, Detail: "the subject names several serials", Err: err}
	}
	return s, nil
}

// checkState refuses a device that may have no certificate now.
func (a *attempt) checkState() error {
	if a.record == nil {
		return nil
	}
	switch a.record.State {
	case store.DeviceExpected, store.DeviceActive:
		return nil
	case store.DeviceHeld:
		return &v1.Refusal{Reason: v1.DeviceHeld, RetryAfter: retryHeld}
	case store.DeviceDecommissioned:
		return v1.Refuse(v1.DeviceDecommissioned, "")
	case store.DeviceScrapped:
		return v1.Refuse(v1.DeviceScrapped, "")
	}
	return fmt.Errorf("device %s: state %d: %w", a.device, a.record.State, store.ErrCorrupt)
}
