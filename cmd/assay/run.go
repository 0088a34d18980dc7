package main

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// app is one run of the program.
type app struct {
	in      io.Reader
	out     io.Writer
	say     *say
	environ []string
	now     func() time.Time
	flags   globals
	// started: flags and arguments were understood; what fails before is usage.
	started bool
}

// Run executes one command line and returns its exit code.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{in: stdin, out: stdout, environ: os.Environ(), now: time.Now}
	a.say = newSay(stdin, stderr, a.env("NO_COLOR") != "")
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if !a.started {
		err = failUsage(cmd, err)
	}
	f := asFailure(ctx, err)
	a.say.failed(f)
	return f.code
}

// env reads one variable of the environment that the run began with.
func (a *app) env(name string) string {
	for _, e := range a.environ {
		if len(e) > len(name) && e[len(name)] == '=' && e[:len(name)] == name {
			return e[len(name)+1:]
		}
	}
	return ""
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "assay",
		Short:         "A private PKI for connected devices",
		Long:          helpRoot,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          helpOrUnknown,
		Args:          cobra.ArbitraryArgs,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.begin(cmd)
		},
	}
	a.flags.bind(root.PersistentFlags())
	addCommands(root, a)
	showExamples(root)
	return root
}

// addCommands hangs every noun below the root, one file each.
func addCommands(root *cobra.Command, a *app) {
	root.AddCommand(
		newInit(a), newServe(a), newApply(a), newProduct(a), newFirmware(a), newBatch(a), newStation(a), newLine(a),
		newPolicy(a), newToken(a), newDevice(a), newIncident(a), newCert(a), newRevoke(a), newCRL(a), newOCSP(a),
		newOperator(a), newCA(a), newAudit(a), newDoctor(a), newConfig(a),
		newContext(a), newBench(a), newDemo(a), newVersion(a),
	)
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, RunE: helpOrUnknown, Args: cobra.ArbitraryArgs}
	c.AddCommand(commands...)
	return c
}

// helpOrUnknown prints help; a word that is no command of the group is usage.
func helpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return failUnknownCommand(cmd, args[0])
}

// begin checks the global flags once they are parsed.
func (a *app) begin(cmd *cobra.Command) error {
	if err := a.flags.check(cmd.Flags(), a.env); err != nil {
		return err
	}
	a.say.begin(a.flags, a.out)
	a.started = true
	return nil
}
