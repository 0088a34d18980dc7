package api

import (
	"context"
	"errors"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/revocation"
	"github.com/assay-pki/assay/store"
)

type devicesIn struct {
	PageQuery
	Product string `query:"product" maxLength:"128" doc:"only this product's"`
	State   string `query:"state" enum:"expected,active,held,decommissioned,scrapped" doc:"only those in this state"`
	Query   string `query:"query" maxLength:"2048" doc:"only those that match, in the query language: product=sensor-s1 not_after<+7d"`
}

// DevicePath names one device. It is exported for huma, as PageQuery is.
type DevicePath struct {
	Product string `path:"product" maxLength:"128"`
	Serial  string `path:"serial" maxLength:"128" doc:"percent-encoded where it must be"`
}

func (in DevicePath) id() store.DeviceID {
	return store.DeviceID{Product: in.Product, Serial: in.Serial}
}

type deviceOut struct {
	Body v1.Device
}

// device is a record as it is told, without its certificates.
func device(d store.Device) v1.Device {
	out := v1.Device{
		ID: d.String(), Product: d.Product, Serial: d.Serial, State: d.State.String(),
		ActivatedAt: utc(d.ActivatedAt), ChangedAt: utc(d.ChangedAt), RenewedAt: utc(d.RenewedAt), SeenAt: utc(d.SeenAt),
		Batch: d.Batch, Site: printable(d.Site), Line: printable(d.Line), Station: d.Station,
		VendorID: printable(d.VendorID), Rework: d.Rework,
		Tier: d.Evidence.Tier, Format: d.Evidence.Format, Fresh: d.Evidence.Fresh,
		CertificateCount: len(d.Lineage),
	}
	if d.State == store.DeviceHeld || d.Ended() {
		out.Reason = store.ReasonName(d.Reason)
	}
	for _, attribute := range d.Attributes {
		if out.Attributes == nil {
			out.Attributes = map[string]string{}
		}
		out.Attributes[printable(attribute.Name)] = printable(attribute.Value)
	}
	for _, c := range d.Evidence.Components {
		out.Firmware = append(out.Firmware, v1.DeviceComponent{
			Component: c.Component, Version: c.Version, SVN: c.SVN, Mark: c.Mark,
		})
	}
	return out
}

func (a *API) listDevices(ctx context.Context, who *caller, in *devicesIn) (*pageOut[v1.Device], error) {
	l := list[store.DeviceID, store.Device, v1.Device]{
		read: a.store.Devices,
		key:  func(d store.Device) store.DeviceID { return d.DeviceID },
		item: func(d store.Device) (v1.Device, error) { return device(d), nil },
	}
	product := in.Product
	if in.Query != "" {
		narrowed, err := a.queried(ctx, &l, in.Query)
		switch {
		case err != nil:
			return nil, err
		case product != "" && narrowed != "" && narrowed != product:
			return &pageOut[v1.Device]{Body: v1.Page[v1.Device]{Items: []v1.Device{}}}, nil
		case product == "":
			product = narrowed
		}
	}
	if product != "" || in.State != "" || !who.grant.Unbound() {
		l.keep = func(d store.Device) (bool, bool) {
			return who.sees(d.Product, d.Site) && (in.State == "" || d.State.String() == in.State),
				product == "" || d.Product == product
		}
	}
	// Devices are in order of products: the first of a product comes after the
	// product's empty serial, which no device has.
	return l.page(ctx, in.PageQuery, store.DeviceID{Product: product})
}

// visible reads a device that the caller may see, or may act on: a foreign one
// is not there.
func (a *API) visible(ctx context.Context, who *caller, id store.DeviceID) (store.Device, error) {
	d, err := a.store.Device(ctx, id)
	if err != nil {
		return d, err
	}
	return d, a.may(ctx, who, d.Product, d.Site)
}

func (a *API) getDevice(ctx context.Context, who *caller, in *DevicePath) (*deviceOut, error) {
	d, err := a.visible(ctx, who, in.id())
	if err != nil {
		return nil, err
	}
	names, err := a.issuerNames(ctx)
	if err != nil {
		return nil, err
	}
	certs, err := a.certificatesAt(ctx, newestRefs(d.Lineage))
	if err != nil {
		return nil, err
	}
	out := &deviceOut{Body: device(d)}
	for _, c := range certs {
		told, err := certificate(c, names, a.now(), true)
		if err != nil {
			return nil, err
		}
		out.Body.Certificates = append(out.Body.Certificates, told)
	}
	return out, nil
}

// actIn is an act on a device.
type actIn struct {
	DevicePath
	DryRun bool `query:"dry_run" doc:"answer what would change and change nothing"`
	Body   *v1.Act
}

// act is a method of revocation.Service.
type act func(context.Context, revocation.Request) (store.StatusChange, error)

// onDevice is the handler of an act.
func (a *API) onDevice(do act) func(context.Context, *caller, *actIn) (*changeOut, error) {
	return func(ctx context.Context, who *caller, in *actIn) (*changeOut, error) {
		if _, err := a.visible(ctx, who, in.id()); err != nil {
			return nil, err
		}
		r := revocation.Request{ID: in.id().String(), DryRun: in.DryRun, By: a.actor(who)}
		if in.Body != nil {
			r.Comment, r.Ticket = in.Body.Comment, in.Body.Ticket
		}
		change, err := do(ctx, r)
		if err != nil {
			return nil, renamed(err)
		}
		return a.change(ctx, change, in.DryRun)
	}
}

// onUnit is the handler of what a factory does to its devices: a method of
// store.Store.
func (a *API) onUnit(
	do func(store.Store, context.Context, store.DeviceAct) (store.StatusChange, error),
) func(context.Context, *caller, *actIn) (*changeOut, error) {
	return func(ctx context.Context, who *caller, in *actIn) (*changeOut, error) {
		d, err := a.visible(ctx, who, in.id())
		if err != nil {
			return nil, err
		}
		r := store.DeviceAct{Device: in.id(), DryRun: in.DryRun, By: a.actor(who)}
		if in.Body != nil {
			r.Comment, r.Ticket = in.Body.Comment, in.Body.Ticket
		}
		change, err := do(a.store, ctx, r)
		if errors.Is(err, store.ErrConflict) {
			return nil, &v1.Refusal{
				Reason: v1.WrongState, Detail: "device " + d.String() + " is " + d.State.String(),
				Next: "look at what happened to it: assay device timeline " + d.String(), Err: err,
			}
		}
		if err != nil {
			return nil, err
		}
		return a.change(ctx, change, in.DryRun)
	}
}

type revokeIn struct {
	Body v1.RevocationRequest
}

func (a *API) revoke(ctx context.Context, who *caller, in *revokeIn) (*changeOut, error) {
	r := in.Body
	id, target := r.Serial, store.DeviceID{}
	switch {
	case (r.Device == "") == (r.Serial == ""):
		return nil, badDocument("", v1.Fault{At: "device", Reason: "name either device or serial"})
	case r.Device != "":
		named, ok := store.ParseDeviceID(r.Device)
		if !ok {
			return nil, badDocument("", v1.Fault{At: "device", Reason: "a device is named PRODUCT/SERIAL"})
		}
		id, target = r.Device, named
	default:
		found, err := a.revoker.Resolve(ctx, r.Serial)
		if err != nil {
			return nil, err
		}
		if found.Certificate == nil {
			return nil, badDocument("", v1.Fault{At: "serial", Reason: "is not a serial number in hex"})
		}
		target = found.Device
	}
	if err := a.mayRevoke(ctx, who, target); err != nil {
		return nil, err
	}
	change, err := a.revoker.Revoke(ctx, revocation.Request{
		ID: id, Only: r.Only, Reason: r.Reason, InvalidAt: r.InvalidityDate,
		Comment: r.Comment, Ticket: r.Ticket, DryRun: r.DryRun, By: a.actor(who),
	})
	if err != nil {
		return nil, renamed(err)
	}
	return a.change(ctx, change, r.DryRun)
}

// mayRevoke decides about the device of a revocation; the zero one is that of a
// certificate which no device holds.
func (a *API) mayRevoke(ctx context.Context, who *caller, id store.DeviceID) error {
	if id == (store.DeviceID{}) {
		return a.may(ctx, who, "", "")
	}
	_, err := a.visible(ctx, who, id)
	return err
}

// renamed gives the faults of revocation the names of the JSON fields.
func renamed(err error) error {
	r := refusalOf(err)
	for i := range r.Faults {
		if r.Faults[i].At == "invalidAt" {
			r.Faults[i].At = "invalidity_date"
		}
	}
	return err
}

// change is a change of status as it is told.
func (a *API) change(ctx context.Context, c store.StatusChange, dryRun bool) (*changeOut, error) {
	names, err := a.issuerNames(ctx)
	if err != nil {
		return nil, err
	}
	out := &changeOut{Body: v1.StatusChange{DryRun: dryRun, Changed: []v1.Certificate{}, Feed: c.Feed}}
	if c.Device.DeviceID != (store.DeviceID{}) {
		d := device(c.Device)
		out.Body.Device = &d
	}
	for _, changed := range c.Changed {
		told, err := certificate(changed, names, a.now(), false)
		if err != nil {
			return nil, err
		}
		out.Body.Changed = append(out.Body.Changed, told)
	}
	return out, nil
}
