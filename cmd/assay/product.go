package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
)

func newProduct(a *app) *cobra.Command {
	return group("product", "Device types", newProductCreate(a), newProductList(a), newProductShow(a), newProductEdit(a))
}

// productFlags are the questions of product create.
type productFlags struct {
	evidence    string
	validity    string
	description string
	pattern     string
	admit       []string
	keys        []string
	roles       []string
	birth       bool
	dryRun      bool
}

func newProductCreate(a *app) *cobra.Command {
	var p productFlags
	c := &cobra.Command{
		Use: "create NAME", Short: "Make a product", Args: wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.productCreate(cmd.Context(), args[0], p)
		},
	}
	f := c.Flags()
	f.StringVar(&p.evidence, "evidence", "none", "none, self, station, dice, tpm or eat")
	f.StringVar(&p.validity, "validity", "", "lifetime of operational certificates, as `90d`")
	f.StringVar(&p.description, "description", "", "what it is")
	f.StringVar(&p.pattern, "serial-pattern", "", "anchored RE2 `pattern` of serial numbers")
	f.StringSliceVar(&p.admit, "admit", nil, "who may enrol: station, token, birth, vendor")
	f.StringSliceVar(&p.keys, "key", nil, "key types it allows, as `ec-p256,ec-p384`")
	f.StringSliceVar(&p.roles, "role", nil, "`role` of its devices: one OU of their subject each")
	f.BoolVar(&p.birth, "birth", false, "with birth certificates")
	f.BoolVar(&p.dryRun, "dry-run", false, "show what would be made and make nothing")
	return c
}

// tiers is the evidence of --evidence: formats, least tier of the first
// certificate and of renewals. A device renews where no station is, so that
// station evidence is followed by its own.
func tiers(evidence string) (formats []string, tier, renewal string, ok bool) {
	switch evidence {
	case "none":
		return []string{}, "T0", "T0", true
	case "self":
		return []string{"self"}, "T0", "T1", true
	case "station":
		return []string{"station", "self"}, "T1s", "T1", true
	case "dice", "tpm", "eat":
		return []string{evidence}, "T3", "T3", true
	}
	return nil, "", "", false
}

// spec is the Product document's: what is not asked for is left to the server.
func (p productFlags) spec() (json.RawMessage, error) {
	formats, tier, renewal, ok := tiers(p.evidence)
	if !ok {
		return nil, failFlagValue("--evidence", p.evidence, "none", "self", "station", "dice", "tpm", "eat")
	}
	spec := map[string]any{}
	operational := map[string]any{}
	put := func(m map[string]any, key string, value any, given bool) {
		if given {
			m[key] = value
		}
	}
	put(spec, "description", p.description, p.description != "")
	put(spec, "serial_pattern", p.pattern, p.pattern != "")
	put(spec, "roles", p.roles, len(p.roles) > 0)
	put(spec, "keys", map[string]any{"allow": p.keys}, len(p.keys) > 0)
	put(spec, "birth", map[string]any{}, p.birth)
	put(spec, "firmware", map[string]any{"formats": formats, "tier": tier, "renewal_tier": renewal}, p.evidence != "none")
	put(operational, "validity", p.validity, p.validity != "")
	put(operational, "admit", p.admit, len(p.admit) > 0)
	put(spec, "operational", operational, len(operational) > 0)
	body, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("encode the product: %w", err)
	}
	return body, nil
}

func (a *app) productCreate(ctx context.Context, name string, p productFlags) error {
	spec, err := p.spec()
	if err != nil {
		return err
	}
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	doc := v1.Document{APIVersion: v1.APIVersion, Kind: v1.KindProduct, Name: name, Spec: spec}
	applied, err := api.Apply(ctx, doc, client.Expect{New: true, DryRun: p.dryRun})
	if err != nil {
		return err
	}
	a.say.productMade(applied, p.evidence != "none")
	return a.show(a.appliedSheet(applied))
}

// appliedSheet is the outcome of one PUT.
func (a *app) appliedSheet(r v1.Applied) sheet {
	return object(
		r, r.After.Name,
		"kind", r.After.Kind, "name", r.After.Name, "result", string(r.Result),
		"revision", revisionText(r.After.Revision), "dry run", yesNo(r.DryRun),
	)
}

func revisionText(n uint32) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}

// productFacts is what lists show of a product's spec.
type productFacts struct {
	Description string `json:"description"`
	Keys        struct {
		Allow []string `json:"allow"`
	} `json:"keys"`
	Operational struct {
		Admit    []string `json:"admit"`
		Validity string   `json:"validity"`
	} `json:"operational"`
	Birth    *struct{} `json:"birth"`
	Firmware struct {
		Formats []string `json:"formats"`
	} `json:"firmware"`
}

func newProductList(a *app) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List products", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := a.connect()
			if err != nil {
				return err
			}
			defer api.Close()
			columns := []string{"name", "revision", "validity", "admit", "keys", "evidence", "birth", "changed", "description"}
			return showList(a, api.Products(cmd.Context()), limit, columns, func(p v1.Product) (string, []string) {
				var facts productFacts
				// A spec of a newer server is shown as far as it is understood.
				_ = json.Unmarshal(p.Spec, &facts)
				return p.Name, []string{
					p.Name, revisionText(p.Revision), facts.Operational.Validity, list(facts.Operational.Admit),
					list(facts.Keys.Allow), list(facts.Firmware.Formats), yesNo(facts.Birth != nil),
					when(p.ChangedAt), facts.Description,
				}
			})
		},
	}
	limitFlag(c.Flags(), &limit)
	return c
}

func newProductShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a product; -o yaml is what apply -f takes", Args: wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := a.connect()
			if err != nil {
				return err
			}
			defer api.Close()
			p, err := api.Product(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.showDeclared(p, p.Declared)
		},
	}
}

// showDeclared prints a document; as YAML, in the form that apply reads.
func (a *app) showDeclared(item any, d v1.Declared) error {
	if a.flags.output == "yaml" {
		item = documentOf(d)
	}
	return a.show(object(
		item, d.Name,
		"kind", d.Kind, "name", d.Name, "revision", revisionText(d.Revision),
		"changed", when(d.ChangedAt), "by", d.ChangedBy, "spec", strings.Join(specLines(d.Spec), "\n"),
	))
}

func documentOf(d v1.Declared) v1.Document {
	return v1.Document{APIVersion: v1.APIVersion, Kind: d.Kind, Name: d.Name, Spec: d.Spec}
}
