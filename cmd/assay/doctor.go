package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	v1 "github.com/assay-pki/assay/api/v1"
)

func newDoctor(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check the authority; works when the server is down too",
		Long:  helpDoctor,
		Args:  wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.doctor(cmd.Context())
		},
	}
	clock := &cobra.Command{
		Use: "clock --reset", Short: "Not available in this version", Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			return failLater("doctor clock --reset", "set the machine's clock and start the node again")
		},
	}
	clock.Flags().Bool("reset", false, "not available in this version")
	c.AddCommand(clock)
	return c
}

// doctor looks at the directory itself, then asks the server.
func (a *app) doctor(ctx context.Context) error {
	t, err := a.place()
	if err != nil {
		return err
	}
	var findings []v1.Finding
	if t.dir != "" {
		findings = append(findings, a.localFindings(ctx, t.dir)...)
	}
	findings = append(findings, a.serverFindings(ctx)...)
	slices.SortStableFunc(findings, func(x, y v1.Finding) int { return severity(y.Severity) - severity(x.Severity) })
	if err := a.showFindings(findings); err != nil {
		return err
	}
	if len(findings) > 0 && findings[0].Severity == v1.SeverityError {
		return &failure{code: exitFailure, what: "doctor found errors", quiet: true}
	}
	return nil
}

// severity orders findings: the worst is the greatest.
func severity(word string) int {
	return slices.Index([]string{v1.SeverityOK, v1.SeverityNote, v1.SeverityWarning, v1.SeverityError}, word)
}

func (a *app) showFindings(findings []v1.Finding) error {
	if a.flags.output == "json" || a.flags.output == "yaml" {
		return a.show(object(v1.Diagnosis{Findings: findings, CheckedAt: a.now().UTC()}, "doctor"))
	}
	s := sheet{columns: []string{"severity", "check", "finding", "next"}}
	for _, f := range findings {
		s.add(f, f.Code, f.Severity, f.Code, f.What, f.Next)
	}
	return a.show(s)
}

// localFindings need no server.
func (a *app) localFindings(ctx context.Context, dir string) []v1.Finding {
	findings := modeFindings(dir)
	if exists(filepath.Join(dir, "keys", "unlock")) {
		findings = append(findings, v1.Finding{
			Code: "passphrase", Severity: v1.SeverityNote, What: saidUnlock, Next: nextUnlock,
		})
	}
	if _, err := loadSettings(dir, a.environ, nil); err != nil {
		findings = append(findings, v1.Finding{
			Code: "settings", Severity: v1.SeverityError, What: settingsFault(err), Next: "edit " + filepath.Join(dir, configName),
		})
	}
	return append(findings, a.storeFinding(ctx))
}

func (a *app) storeFinding(ctx context.Context) v1.Finding {
	db, err := a.openStore(ctx)
	if errors.Is(err, errStoreInUse) {
		return v1.Finding{Code: "store", Severity: v1.SeverityOK, What: errStoreInUse.Error()}
	}
	if err == nil {
		defer db.Close()
		_, err = db.Authority(ctx)
	}
	if err != nil {
		return v1.Finding{Code: "store", Severity: v1.SeverityError, What: err.Error(), Next: nextStore}
	}
	return v1.Finding{Code: "store", Severity: v1.SeverityOK, What: saidStoreOpens}
}

// modeFindings compares what is on disk with directories 0700, secrets 0600.
func modeFindings(dir string) []v1.Finding {
	var findings []v1.Finding
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a file that was there a moment ago
		}
		if err != nil {
			return err
		}
		most := widest(dir, path, entry.IsDir())
		if mode := info.Mode().Perm(); entry.Type()&fs.ModeSymlink == 0 && mode&^most != 0 {
			findings = append(findings, v1.Finding{
				Code: "modes", Severity: v1.SeverityError, What: tooWide(path, mode, most),
				Next: fmt.Sprintf("chmod %04o %s", most, path),
			})
		}
		return nil
	})
	if err != nil {
		return append(findings, v1.Finding{Code: "modes", Severity: v1.SeverityError, What: err.Error(), Next: nextOwner})
	}
	if len(findings) == 0 {
		findings = append(findings, v1.Finding{Code: "modes", Severity: v1.SeverityOK, What: saidModes})
	}
	return findings
}

// widest is the widest mode that a path may have. What stands in a directory
// of mode 0700 is out of reach anyway; secrets are held to 0600 all the same,
// since they get copied.
func widest(dir, path string, isDir bool) fs.FileMode {
	relative, err := filepath.Rel(dir, path)
	if err != nil {
		relative = path
	}
	top, _, _ := strings.Cut(relative, string(filepath.Separator))
	switch {
	case isDir && (top == "." || top == "keys" || top == "operators"):
		return 0o700
	case !isDir && (top == "keys" || top == configName || top == "assay.db" || filepath.Ext(path) == ".key"):
		return 0o600
	}
	return 0o777
}

func (a *app) serverFindings(ctx context.Context) []v1.Finding {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	api, err := a.connect()
	if err != nil {
		return []v1.Finding{notRunning(asFailure(ctx, err))}
	}
	defer api.Close()
	diagnosis, err := api.Doctor(ctx)
	if err != nil {
		return []v1.Finding{notRunning(asFailure(ctx, err))}
	}
	return append(diagnosis.Findings, v1.Finding{Code: "server", Severity: v1.SeverityOK, What: saidServerAnswers})
}

// notRunning: a server that is down is a warning when it does not answer, an
// error when it answers and refuses.
func notRunning(f *failure) v1.Finding {
	severity := v1.SeverityError
	if f.code == exitUnavailable {
		severity = v1.SeverityWarning
	}
	return v1.Finding{Code: "server", Severity: severity, What: f.what, Next: f.next}
}
