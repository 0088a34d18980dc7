package main

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// defaultDir is where an authority lives when nobody says otherwise.
const defaultDir = "./assay-data"

// outputs are the values of -o.
var outputs = [...]string{"table", "json", "jsonl", "yaml", "csv", "name"}

// globals are the flags that every command takes, before or after its name.
type globals struct {
	dir       string
	dirGiven  bool
	context   string
	server    string
	output    string
	noHeaders bool
	colour    string
	noInput   bool
	verbose   bool
}

func (g *globals) bind(f *pflag.FlagSet) {
	f.StringVar(&g.dir, "dir", "", "the authority's `directory` (env ASSAY_DIR, default "+defaultDir+")")
	f.StringVar(&g.context, "context", "", "use this `name` of assay context list (env ASSAY_CONTEXT)")
	f.StringVar(&g.server, "server", "", "`URL` of the admin API (env ASSAY_SERVER)")
	f.StringVarP(&g.output, "output", "o", "table", "table, json, jsonl, yaml, csv or name")
	f.BoolVar(&g.noHeaders, "no-headers", false, "leave out the header of tables and CSV")
	f.StringVar(&g.colour, "color", "auto", "auto, always or never")
	f.BoolVar(&g.noInput, "no-input", false, "never ask; fail where a question would be")
	f.BoolVarP(&g.verbose, "verbose", "v", false, "say more")
}

// check completes the flags from the environment and refuses odd values.
func (g *globals) check(f *pflag.FlagSet, env func(string) string) error {
	g.dirGiven = f.Changed("dir")
	if !g.dirGiven {
		if g.dir = env("ASSAY_DIR"); g.dir != "" {
			g.dirGiven = true
		} else {
			g.dir = defaultDir
		}
	}
	if g.context == "" && !f.Changed("dir") {
		g.context = env("ASSAY_CONTEXT")
	}
	if g.server == "" {
		g.server = env("ASSAY_SERVER")
	}
	if !slices.Contains(outputs[:], g.output) {
		return failFlagValue("--output", g.output, outputs[:]...)
	}
	if !slices.Contains([]string{"auto", "always", "never"}, g.colour) {
		return failFlagValue("--color", g.colour, "auto", "always", "never")
	}
	if g.context != "" && f.Changed("dir") {
		return failBoth("--dir", "--context")
	}
	return nil
}

// wants checks the number of arguments and names the missing one.
func wants(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if len(given) < len(names) {
			return failMissingArgument(cmd, names[len(given)])
		}
		if len(given) > len(names) {
			return failExtraArgument(cmd, given[len(names)])
		}
		return nil
	}
}

// atMostOne takes none or one argument.
func atMostOne(cmd *cobra.Command, given []string) error {
	if len(given) > 1 {
		return failExtraArgument(cmd, given[1])
	}
	return nil
}
