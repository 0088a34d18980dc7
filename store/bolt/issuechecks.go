package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/assay-pki/assay/store"
)

func (n *issue) checkIndex(w *writeTx) error {
	if !w.hasIssuer(n.Certificate.Issuer) {
		return notFound("issuer", n.Certificate.Issuer)
	}
	if w.get(certificateBucket, refKey(n.Certificate.Ref)) != nil {
		return fmt.Errorf("issuance index: %w", store.ErrExists)
	}
	return nil
}

// checkHolder: a device must not be held or ended, an operator or a station
// must be there.
func (n *issue) checkHolder(w *writeTx) (err error) {
	name := n.Certificate.Holder.Name
	switch n.Certificate.Holder.Kind {
	case store.HolderDevice:
		if n.device.State == store.DeviceHeld {
			return store.ErrHeld
		}
		if n.device.Ended() {
			return store.ErrDecommissioned
		}
	case store.HolderOperator:
		if n.operator, err = w.operator(name); err == nil && n.operator.Removed {
			err = fmt.Errorf("operator was removed: %w", store.ErrConflict)
		}
	case store.HolderStation:
		if n.station, err = w.station(name); err == nil && n.station.Revoked {
			err = fmt.Errorf("station was revoked: %w", store.ErrConflict)
		}
	}
	return err
}

func (n *issue) checkPresented(w *writeTx) error {
	if n.Presented == (store.Ref{}) {
		return nil
	}
	p, err := w.certificate(n.Presented)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("presented certificate is unknown: %w", store.ErrCredential)
	}
	if err != nil {
		return err
	}
	if p.Status != store.Good || p.Holder != n.Certificate.Holder {
		return fmt.Errorf("presented certificate: %w", store.ErrCredential)
	}
	if p.Closed {
		return store.ErrSuperseded
	}
	return nil
}

func (n *issue) checkToken(w *writeTx) (err error) {
	if !n.paid() {
		return nil
	}
	n.token, err = w.token(n.Token)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("token is unknown: %w", store.ErrCredential)
	}
	if err != nil {
		return err
	}
	if !n.token.Usable(n.By.At) {
		return fmt.Errorf("token %s is used up, expired or voided: %w", n.token.ID(), store.ErrCredential)
	}
	if n.token.Product != n.Device.Product || n.token.Serial != "" && n.token.Serial != n.Device.Serial {
		return fmt.Errorf("token %s is made for another device: %w", n.token.ID(), store.ErrCredential)
	}
	return nil
}

// checkKey compares whole keys: the index holds 16 octets of a hash.
func (n *issue) checkKey(w *writeTx) error {
	if w.get(blockedBucket, n.spkiHash[:]) != nil {
		return store.ErrKeyBlocked
	}
	owner, err := w.newestOfKey(n.spkiHash)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(owner.SPKI, n.Certificate.SPKI) {
		return fmt.Errorf("another key has the same truncated hash: %w", store.ErrConflict)
	}
	if owner.Holder != n.Certificate.Holder {
		return store.ErrKeyOfAnother
	}
	return nil
}

// checkIdentity finds the older certificates with another key, and what is to
// become of them.
func (n *issue) checkIdentity(*writeTx) error {
	onLine := n.Recovery == store.OnLine
	if onLine {
		n.Recovery = n.recoveryOnLine()
	}
	known, had, kept, ended := false, false, false, false
	for _, old := range n.lineage {
		if old.Profile != n.Certificate.Profile {
			continue
		}
		had = true
		if bytes.Equal(old.SPKI, n.Certificate.SPKI) {
			known, kept = true, kept || old.Status != store.Revoked
			continue
		}
		ended = true
		if n.Recovery == store.FirstOnly && old.Live(n.By.At) {
			return store.ErrHasIdentity
		}
		if n.Recovery == store.Replace && old.Unexpired(n.By.At) {
			old.MarkRevoked(store.ReasonSuperseded, n.By.At, time.Time{})
			n.replaced = append(n.replaced, old)
		}
	}
	if onLine && n.Recovery == store.FirstOnly && ended && !kept {
		return store.ErrHasIdentity
	}
	n.rekeyed = onLine && (len(n.replaced) > 0 || had && !known)
	return nil
}

// recoveryOnLine tells whether a line may replace the device's key now.
func (n *issue) recoveryOnLine() store.Recovery {
	presented := slices.ContainsFunc(n.lineage, func(c store.Certificate) bool { return c.Presented })
	if n.device.Rework || !presented && int(n.device.Rekeys) < n.LineRekeys {
		return store.Replace
	}
	return store.FirstOnly
}

// countRekey ends a rework, or counts a new key that a line gave.
func (n *issue) countRekey() {
	switch {
	case !n.rekeyed:
	case n.device.Rework:
		n.device.Rework = false
	case n.device.Rekeys < math.MaxUint8:
		n.device.Rekeys++
	}
}

func (n *issue) checkEvidence(*writeTx) error {
	if n.Evidence == nil {
		return nil
	}
	return n.device.Appraise(n.Evidence)
}

// closeOldest keeps the bound of live certificates, the new one included.
func (n *issue) closeOldest() {
	var live []store.Certificate
	for _, old := range n.lineage {
		replaced := n.Recovery == store.Replace && !bytes.Equal(old.SPKI, n.Certificate.SPKI)
		if old.Profile == n.Certificate.Profile && old.Unexpired(n.By.At) && !old.Closed && !replaced {
			live = append(live, old)
		}
	}
	excess := len(live) + 1 - store.MaxLivePerProfile
	for _, old := range live {
		if excess > 0 && !old.Presented && old.Ref != n.Presented {
			old.Closed = true
			n.closed = append(n.closed, old)
			excess--
		}
	}
}
