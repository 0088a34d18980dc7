package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
)

func newDevice(a *app) *cobra.Command {
	return group("device", "Devices: look at them, hold, release, decommission",
		newDeviceList(a), newDeviceShow(a),
		newDeviceAct(a, "hold", "Suspend a device and all its certificates", (*client.Client).Hold),
		newDeviceAct(a, "release", "Undo a hold", (*client.Client).Release),
		newDeviceAct(a, "decommission", "End a device for ever", (*client.Client).Decommission),
	)
}

func newDeviceList(a *app) *cobra.Command {
	var filter client.DeviceFilter
	var query string
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List devices", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if query != "" {
				return failLater("device list --query", "use --product and --state")
			}
			return a.deviceList(cmd.Context(), filter, limit)
		},
	}
	c.Flags().StringVar(&filter.Product, "product", "", "of this `product`")
	c.Flags().StringVar(&filter.State, "state", "", "in this `state`: expected, active, held, decommissioned, scrapped")
	c.Flags().StringVar(&query, "query", "", "not available in this version")
	limitFlag(c.Flags(), &limit)
	return c
}

func (a *app) deviceList(ctx context.Context, filter client.DeviceFilter, limit int) error {
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	columns := []string{"device", "state", "reason", "certificates", "activated", "changed"}
	return showList(a, api.Devices(ctx, filter), limit, columns, func(d v1.Device) (string, []string) {
		return d.ID, []string{
			d.ID, d.State, d.Reason, strconv.Itoa(d.CertificateCount), when(d.ActivatedAt), when(d.ChangedAt),
		}
	})
}

func newDeviceShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a device and its certificates", Long: helpID, Args: wants("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.deviceShow(cmd.Context(), args[0])
		},
	}
}

func (a *app) deviceShow(ctx context.Context, id string) error {
	named, err := a.readSubject(id)
	if err != nil {
		return err
	}
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	product, serial, err := resolveDevice(ctx, api, named)
	if err != nil {
		return err
	}
	d, err := api.Device(ctx, product, serial)
	if err != nil {
		return err
	}
	err = a.show(object(
		d, d.ID,
		"device", d.ID, "state", d.State, "reason", d.Reason,
		"activated", when(d.ActivatedAt), "changed", when(d.ChangedAt),
		"certificates", strconv.Itoa(d.CertificateCount),
	))
	if err != nil || a.flags.output != "table" || len(d.Certificates) == 0 {
		return err
	}
	s := sheet{columns: certificateColumns()}
	for _, c := range d.Certificates {
		s.add(c, c.Serial, certificateCells(c)...)
	}
	a.blankLine()
	return a.show(s)
}

// resolveDevice finds the device: that of a certificate is in its record.
func resolveDevice(ctx context.Context, api *client.Client, s subject) (product, serial string, err error) {
	if s.device == "" {
		c, err := api.Certificate(ctx, s.serial)
		if err != nil {
			return "", "", err
		}
		if c.Device == "" {
			return "", "", failNotADevice(s.serial, c.HolderKind, c.Holder)
		}
		s.device = c.Device
	}
	product, serial, _ = strings.Cut(s.device, "/")
	return product, serial, nil
}

// deviceAct is hold, release or decommission of the client.
type deviceAct func(*client.Client, context.Context, string, string, v1.Act, bool) (v1.StatusChange, error)

func newDeviceAct(a *app, verb, short string, act deviceAct) *cobra.Command {
	var body v1.Act
	var dryRun, yes bool
	c := &cobra.Command{
		Use: verb + " ID", Short: short, Long: helpID, Args: wants("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.deviceAct(cmd.Context(), verb, args[0], act, body, dryRun, yes)
		},
	}
	actFlags(c, &body.Comment, &body.Ticket, &dryRun)
	if verb == "decommission" {
		c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	}
	return c
}

// actFlags are the flags of everything that changes a status.
func actFlags(c *cobra.Command, comment, ticket *string, dryRun *bool) {
	c.Flags().StringVar(comment, "comment", "", "why; it goes into the audit log")
	c.Flags().StringVar(ticket, "ticket", "", "reference to a ticket; it goes into the audit log")
	c.Flags().BoolVar(dryRun, "dry-run", false, "show what would change and change nothing")
}

func (a *app) deviceAct(ctx context.Context, verb, id string, act deviceAct, body v1.Act, dryRun, yes bool) error {
	named, err := a.readSubject(id)
	if err != nil {
		return err
	}
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	product, serial, err := resolveDevice(ctx, api, named)
	if err != nil {
		return err
	}
	if verb == "decommission" && !dryRun {
		if err := a.sure(yes, askDecommission(product+"/"+serial)); err != nil {
			return err
		}
	}
	change, err := act(api, ctx, product, serial, body, dryRun)
	if err != nil {
		return err
	}
	return a.showChange(change)
}

// sure asks before what can't be undone, when a person is there to ask.
func (a *app) sure(yes bool, question string) error {
	if yes || !a.say.asks {
		return nil
	}
	ok, err := a.say.confirm(question)
	if err != nil {
		return err
	}
	if !ok {
		return failNotConfirmed()
	}
	return nil
}

// showChange prints what an act on a status did.
func (a *app) showChange(change v1.StatusChange) error {
	name, state, reason := "", "", ""
	if d := change.Device; d != nil {
		name, state, reason = d.ID, d.State, d.Reason
	}
	serials := make([]string, len(change.Changed))
	for i, c := range change.Changed {
		serials[i] = c.Serial
	}
	a.say.changedStatus(change)
	if name == "" {
		name = list(serials)
	}
	return a.show(object(
		change, name,
		"device", deviceOf(change), "state", state, "reason", reason,
		"changed", strconv.Itoa(len(change.Changed)), "serials", list(serials),
		"dry run", yesNo(change.DryRun),
	))
}

func deviceOf(change v1.StatusChange) string {
	if change.Device == nil {
		return ""
	}
	return change.Device.ID
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
