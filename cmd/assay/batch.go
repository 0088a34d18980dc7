package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
)

func newBatch(a *app) *cobra.Command {
	return group("batch", "Production orders",
		newBatchCreate(a), newBatchList(a), newBatchShow(a),
		newBatchAct(a, "pause", "Stop first certificates for a while", (*client.Client).PauseBatch),
		newBatchAct(a, "resume", "Undo a pause", (*client.Client).ResumeBatch),
		newBatchClose(a), newBatchNonce(a),
	)
}

// batchFlags are the questions of batch create.
type batchFlags struct {
	spec        v1.BatchSpec
	from, until string
	dryRun      bool
}

func newBatchCreate(a *app) *cobra.Command {
	var b batchFlags
	c := &cobra.Command{
		Use:   "create NAME --product P (--manifest FILE | --quota N)",
		Short: "Make a production order",
		Long:  helpBatchCreate,
		Args:  wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.batchCreate(cmd.Context(), args[0], b)
		},
	}
	f := c.Flags()
	f.StringVar(&b.spec.Product, "product", "", "the `product` that is made")
	f.StringVar(&b.spec.Manifest, "manifest", "", "`file` with the serials, CSV or JSON; - is standard input")
	f.Uint64Var(&b.spec.Quota, "quota", 0, "greatest `number` of devices, without a manifest")
	f.StringVar(&b.spec.Site, "site", "", "where")
	f.StringVar(&b.spec.Line, "line", "", "on which line")
	f.StringVar(&b.from, "from", "", "no first certificates before this `time`, RFC 3339 or a date")
	f.StringVar(&b.until, "until", "", "no first certificates from this `time` on")
	f.BoolVar(&b.dryRun, "dry-run", false, "show what would be made and make nothing")
	return c
}

func (a *app) batchCreate(ctx context.Context, name string, b batchFlags) error {
	if b.spec.Product == "" || (b.spec.Manifest == "") == (b.spec.Quota == 0) {
		return failNeeds("batch create", "--product P", "one of --manifest FILE, --quota N")
	}
	var err error
	if b.spec.From, err = parseTime("--from", b.from); err != nil {
		return err
	}
	if b.spec.Until, err = parseTime("--until", b.until); err != nil {
		return err
	}
	if b.spec.Manifest != "" {
		text, err := a.readSmall(b.spec.Manifest, maxManifestBytes)
		if err != nil {
			return err
		}
		if len(text) == 0 {
			return failEmpty(b.spec.Manifest)
		}
		b.spec.ManifestData = string(text)
	}
	body, err := json.Marshal(b.spec)
	if err != nil {
		return fmt.Errorf("encode the batch: %w", err)
	}
	return a.withAPI(func(api *client.Client) error {
		doc := v1.Document{APIVersion: v1.APIVersion, Kind: v1.KindBatch, Name: name, Spec: body}
		applied, err := api.Apply(ctx, doc, client.Expect{New: true, DryRun: b.dryRun})
		if err != nil {
			return inManifest(b.spec.Manifest, err)
		}
		a.say.batchMade(applied, b.spec)
		return a.show(a.appliedSheet(applied))
	})
}

// parseTime reads RFC 3339 or a date, which begins at midnight UTC; empty is
// none.
func parseTime(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, failFlagValue(flag, text, "a time as 2026-11-16T06:00:00Z or a date as 2026-11-16")
}

func batchColumns() []string {
	return []string{"batch", "state", "product", "site", "line", "used", "left", "limit", "from", "until", "created"}
}

func batchCells(b v1.Batch) []string {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return []string{
		b.Name, b.State, b.Product, b.Site, b.Line, number(b.Used), number(b.Left), number(b.Limit),
		when(b.From), when(b.Until), when(b.CreatedAt),
	}
}

func newBatchList(a *app) *cobra.Command {
	var filter client.BatchFilter
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List production orders", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAPI(func(api *client.Client) error {
				return showList(a, api.Batches(cmd.Context(), filter), limit, batchColumns(),
					func(b v1.Batch) (string, []string) { return b.Name, batchCells(b) })
			})
		},
	}
	c.Flags().StringVar(&filter.Product, "product", "", "of this `product`")
	c.Flags().StringVar(&filter.Site, "site", "", "at this `site`")
	c.Flags().StringVar(&filter.State, "state", "", "in this `state`: open, paused, closed")
	limitFlag(c.Flags(), &limit)
	return c
}

func newBatchShow(a *app) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "show NAME", Short: "Show a production order; -o yaml is what apply -f takes", Args: wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAPI(func(api *client.Client) error {
				b, err := api.Batch(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if out == "" && a.flags.output == "yaml" {
					return a.showDeclared(b, b.Declared)
				}
				if out == "" {
					return a.show(batchSheet(b))
				}
				if b.Certificate == "" {
					return failNotClosed(b.Name)
				}
				return a.writePublic(out, b.Certificate)
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "write the end-of-batch certificate of a closed one to `FILE`; - is standard output")
	return c
}

func batchSheet(b v1.Batch) sheet {
	var pairs []string
	cells := batchCells(b)
	for i, column := range batchColumns() {
		pairs = append(pairs, column, cells[i])
	}
	manifest := ""
	if m := b.Manifest; m != nil {
		manifest = fmt.Sprintf("%d rows, %s, sha256 %s", m.Rows, m.Format, m.SHA256)
	}
	scrapped := ""
	if b.Scrapped > 0 {
		scrapped = strconv.FormatUint(b.Scrapped, 10)
	}
	return object(b, b.Name, append(pairs,
		"by", b.CreatedBy, "manifest", manifest, "scrapped", scrapped, "nonce", yesNo(b.HasNonce),
		"closed", when(b.ClosedAt), "certificate", b.Certificate, "dry run", yesNo(b.DryRun))...)
}

// batchAct is pause, resume or close of the client.
type batchAct func(*client.Client, context.Context, string, bool) (v1.Batch, error)

func newBatchAct(a *app, verb, short string, act batchAct) *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use: verb + " NAME", Short: short, Args: wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAPI(func(api *client.Client) error {
				b, err := act(api, cmd.Context(), args[0], dryRun)
				if err != nil {
					return err
				}
				a.say.batchIs(b)
				return a.show(batchSheet(b))
			})
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change and change nothing")
	return c
}

func newBatchClose(a *app) *cobra.Command {
	var out string
	var dryRun, yes bool
	c := &cobra.Command{
		Use: "close NAME [--out FILE]", Short: "End a production order and certify what it made", Long: helpBatchClose, Args: wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !dryRun {
				if err := a.sure(yes, askCloseBatch(args[0])); err != nil {
					return err
				}
			}
			return a.withAPI(func(api *client.Client) error {
				b, err := api.CloseBatch(cmd.Context(), args[0], dryRun)
				if err != nil {
					return err
				}
				a.say.batchIs(b)
				return a.showClosed(b, out)
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "write the signed end-of-batch certificate to `FILE`, too")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change and change nothing")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func (a *app) showClosed(b v1.Batch, out string) error {
	if out != "" && b.Certificate != "" {
		if err := a.writePublic(out, b.Certificate); err != nil {
			return err
		}
	}
	return a.show(batchSheet(b))
}

func newBatchNonce(a *app) *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use: "nonce NAME", Short: "Give the nonce of a batch, for lines that work offline", Long: helpBatchNonce, Args: wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAPI(func(api *client.Client) error {
				n, err := api.NonceBatch(cmd.Context(), args[0], dryRun)
				if err != nil {
					return err
				}
				return a.show(object(n, n.Nonce,
					"batch", n.Batch, "nonce", n.Nonce, "from", when(n.From), "until", when(n.Until),
					"signed", n.Signed, "dry run", yesNo(n.DryRun)))
			})
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "make none if the batch has none yet")
	return c
}
