package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
)

// Files of a station's directory.
const (
	stationCertFile = "station.crt" // PEM: the certificate, then its issuer's
	stationKeyFile  = "station.key" // PEM: PKCS#8
	stationRootFile = "ca.crt"      // PEM: what the server is verified with
	stationInfoFile = "station.json"
)

func newStation(a *app) *cobra.Command {
	return group("station", "Factory stations",
		newStationCreate(a), newStationCertify(a), newStationList(a), newStationShow(a), newStationRevoke(a))
}

// stationFlags are the questions of station create.
type stationFlags struct {
	spec       v1.StationSpec
	until, out string
	dryRun     bool
}

func newStationCreate(a *app) *cobra.Command {
	var s stationFlags
	c := &cobra.Command{
		Use:   "create NAME --site S --line L --out DIR",
		Short: "Make a station and its credential here",
		Long:  helpStationCreate,
		Args:  wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if s.spec.Site == "" || (s.out == "" && !s.dryRun) {
				return failNeeds("station create", "--site S", "--out DIR")
			}
			return a.stationCreate(cmd.Context(), args[0], s)
		},
	}
	f := c.Flags()
	f.StringVar(&s.spec.Site, "site", "", "where it stands")
	f.StringVar(&s.spec.Line, "line", "", "its line; none: every line of the site")
	f.StringSliceVar(&s.spec.Products, "product", nil, "a `product` it may enrol; none: all")
	f.Uint64Var(&s.spec.Quota, "quota", 0, "greatest `number` of devices that it enrols; none: as its batches say")
	f.StringVar(&s.spec.Rate, "rate", "", "greatest number of requests an hour, as `1200/h`")
	f.StringSliceVar(&s.spec.FromIP, "from-ip", nil, "a network it comes from, `CIDR`; none: any")
	f.StringVar(&s.until, "until", "", "it ends at this `time`, RFC 3339 or a date; none: with its certificate")
	f.BoolVar(&s.spec.ClientAuth, "client-auth", false, "its certificate is for TLS clients elsewhere, too: brokers may take it for a device's")
	f.StringVar(&s.out, "out", "", "new `directory` for station.crt, station.key, ca.crt, station.json")
	f.BoolVar(&s.dryRun, "dry-run", false, "show what would be made and make nothing")
	return c
}

func (a *app) stationCreate(ctx context.Context, name string, s stationFlags) error {
	var err error
	if s.spec.Until, err = parseTime("--until", s.until); err != nil {
		return err
	}
	if !s.dryRun {
		if err := freeDirectory(s.out); err != nil {
			return err
		}
	}
	body, err := json.Marshal(s.spec)
	if err != nil {
		return fmt.Errorf("encode the station: %w", err)
	}
	if s.spec.ClientAuth {
		a.say.stationIsClient()
	}
	return a.withAPI(func(api *client.Client) error {
		doc := v1.Document{APIVersion: v1.APIVersion, Kind: v1.KindStation, Name: name, Spec: body}
		applied, err := api.Apply(ctx, doc, client.Expect{New: true, DryRun: s.dryRun})
		if err != nil {
			return err
		}
		if s.dryRun {
			return a.show(a.appliedSheet(applied))
		}
		info, err := certifyStation(ctx, api, name, s.out)
		if err != nil {
			return failNoStationCertificate(name, err)
		}
		a.say.stationMade(info, s.out)
		return a.show(a.appliedSheet(applied))
	})
}

// certifyStation makes the key here and sends only a request for its
// certificate.
func certifyStation(ctx context.Context, api *client.Client, name, out string) (v1.StationInfo, error) {
	pair, err := newKey(name)
	if err != nil {
		return v1.StationInfo{}, err
	}
	made, err := api.CertifyStation(ctx, name, pair.csr, false)
	if err != nil {
		return v1.StationInfo{}, err
	}
	info, err := json.MarshalIndent(made.Info, "", "  ")
	if err != nil {
		return v1.StationInfo{}, fmt.Errorf("encode %s: %w", stationInfoFile, err)
	}
	return made.Info, writeCredential(out, map[string][]byte{
		stationKeyFile:  pair.key,
		stationCertFile: []byte(made.Chain),
		stationRootFile: []byte(made.Roots),
		stationInfoFile: append(info, '\n'),
	})
}

func newStationCertify(a *app) *cobra.Command {
	var out string
	var dryRun bool
	c := &cobra.Command{
		Use: "certify NAME --out DIR", Short: "Make a new credential for a station that is there", Args: wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" && !dryRun {
				return failNeeds("station certify", "--out DIR")
			}
			return a.stationCertify(cmd.Context(), args[0], out, dryRun)
		},
	}
	c.Flags().StringVar(&out, "out", "", "new `directory` for station.crt, station.key, ca.crt, station.json")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what the station has to know and issue nothing")
	return c
}

func (a *app) stationCertify(ctx context.Context, name, out string, dryRun bool) error {
	return a.withAPI(func(api *client.Client) error {
		var info v1.StationInfo
		if dryRun {
			pair, err := newKey(name)
			if err != nil {
				return err
			}
			made, err := api.CertifyStation(ctx, name, pair.csr, true)
			if err != nil {
				return err
			}
			info = made.Info
		} else {
			err := freeDirectory(out)
			if err != nil {
				return err
			}
			if info, err = certifyStation(ctx, api, name, out); err != nil {
				return err
			}
			a.say.stationMade(info, out)
		}
		return a.show(object(info, info.Station,
			"station", info.Station, "authority", info.Authority, "est", info.EST, "site", info.Site, "line", info.Line,
			"products", list(info.Products), "batches", list(info.Batches), "dry run", yesNo(dryRun)))
	})
}

func newStationList(a *app) *cobra.Command {
	var filter client.StationFilter
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List stations", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAPI(func(api *client.Client) error {
				columns := []string{"station", "state", "site", "line", "products", "used", "quota", "until", "created"}
				return showList(a, api.Stations(cmd.Context(), filter), limit, columns, func(s v1.Station) (string, []string) {
					spec := stationSpec(s)
					return s.Name, []string{
						s.Name, s.State, s.Site, s.Line, list(spec.Products), strconv.FormatUint(s.Used, 10),
						quotaText(spec.Quota), when(spec.Until), when(s.CreatedAt),
					}
				})
			})
		},
	}
	c.Flags().StringVar(&filter.Site, "site", "", "at this `site`")
	c.Flags().StringVar(&filter.State, "state", "", "in this `state`: active, ended, revoked")
	limitFlag(c.Flags(), &limit)
	return c
}

// stationSpec reads the document; a spec of a newer server is shown as far as
// it is understood.
func stationSpec(s v1.Station) v1.StationSpec {
	var spec v1.StationSpec
	_ = json.Unmarshal(s.Spec, &spec)
	return spec
}

func quotaText(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

func newStationShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a station; -o yaml is what apply -f takes", Args: wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAPI(func(api *client.Client) error {
				s, err := api.Station(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if a.flags.output == "yaml" {
					return a.showDeclared(s, s.Declared)
				}
				spec := stationSpec(s)
				return a.show(object(s, s.Name,
					"station", s.Name, "state", s.State, "site", s.Site, "line", s.Line,
					"products", list(spec.Products), "used", strconv.FormatUint(s.Used, 10), "quota", quotaText(spec.Quota),
					"rate", spec.Rate, "from ip", list(spec.FromIP), "until", when(spec.Until), "client auth", yesNo(spec.ClientAuth),
					"created", when(s.CreatedAt), "by", s.CreatedBy, "certificates", list(s.Certificates)))
			})
		},
	}
}

func newStationRevoke(a *app) *cobra.Command {
	var body v1.StationRevocation
	var yes bool
	c := &cobra.Command{
		Use: "revoke NAME", Short: "End a station and revoke its certificates", Args: wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if body.Reason != "" {
				var err error
				if body.Reason, err = parseReason(body.Reason); err != nil {
					return err
				}
			}
			if !body.DryRun {
				if err := a.sure(yes, askRevokeStation(args[0])); err != nil {
					return err
				}
			}
			return a.withAPI(func(api *client.Client) error {
				change, err := api.RevokeStation(cmd.Context(), args[0], body)
				if err != nil {
					return err
				}
				return a.showChange(change)
			})
		},
	}
	c.Flags().StringVar(&body.Reason, "reason", "", "RFC 5280 `name` in camelCase; none: unspecified")
	c.Flags().BoolVar(&body.DryRun, "dry-run", false, "show what would change and change nothing")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	_ = c.RegisterFlagCompletionFunc("reason", cobra.FixedCompletions(revocationReasons(), cobra.ShellCompDirectiveNoFileComp))
	return c
}
