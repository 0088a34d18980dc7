package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCertificateTransitions(t *testing.T) {
	mark := map[string]func(*Certificate) bool{
		"revoke":  func(c *Certificate) bool { return c.MarkRevoked(ReasonKeyCompromise, at(5), time.Time{}) },
		"hold":    func(c *Certificate) bool { return c.MarkHeld(at(5)) },
		"release": func(c *Certificate) bool { return c.MarkReleased() },
	}
	good := Certificate{}
	held := Certificate{Status: Held, Reason: ReasonCertificateHold, RevokedAt: at(1)}
	revoked := Certificate{Status: Revoked, Reason: ReasonSuperseded, RevokedAt: at(1)}
	for _, row := range []struct {
		from    Certificate
		act     string
		to      Certificate
		changed bool
	}{
		{good, "revoke", Certificate{Status: Revoked, Reason: ReasonKeyCompromise, RevokedAt: at(5)}, true},
		{good, "hold", Certificate{Status: Held, Reason: ReasonCertificateHold, RevokedAt: at(5)}, true},
		{good, "release", good, false},
		{held, "revoke", Certificate{Status: Revoked, Reason: ReasonKeyCompromise, RevokedAt: at(1)}, true},
		{held, "hold", held, false},
		{held, "release", good, true},
		{revoked, "revoke", revoked, false},
		{revoked, "hold", revoked, false},
		{revoked, "release", revoked, false},
	} {
		c := row.from
		if changed := mark[row.act](&c); changed != row.changed {
			t.Errorf("%s of status %d: changed %t, want %t", row.act, row.from.Status, changed, row.changed)
		}
		if diff := cmp.Diff(row.to, c); diff != "" {
			t.Errorf("%s of status %d (-want +got):\n%s", row.act, row.from.Status, diff)
		}
	}
	c := held
	if c.MarkRevoked(0, at(5), at(3)); c.InvalidAt != c.RevokedAt {
		t.Errorf("invalid at %v, after revocation at %v (RFC 5280 §5.3.2)", c.InvalidAt, c.RevokedAt)
	}
}

func TestDeviceTransitions(t *testing.T) {
	mark := map[string]func(*Device) bool{
		"activate":     func(d *Device) bool { return d.MarkActive(at(5)) },
		"hold":         func(d *Device) bool { return d.MarkHeld(at(5)) },
		"release":      func(d *Device) bool { return d.MarkReleased(at(5)) },
		"decommission": func(d *Device) bool { return d.MarkDecommissioned(ReasonCessationOfOperation, at(5)) },
	}
	const none = DeviceState(0)
	for _, row := range []struct {
		from      DeviceState
		activated bool
		act       string
		to        DeviceState
	}{
		{none, false, "activate", DeviceActive},
		{DeviceExpected, false, "activate", DeviceActive},
		{DeviceActive, true, "activate", DeviceActive},
		{DeviceHeld, true, "activate", DeviceHeld},
		{DeviceExpected, false, "hold", DeviceHeld},
		{DeviceActive, true, "hold", DeviceHeld},
		{DeviceDecommissioned, true, "hold", DeviceDecommissioned},
		{DeviceHeld, true, "release", DeviceActive},
		{DeviceHeld, false, "release", DeviceExpected},
		{DeviceScrapped, true, "release", DeviceScrapped},
		{DeviceHeld, true, "decommission", DeviceDecommissioned},
		{DeviceExpected, false, "decommission", DeviceDecommissioned},
		{DeviceScrapped, true, "decommission", DeviceScrapped},
	} {
		d := Device{State: row.from}
		if row.activated {
			d.ActivatedAt = at(0)
		}
		changed := mark[row.act](&d)
		if d.State != row.to || changed != (row.from != row.to) {
			t.Errorf("%s of %v: %v, changed %t, want %v", row.act, row.from, d.State, changed, row.to)
		}
		if changed != !d.ChangedAt.IsZero() {
			t.Errorf("%s of %v: changed %t at %v", row.act, row.from, changed, d.ChangedAt)
		}
	}
}

func TestReasons(t *testing.T) {
	for reason := range 256 {
		name := ReasonName(uint8(reason))
		back, ok := ReasonOf(name)
		if ok != (name != "") || ok && back != uint8(reason) {
			t.Errorf("reason %d is %q, which is %d, %t", reason, name, back, ok)
		}
	}
	var revokes, blocks []int
	for reason := range 256 {
		if Revokes(uint8(reason)) {
			revokes = append(revokes, reason)
		}
		if BlocksKey(uint8(reason)) {
			blocks = append(blocks, reason)
		}
	}
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4, 5, 9, 10}, revokes); diff != "" {
		t.Errorf("reasons that revoke (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{1, 2, 10}, blocks); diff != "" {
		t.Errorf("reasons that block the key (-want +got):\n%s", diff)
	}
}

func TestCRLFollow(t *testing.T) {
	last := CRL{Number: 100, ThisUpdate: at(10)}
	for _, row := range []struct {
		last           CRL
		signed, update time.Time
		number         uint64
		thisUpdate     time.Time
	}{
		{CRL{}, at(0), at(-600), uint64(at(0).Unix()), at(-600)},
		{last, time.Unix(50, 0), at(20), 101, at(20)},
		{last, at(0), at(0), uint64(at(0).Unix()), at(10)},
	} {
		c := CRL{SignedAt: row.signed, ThisUpdate: row.update}
		c.Follow(row.last)
		if c.Number != row.number || c.ThisUpdate != row.thisUpdate {
			t.Errorf("after %d: number %d, thisUpdate %v, want %d, %v", row.last.Number, c.Number, c.ThisUpdate, row.number, row.thisUpdate)
		}
	}
}
