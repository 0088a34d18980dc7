package main

import (
	"context"

	"github.com/spf13/cobra"

	v1 "github.com/assay-pki/assay/api/v1"
)

func newRevoke(a *app) *cobra.Command {
	var r v1.RevocationRequest
	var yes bool
	var later [4]string
	names := [...]string{"batch", "firmware", "query", "file"}
	c := &cobra.Command{
		Use:   "revoke (--device ID | --serial HEX [--only]) --reason REASON",
		Short: "End a device and its certificates, or one certificate",
		Long:  helpRevoke(),
		Args:  wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for i, value := range later {
				if value != "" {
					return failLater("revoke --"+names[i], "revoke devices one by one with --device")
				}
			}
			return a.revoke(cmd.Context(), r, yes)
		},
	}
	f := c.Flags()
	f.StringVar(&r.Device, "device", "", "`ID`: PRODUCT/SERIAL, a certificate's serial number, or its file")
	f.StringVar(&r.Serial, "serial", "", "serial number of a certificate in `HEX`: ends its device")
	f.BoolVar(&r.Only, "only", false, "with --serial: the one certificate, and not its device")
	f.StringVar(&r.Reason, "reason", "", "RFC 5280 `name` in camelCase")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask")
	actFlags(c, &r.Comment, &r.Ticket, &r.DryRun)
	for i, name := range names {
		f.StringVar(&later[i], name, "", "not available in this version")
	}
	_ = c.RegisterFlagCompletionFunc("reason", cobra.FixedCompletions(revocationReasons(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) revoke(ctx context.Context, r v1.RevocationRequest, yes bool) error {
	if r.Reason == "" || (r.Device == "") == (r.Serial == "") {
		return failNeeds("revoke", "--device ID or --serial HEX", "--reason REASON")
	}
	if r.Only && r.Serial == "" {
		return failNeeds("revoke --only", "--serial HEX")
	}
	var err error
	if r.Reason, err = parseReason(r.Reason); err != nil {
		return err
	}
	if r, err = a.revocationSubject(r); err != nil {
		return err
	}
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	if !r.DryRun {
		if err := a.sure(yes, askRevoke(r)); err != nil {
			return err
		}
	}
	change, err := api.Revoke(ctx, r)
	if err != nil {
		return err
	}
	return a.showChange(change)
}

// revocationSubject fills in what --device or --serial names: a serial number
// or file after --device ends the device that holds the certificate.
func (a *app) revocationSubject(r v1.RevocationRequest) (v1.RevocationRequest, error) {
	if r.Serial != "" {
		serial, ok := parseSerial(r.Serial)
		if !ok {
			return r, failSerial(r.Serial)
		}
		r.Serial = serial
		return r, nil
	}
	s, err := a.readSubject(r.Device)
	if err != nil {
		return r, err
	}
	r.Device, r.Serial = s.device, s.serial
	return r, nil
}
