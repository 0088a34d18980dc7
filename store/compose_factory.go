package store

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// DocumentEvent is product.changed, policy.changed, or what happened to a
// firmware release.
func DocumentEvent(d *Document, p *PutDocument) Event {
	name := p.Event
	switch d.Kind {
	case KindProduct:
		name = ProductChanged
	case KindPolicy:
		name = PolicyChanged
	}
	e := p.By.event(name, d.Name)
	e.Detail = detail("revision", number(d.Revision))
	e.add(p.Facts)
	e.Digest = digest(d.Body)
	return e
}

// firmwareEvents are those that a PutDocument may name.
func firmwareEvents() []EventName {
	return []EventName{FirmwareAdded, FirmwareApproved, FirmwareDeprecated, FirmwareRecalled, FirmwareRecallUndone}
}

// add adds facts under names that are free.
func (e *Event) add(facts map[string]string) {
	for name, value := range facts {
		if _, taken := e.Detail[name]; taken || value == "" {
			continue
		}
		if e.Detail == nil {
			e.Detail = map[string]string{}
		}
		e.Detail[name] = value
	}
}

// facts are the appraisal's, for the event of the certificate that it led to.
func (a *Appraised) facts() map[string]string {
	if a == nil {
		return nil
	}
	releases := make([]string, len(a.Components))
	for i, c := range a.Components {
		releases[i] = c.Component + "=" + c.Version
	}
	return detail("format", a.Format, "tier", a.Tier, "fresh", a.Fresh, "release", listed(releases))
}

// CreatedEvents are batch.created and, with a manifest, device.expected for all
// of its rows.
func CreatedEvents(b *Batch, by Actor) []Event {
	e := by.event(BatchCreated, b.Name)
	e.Detail = detail("product", b.Product, "site", b.Site, "line", b.Line, "from", date(b.From), "until", date(b.Until), "quota", count(b.Quota))
	events := []Event{e}
	if b.Manifest.Rows > 0 {
		e := by.event(DeviceWasExpected, b.Name)
		e.Count = b.Manifest.Rows
		e.Digest = b.Manifest.SHA256[:]
		e.Detail = detail("format", b.Manifest.Format)
		events = append(events, e)
	}
	return events
}

// ChangedEvents are batch.changed when the order changed, and what became of
// its state.
func ChangedEvents(b *Batch, order, state bool, by Actor) []Event {
	var events []Event
	if order {
		e := by.event(BatchChanged, b.Name)
		e.Detail = detail("revision", number(b.Revision), "from", date(b.From), "until", date(b.Until), "quota", count(b.Quota),
			"nonce", hex.EncodeToString(b.Nonce))
		events = append(events, e)
	}
	if state {
		name := map[BatchState]EventName{BatchOpen: BatchResumed, BatchHasPaused: BatchPaused, BatchHasClosed: BatchClosed}[b.State]
		e := by.event(name, b.Name)
		e.Detail = detail("used", count(b.Used), "scrapped", count(b.Scrapped))
		events = append(events, e)
	}
	return events
}

// RevokedStationEvent is station.revoked.
func RevokedStationEvent(s *Station, reason uint8, by Actor) Event {
	e := by.event(StationRevoked, s.Name)
	e.Reason = ReasonName(reason)
	return e
}

// StationEvent is station.created of the first revision, else station.changed.
func StationEvent(s *Station, by Actor) Event {
	name := StationChanged
	if s.Revision == 1 {
		name = StationCreated
	}
	networks := make([]string, len(s.From))
	for i, network := range s.From {
		networks[i] = network.String()
	}
	e := by.event(name, s.Name)
	e.Detail = detail("revision", number(s.Revision), "site", s.Site, "line", s.Line, "products", listed(s.Products), "from", listed(networks),
		"quota", count(s.Quota), "rate", count(uint64(s.Rate)), "until", date(s.Until))
	if s.ClientAuth {
		e.Detail["client-auth"] = "true"
	}
	return e
}

// listed joins what may be longer than one value of an event: then it counts.
func listed(words []string) string {
	text := strings.Join(words, ",")
	if len(text) > MaxText {
		return strconv.Itoa(len(words)) + " of them"
	}
	return text
}

// ReworkEvent is device.rework-opened.
func ReworkEvent(a *DeviceAct) Event {
	e := a.By.event(DeviceReworkOpened, a.Device.String())
	e.Detail = detail("comment", a.Comment, "ticket", a.Ticket)
	return e
}

// ClosedIncidentEvent is incident.closed.
func ClosedIncidentEvent(i *Incident, by Actor) Event {
	e := by.event(IncidentClosed, i.Object)
	e.Detail = detail("incident", count(i.ID), "kind", i.Kind, "comment", i.Comment)
	return e
}

// date is empty for no time.
func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// count is empty for none.
func count(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}
