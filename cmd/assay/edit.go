package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/assay-pki/assay/api/client"
)

func newProductEdit(a *app) *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use: "edit NAME", Short: "Change a product in $VISUAL or $EDITOR", Args: wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.productEdit(cmd.Context(), args[0], dryRun)
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change and change nothing")
	return c
}

// productEdit reads the product, lets the editor change it, and puts it back
// under the revision that was read.
func (a *app) productEdit(ctx context.Context, name string, dryRun bool) error {
	editor := a.env("VISUAL")
	if editor == "" {
		editor = a.env("EDITOR")
	}
	if editor == "" || a.flags.noInput {
		return failNoEditor(name)
	}
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	p, err := api.Product(ctx, name)
	if err != nil {
		return err
	}
	before, err := yaml.Marshal(documentOf(p.Declared))
	if err != nil {
		return fmt.Errorf("encode the product: %w", err)
	}
	path, after, err := a.editText(ctx, editor, name, before)
	if err != nil {
		return err
	}
	if bytes.Equal(before, after) {
		a.say.nothingChanged()
		return os.RemoveAll(filepath.Dir(path))
	}
	docs, faults := readDocuments(path, after)
	if len(faults) > 0 {
		return failDocuments(faults)
	}
	if len(docs) != 1 || docs[0].Kind != p.Kind || docs[0].Name != name {
		return failEditedOther(name, path)
	}
	expect := client.Expect{Revision: p.Revision, DryRun: dryRun}
	if err := a.applyAll(ctx, api, docs, expect); err != nil {
		a.say.editKept(path)
		return err
	}
	return os.RemoveAll(filepath.Dir(path))
}

// editText runs the editor on a file of its own; the file stays, so that
// nobody's typing is lost when what follows fails.
func (a *app) editText(ctx context.Context, editor, name string, text []byte) (path string, after []byte, err error) {
	dir, err := os.MkdirTemp("", "assay-edit-")
	if err != nil {
		return "", nil, fmt.Errorf("make a file to edit: %w", err)
	}
	path = filepath.Join(dir, name+".yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", nil, fmt.Errorf("make a file to edit: %w", err)
	}
	// The shell splits the variable, as git does: EDITOR="code --wait" works.
	cmd := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, "sh", path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.in, a.say.err, a.say.err
	if err := cmd.Run(); err != nil {
		return "", nil, fmt.Errorf("run the editor %s: %w", editor, err)
	}
	if after, err = os.ReadFile(path); err != nil {
		return "", nil, fmt.Errorf("read what was edited: %w", err)
	}
	return path, after, nil
}
