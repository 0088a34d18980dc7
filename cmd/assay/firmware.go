package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/evidence"
)

func newFirmware(a *app) *cobra.Command {
	return group("firmware", "Firmware releases: which may have certificates",
		newFirmwareAdd(a), newFirmwareList(a), newFirmwareShow(a),
		newFirmwareAct(a, "approve", "Let devices that run a release have certificates", (*client.Client).ApproveFirmware),
		newFirmwareAct(a, "deprecate", "Mark a release as one to leave", (*client.Client).DeprecateFirmware),
		newFirmwareRecall(a), newFirmwareImport(),
	)
}

// releaseFlags are the questions of firmware add.
type releaseFlags struct {
	component, file, advisory, source string
	digests                           []string
	svn                               uint64
	dryRun                            bool
}

func newFirmwareAdd(a *app) *cobra.Command {
	var r releaseFlags
	c := &cobra.Command{
		Use:   "add PRODUCT VERSION (--digest sha256:HEX | --file IMAGE)",
		Short: "Make a release known, as a draft",
		Long:  helpFirmwareAdd,
		Args:  wantsRelease,
		RunE: func(cmd *cobra.Command, args []string) error {
			product, version := releaseOf(args)
			return a.firmwareAdd(cmd.Context(), product, version, r)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&r.digests, "digest", nil, "`digest` of the image: sha256:, sha384: or sha512: and hex")
	f.StringVar(&r.file, "file", "", "the `image` itself: its SHA-256 is taken here, it is not sent")
	f.StringVar(&r.component, "component", firmwareComponent, "what the image is, as the product's firmware.components names it")
	f.Uint64Var(&r.svn, "svn", 0, "security version `number`: a device never goes below its highest")
	f.StringVar(&r.advisory, "advisory", "", "`URL` of what there is to know about it")
	f.StringVar(&r.source, "source", "", "where it was built `from`")
	f.BoolVar(&r.dryRun, "dry-run", false, "show what would be added and add nothing")
	return c
}

func (a *app) firmwareAdd(ctx context.Context, product, version string, r releaseFlags) error {
	if (len(r.digests) == 0) == (r.file == "") {
		return failNeeds("firmware add", "--digest sha256:HEX or --file IMAGE")
	}
	if r.file != "" {
		m, err := evidence.MeasureFile(r.component, r.file)
		if err != nil {
			return err
		}
		r.digests = []string{"sha256:" + hex.EncodeToString(m.Digest)}
	}
	body, err := json.Marshal(v1.FirmwareSpec{
		State: v1.FirmwareDraft, Advisory: r.advisory, Source: r.source,
		Components: []v1.FirmwareComponent{{Component: r.component, SVN: r.svn, Digests: r.digests}},
	})
	if err != nil {
		return fmt.Errorf("encode the release: %w", err)
	}
	return a.withAPI(func(api *client.Client) error {
		doc := v1.Document{APIVersion: v1.APIVersion, Kind: v1.KindFirmware, Name: product + "/" + version, Spec: body}
		applied, err := api.Apply(ctx, doc, client.Expect{New: true, DryRun: r.dryRun})
		if err != nil {
			return err
		}
		a.say.releaseAdded(applied, product, version)
		return a.show(a.appliedSheet(applied))
	})
}

// wantsRelease takes PRODUCT VERSION, or the name that lists print.
func wantsRelease(cmd *cobra.Command, given []string) error {
	if len(given) == 1 && strings.Contains(given[0], "/") {
		return nil
	}
	return wants("PRODUCT", "VERSION")(cmd, given)
}

// releaseOf is the release that the arguments of wantsRelease name.
func releaseOf(args []string) (product, version string) {
	if len(args) == 1 {
		return cutRelease(args[0])
	}
	return args[0], args[1]
}

// cutRelease splits PRODUCT/VERSION.
func cutRelease(name string) (product, version string) {
	product, version, _ = strings.Cut(name, "/")
	return product, version
}

func firmwareColumns() []string {
	return []string{"release", "state", "components", "svn", "added", "by", "recalled"}
}

func firmwareCells(f v1.Firmware) []string {
	names, svns := make([]string, len(f.Components)), make([]string, len(f.Components))
	for i, c := range f.Components {
		names[i], svns[i] = c.Component, strconv.FormatUint(c.SVN, 10)
	}
	return []string{f.Name, f.State, list(names), list(svns), when(f.AddedAt), f.AddedBy, when(f.RecalledAt)}
}

func newFirmwareList(a *app) *cobra.Command {
	var filter client.FirmwareFilter
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List releases", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAPI(func(api *client.Client) error {
				return showList(a, api.Firmwares(cmd.Context(), filter), limit, firmwareColumns(),
					func(f v1.Firmware) (string, []string) { return f.Name, firmwareCells(f) })
			})
		},
	}
	c.Flags().StringVar(&filter.Product, "product", "", "of this `product`")
	c.Flags().StringVar(&filter.State, "state", "", "in this `state`: draft, approved, deprecated, recalled")
	limitFlag(c.Flags(), &limit)
	return c
}

func newFirmwareShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show PRODUCT VERSION", Short: "Show a release; -o yaml is what apply -f takes", Args: wantsRelease,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAPI(func(api *client.Client) error {
				product, version := releaseOf(args)
				f, err := api.Firmware(cmd.Context(), product, version)
				if err != nil {
					return err
				}
				if a.flags.output == "yaml" && f.State != v1.FirmwareIsRecalled {
					return a.showDeclared(f, f.Declared)
				}
				return a.show(releaseSheet(f, f))
			})
		},
	}
}

// releaseSheet shows a release; item is what JSON prints.
func releaseSheet(item any, f v1.Firmware, more ...string) sheet {
	var digests []string
	for _, c := range f.Components {
		for _, d := range c.Digests {
			digests = append(digests, c.Component+" "+d)
		}
	}
	cells := firmwareCells(f)
	return object(item, f.Name, append([]string{
		"release", f.Name, "state", f.State, "components", cells[2], "svn", cells[3],
		"digests", strings.Join(digests, "\n"), "advisory", f.Advisory, "source", f.Source,
		"added", when(f.AddedAt), "by", f.AddedBy,
		"recalled", when(f.RecalledAt), "renew until", when(f.RenewUntil), "critical", yesNo(f.Critical),
	}, more...)...)
}

// firmwareAct is approve, deprecate, recall or its undoing.
type firmwareAct func(*client.Client, context.Context, string, string, v1.FirmwareAct) (v1.FirmwareChange, error)

func newFirmwareAct(a *app, verb, short string, act firmwareAct) *cobra.Command {
	var body v1.FirmwareAct
	c := &cobra.Command{
		Use: verb + " PRODUCT VERSION", Short: short, Args: wantsRelease,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAPI(func(api *client.Client) error {
				product, version := releaseOf(args)
				return a.firmwareAct(cmd.Context(), api, product, version, act, body)
			})
		},
	}
	c.Flags().StringVar(&body.Comment, "comment", "", "why; it goes into the audit log")
	c.Flags().BoolVar(&body.DryRun, "dry-run", false, "show what would change and change nothing")
	return c
}

func (a *app) firmwareAct(ctx context.Context, api *client.Client, product, version string, act firmwareAct, body v1.FirmwareAct) error {
	change, err := act(api, ctx, product, version, body)
	if err != nil {
		return err
	}
	a.say.releaseChanged(change)
	more := []string{"changed", yesNo(change.Changed), "dry run", yesNo(change.DryRun)}
	if change.Impact != nil {
		more = append(more, "devices", strconv.FormatUint(change.Impact.Devices, 10))
	}
	if err := a.show(releaseSheet(change, change.Firmware, more...)); err != nil {
		return err
	}
	return a.showImpact(change.Impact)
}

// showImpact is the second table of a recall's dry run.
func (a *app) showImpact(i *v1.RecallImpact) error {
	if i == nil || a.flags.output != "table" || len(i.Groups) == 0 {
		return nil
	}
	s := sheet{columns: []string{"site", "batch", "devices", "first without", "last without"}}
	for _, g := range i.Groups {
		s.add(g, g.Site+"/"+g.Batch, g.Site, g.Batch, strconv.FormatUint(g.Devices, 10), when(g.FirstEnd), when(g.LastEnd))
	}
	a.blankLine()
	return a.show(s)
}

func newFirmwareRecall(a *app) *cobra.Command {
	var body v1.FirmwareAct
	var undo, yes bool
	c := &cobra.Command{
		Use:   "recall PRODUCT VERSION [--grace 14d | --critical | --undo]",
		Short: "End what devices that run a release may have",
		Long:  helpFirmwareRecall,
		Args:  wantsRelease,
		RunE: func(cmd *cobra.Command, args []string) error {
			product, version := releaseOf(args)
			return a.firmwareRecall(cmd.Context(), product, version, body, undo, yes)
		},
	}
	f := c.Flags()
	f.StringVar(&body.Grace, "grace", "", "how long devices that run it still renew, as `14d`; none: not at all")
	f.BoolVar(&body.Critical, "critical", false, "refuse everything to them at once")
	f.BoolVar(&undo, "undo", false, "make the release what it was before its recall")
	f.StringVar(&body.Comment, "comment", "", "why; it goes into the audit log")
	f.BoolVar(&body.DryRun, "dry-run", false, "count the devices that run it and change nothing")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func (a *app) firmwareRecall(ctx context.Context, product, version string, body v1.FirmwareAct, undo, yes bool) error {
	act := (*client.Client).RecallFirmware
	switch {
	case body.Critical && body.Grace != "":
		return failBoth("--critical", "--grace")
	case undo && (body.Critical || body.Grace != ""):
		return failBoth("--undo", "--grace and --critical")
	case undo:
		act = (*client.Client).UndoRecall
	case !body.DryRun:
		if err := a.sure(yes, askRecall(product, version, body)); err != nil {
			return err
		}
	}
	return a.withAPI(func(api *client.Client) error {
		return a.firmwareAct(ctx, api, product, version, act, body)
	})
}

func newFirmwareImport() *cobra.Command {
	return &cobra.Command{
		Use: "import FILE", Short: "Not available in this version", Hidden: true, Args: wants("FILE"),
		RunE: func(*cobra.Command, []string) error {
			return failLater("firmware import", "assay firmware add PRODUCT VERSION --digest sha256:HEX")
		},
	}
}
