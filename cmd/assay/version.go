package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	v1 "github.com/assay-pki/assay/api/v1"
)

// version is the module's, as the Go toolchain recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version", Args: wants(),
		RunE: func(*cobra.Command, []string) error {
			v := v1.Version{Version: version(), Go: runtime.Version()}
			return a.show(object(v, v.Version, "version", v.Version, "go", v.Go))
		},
	}
}
