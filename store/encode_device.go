package store

import (
	"encoding/binary"
	"time"
)

// The vocabularies of an appraisal, by their octets: only appended to.
func formatWords() []string    { return []string{"self", "station", "dice", "tpm", "eat"} }
func tierWords() []string      { return []string{"T0", "T1", "T1s", "T2", "T3"} }
func freshnessWords() []string { return []string{"yes", "batch", "no"} }

// deviceParts is the octet that says which parts of a device's record are
// there: most devices have few of them, and there are very many devices.
func (d *Device) deviceParts() byte {
	activated := StoredTime(d.ActivatedAt)
	return flags(
		StoredTime(d.ChangedAt) != activated,
		StoredTime(d.SeenAt) != activated,
		!d.RenewedAt.IsZero(),
		d.Rekeys != 0,
		d.placed(),
		d.Identity.known(),
		len(d.Attributes) > 0,
		d.Evidence.Wanted(),
	)
}

func (d *Device) placed() bool {
	return d.Batch != "" || d.Site != "" || d.Line != "" || d.Station != ""
}

func (i *Identity) known() bool {
	return i.VendorID != "" || len(i.KeySHA256) > 0 || len(i.AKName) > 0 || len(i.DICEKeySHA256) > 0 || len(i.EATID) > 0
}

// Wanted tells whether there was an appraisal at all.
func (a *Appraised) Wanted() bool {
	return a.Format != "" || a.Tier != "" || a.Fresh != "" || len(a.Components) > 0
}

// inRework is the highest bit of the octet of a device's state.
const inRework = 0x80

// Encode is the stored value of d, without its key (DeviceID).
func (d *Device) Encode() []byte {
	b := make([]byte, 0, 48+8*len(d.Lineage)+2*len(d.Events))
	parts := d.deviceParts()
	state := byte(d.State)
	if d.Rework {
		state |= inRework
	}
	b = append(b, format1, state, d.Reason, parts)
	b = appendTime(b, d.ActivatedAt)
	for i, t := range []time.Time{d.ChangedAt, d.SeenAt, d.RenewedAt} {
		if parts>>i&1 != 0 {
			b = appendTime(b, t)
		}
	}
	if d.Rekeys != 0 {
		b = append(b, d.Rekeys)
	}
	if d.placed() {
		for _, s := range []string{d.Batch, d.Site, d.Line, d.Station} {
			b = appendString(b, s)
		}
	}
	if d.Identity.known() {
		b = d.Identity.append(b)
	}
	if len(d.Attributes) > 0 {
		b = append(b, byte(len(d.Attributes)))
		for _, a := range d.Attributes {
			b = appendString(appendString(b, a.Name), a.Value)
		}
	}
	if d.Evidence.Wanted() {
		b = d.Evidence.append(b)
	}
	return appendSequences(appendRefs(b, d.Lineage), d.Events)
}

// DecodeDevice reads a stored value. Byte strings alias it.
func DecodeDevice(id DeviceID, value []byte) (Device, error) {
	d := decode(value)
	state := d.octet()
	v := Device{DeviceID: id, State: DeviceState(state &^ inRework), Rework: state&inRework != 0, Reason: d.octet()}
	parts := d.octet()
	v.ActivatedAt = d.time()
	v.ChangedAt, v.SeenAt = v.ActivatedAt, v.ActivatedAt
	for i, t := range []*time.Time{&v.ChangedAt, &v.SeenAt, &v.RenewedAt} {
		if parts>>i&1 != 0 {
			*t = d.time()
		}
	}
	if parts>>3&1 != 0 {
		v.Rekeys = d.octet()
	}
	if parts>>4&1 != 0 {
		v.Batch, v.Site, v.Line, v.Station = d.string(), d.string(), d.string(), d.string()
	}
	if parts>>5&1 != 0 {
		v.Identity = d.identity()
	}
	if parts>>6&1 != 0 {
		v.Attributes = d.attributes()
	}
	if parts>>7&1 != 0 {
		v.Evidence = d.appraised()
	}
	v.Lineage, v.Events = d.refs(), d.sequences(MaxDeviceEvents)
	d.check(v.State >= DeviceExpected && v.State <= DeviceScrapped)
	d.check(v.deviceParts() == parts)
	return v, d.finish("device")
}

func (i *Identity) append(b []byte) []byte {
	b = appendString(b, i.VendorID)
	for _, s := range [][]byte{i.KeySHA256, i.AKName, i.DICEKeySHA256, i.EATID} {
		b = appendBytes(b, s)
	}
	return b
}

func (d *decoder) identity() Identity {
	return Identity{
		VendorID: d.string(), KeySHA256: d.someBytes(), AKName: d.someBytes(),
		DICEKeySHA256: d.someBytes(), EATID: d.someBytes(),
	}
}

func (d *decoder) attributes() []Attribute {
	list := make([]Attribute, d.uvarint(MaxAttributes))
	for i := range list {
		list[i] = Attribute{Name: d.string(), Value: d.string()}
	}
	return list
}

func (a *Appraised) append(b []byte) []byte {
	b = appendWord(b, formatWords(), a.Format)
	b = appendWord(b, tierWords(), a.Tier)
	b = appendWord(b, freshnessWords(), a.Fresh)
	b = append(b, byte(len(a.Components)))
	for _, c := range a.Components {
		b = appendString(appendString(b, c.Component), c.Version)
		b = binary.AppendUvarint(binary.AppendUvarint(b, c.SVN), c.Mark)
	}
	return b
}

func (d *decoder) appraised() Appraised {
	a := Appraised{Format: d.word(formatWords()), Tier: d.word(tierWords()), Fresh: d.word(freshnessWords())}
	n := d.uvarint(MaxMeasured)
	for range n {
		a.Components = append(a.Components, Measured{
			Component: d.string(), Version: d.string(), SVN: d.uvarint(1<<64 - 1), Mark: d.uvarint(1<<64 - 1),
		})
	}
	return a
}
