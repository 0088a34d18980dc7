package store

import (
	"crypto/sha256"
	"strconv"
	"time"
)

// The events of each act, in the order in which an engine appends them. Every
// engine composes them here, so that one history has one log.

func (a Actor) event(name EventName, object string) Event {
	return Event{Name: name, Time: a.At, Salt: newSalt(), Actor: a.Principal, Source: a.Source, Object: object}
}

func (a Actor) about(name EventName, c *Certificate) Event {
	e := a.event(name, c.Holder.Name)
	e.Serial, e.Issuer = c.Serial[:], c.Issuer
	return e
}

// detail keeps the facts that are there: pairs of name and value.
func detail(pairs ...string) map[string]string {
	facts := make(map[string]string, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			facts[pairs[i]] = pairs[i+1]
		}
	}
	if len(facts) == 0 {
		return nil
	}
	return facts
}

// FoundingEvents are audit.epoch and ca.activated of each issuer.
func FoundingEvents(f Founding) []Event {
	first := f.By.event(AuditEpoch, f.Authority.ID)
	first.Detail = detail("name", f.Authority.Name, "url", f.Authority.BaseURL)
	events := []Event{first}
	for _, i := range f.Issuers {
		e := f.By.event(CAActivated, i.Name())
		e.Issuer = i.ID
		e.Digest = digest(i.Certificate)
		events = append(events, e)
	}
	return events
}

// IssuedEvent is certificate.issued: it binds the leaf to the whole certificate
// by its digest, and tells how the device was appraised.
func IssuedEvent(i *Issuance) Event {
	e := i.By.about(CertificateIssued, &i.Certificate)
	e.Detail = detail(
		"profile", i.Certificate.Profile,
		"operation", i.Certificate.Operation,
		"station", i.Station,
		"batch", i.Batch,
	)
	e.add(i.Evidence.facts())
	e.add(i.Facts)
	e.Digest = digest(i.Certificate.DER)
	return e
}

func digest(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

// RedeemedEvent is token.redeemed; an issuance by token appends it after
// certificate.issued.
func RedeemedEvent(i *Issuance) Event {
	token := Token{Hash: i.Token}
	e := i.By.event(TokenRedeemed, token.ID())
	e.Detail = detail("holder", i.Certificate.Holder.Name)
	return e
}

// ActivatedEvent is device.activated; the issuance that activates a device
// appends it after token.redeemed.
func ActivatedEvent(i *Issuance) Event {
	return i.By.event(DeviceWasActivated, i.Device.String())
}

// RepeatedEvent is certificate.repeated: c was answered again.
func RepeatedEvent(i *Issuance, c *Certificate) Event {
	return i.By.about(CertificateRepeated, c)
}

// PresentedEvent is certificate.presented.
func PresentedEvent(by Actor, c *Certificate) Event {
	return by.about(CertificatePresented, c)
}

// ClosedEvent is certificate.closed.
func ClosedEvent(by Actor, c *Certificate) Event {
	return by.about(CertificateClosed, c)
}

// StatusEvent is certificate.revoked, .held or .released, by what c now is.
func StatusEvent(by Actor, c *Certificate) Event {
	name := CertificateReleased
	switch c.Status {
	case Revoked:
		name = CertificateRevoked
	case Held:
		name = CertificateHeld
	}
	e := by.about(name, c)
	if c.Status != Good {
		e.Reason = ReasonName(c.Reason)
	}
	if !c.InvalidAt.IsZero() {
		e.Detail = detail("invalid-at", c.InvalidAt.Format(time.RFC3339))
	}
	return e
}

// DeviceEvent is device.decommissioned, .scrapped, .held or .released, by what d
// now is.
func DeviceEvent(by Actor, d *Device, comment, ticket string) Event {
	name := DeviceWasReleased
	switch d.State {
	case DeviceDecommissioned:
		name = DeviceWasDecommissioned
	case DeviceScrapped:
		name = DeviceWasScrapped
	case DeviceHeld:
		name = DeviceWasHeld
	}
	e := by.event(name, d.String())
	if d.Ended() || d.State == DeviceHeld {
		e.Reason = ReasonName(d.Reason)
	}
	e.Detail = detail("comment", comment, "ticket", ticket)
	return e
}

// ChangeEvents are the events of a Revoke, Hold or Release: that of the device,
// when its state changed, then one for each certificate. Comment and ticket
// stand in the first.
func ChangeEvents(by Actor, change *StatusChange, deviceChanged bool, comment, ticket string) []Event {
	var events []Event
	if deviceChanged {
		events = append(events, DeviceEvent(by, &change.Device, comment, ticket))
	}
	for i := range change.Changed {
		e := StatusEvent(by, &change.Changed[i])
		if len(events) == 0 {
			for name, fact := range detail("comment", comment, "ticket", ticket) {
				if e.Detail == nil {
					e.Detail = map[string]string{}
				}
				e.Detail[name] = fact
			}
		}
		events = append(events, e)
	}
	return events
}

// TokenEvent is token.created, or token.voided of a voided one.
func TokenEvent(t *Token, by Actor) Event {
	if t.Voided {
		return by.event(TokenVoided, t.ID())
	}
	e := by.event(TokenCreated, t.ID())
	e.Detail = detail("product", t.Product, "serial", t.Serial, "uses", number(t.Uses),
		"expires", t.ExpiresAt.UTC().Format(time.RFC3339))
	return e
}

// OperatorEvent is operator.added, or operator.removed of a removed one.
func OperatorEvent(o *Operator, by Actor) Event {
	name := OperatorAdded
	if o.Removed {
		name = OperatorRemoved
	}
	e := by.event(name, o.Name)
	e.Detail = detail("role", o.Role, "revision", number(o.Revision))
	return e
}

// ClockResetEvent is clock.reset.
func ClockResetEvent(from, to time.Time, by Actor) Event {
	e := by.event(ClockReset, "")
	e.Detail = detail("from", from.UTC().Format(time.RFC3339Nano), "to", to.UTC().Format(time.RFC3339Nano))
	return e
}

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
