package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
)

func newApply(a *app) *cobra.Command {
	var files []string
	var dryRun bool
	c := &cobra.Command{
		Use:   "apply -f FILE...",
		Short: "Declare products, releases, batches, stations, operators and the policy",
		Long:  helpApply,
		RunE: func(cmd *cobra.Command, args []string) error {
			files = append(files, args...)
			if len(files) == 0 {
				return failNeeds("apply", "-f FILE")
			}
			return a.apply(cmd.Context(), files, dryRun)
		},
	}
	c.Flags().StringArrayVarP(&files, "filename", "f", nil, "`FILE` with documents; - is standard input")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change and change nothing")
	return c
}

func (a *app) apply(ctx context.Context, files []string, dryRun bool) error {
	var docs []document
	var faults []v1.Fault
	for _, file := range files {
		text, err := a.readSmall(file, maxDocumentsBytes)
		if err != nil {
			return err
		}
		some, wrong := readDocuments(file, text)
		docs, faults = append(docs, some...), append(faults, wrong...)
	}
	if len(faults) == 0 {
		faults = doubled(docs)
	}
	if len(faults) > 0 {
		return failDocuments(faults)
	}
	if len(docs) == 0 {
		return failNoDocuments(files)
	}
	if faults = a.attachManifests(docs); len(faults) > 0 {
		return failDocuments(faults)
	}
	sortDocuments(docs)
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	return a.applyAll(ctx, api, docs, client.Expect{DryRun: dryRun})
}

// applyAll asks first what each document would do, so that all faults come at
// once and a faulty file changes nothing; then it does it.
func (a *app) applyAll(ctx context.Context, api *client.Client, docs []document, expect client.Expect) error {
	dry := expect
	dry.DryRun = true
	results, err := tryAll(ctx, api, docs, dry)
	if err != nil {
		return err
	}
	if expect.DryRun {
		return a.showApplied(docs, results)
	}
	done := results[:0]
	for i, d := range docs {
		r, err := api.Apply(ctx, d.Document, expect)
		if err != nil {
			return errors.Join(a.showApplied(docs[:i], done), failPartly(&d, i, err))
		}
		done = append(done, r)
	}
	return a.showApplied(docs, done)
}

// tryAll asks what each document would do. What the server refuses of one is a
// fault of the file; a document that rests on a faulty one is not asked about,
// for the answer would be about what is missing.
func tryAll(ctx context.Context, api *client.Client, docs []document, dry client.Expect) ([]v1.Applied, error) {
	var faults []v1.Fault
	code := exitFailure
	results := make([]v1.Applied, 0, len(docs))
	news := map[string]bool{}
	faulty := map[string]bool{}
	for i := range docs {
		d := &docs[i]
		if slices.ContainsFunc(d.rests(), func(on string) bool { return faulty[on] }) {
			faulty[keyOf(d.Kind, d.Name)] = true
			continue
		}
		r, err := tryOne(ctx, api, d, news, dry)
		if refusal, ok := errors.AsType[*v1.Refusal](err); ok && aboutDocument(refusal) {
			faulty[keyOf(d.Kind, d.Name)] = true
			faults = append(faults, d.faultsOf(refusal)...)
			code = max(code, exitOfReason(refusal.Reason))
			continue
		}
		if err != nil {
			return nil, failPartly(d, 0, err)
		}
		news[keyOf(d.Kind, d.Name)] = r.Result == v1.Created
		results = append(results, r)
	}
	if len(faults) > 0 {
		f := failDocuments(faults)
		f.code = code
		return nil, f
	}
	return results, nil
}

// aboutDocument tells whether a refusal is about what is declared, and not about
// who asks or how the server is.
func aboutDocument(r *v1.Refusal) bool {
	switch r.Reason.About().Status {
	case 400, 404, 409, 422:
		return true
	}
	return len(r.Faults) > 0
}

// tryOne asks what a document would do. One that rests on another of the same
// files that is not there yet can't be asked about: it would be made.
func tryOne(ctx context.Context, api *client.Client, d *document, news map[string]bool, dry client.Expect) (v1.Applied, error) {
	for _, on := range d.rests() {
		if news[on] {
			after := v1.Declared{APIVersion: d.APIVersion, Kind: d.Kind, Name: d.Name, Spec: withoutManifest(d.Spec)}
			return v1.Applied{Result: v1.Created, DryRun: true, After: after}, nil
		}
	}
	return api.Apply(ctx, d.Document, dry)
}

// faultsOf places the server's faults in the file.
func (d *document) faultsOf(r *v1.Refusal) []v1.Fault {
	if len(r.Faults) == 0 {
		return []v1.Fault{{At: d.at("name"), Reason: wordsOfRefusal(r)}}
	}
	faults := make([]v1.Fault, len(r.Faults))
	for i, f := range r.Faults {
		faults[i] = d.locate(f)
	}
	return faults
}

// showApplied prints what was done: in a table one line per document and its
// diff below it.
func (a *app) showApplied(docs []document, results []v1.Applied) error {
	s := sheet{columns: []string{"result", "kind", "name", "revision"}}
	for i, r := range results {
		name := docs[i].Kind + "/" + docs[i].Name
		s.add(r, name, string(r.Result), r.After.Kind, r.After.Name, revisionText(r.After.Revision))
	}
	if a.flags.output != "table" {
		return a.show(s)
	}
	for _, r := range results {
		if err := a.applied(r); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) applied(r v1.Applied) error {
	line := appliedLine(r)
	if _, err := fmt.Fprintln(a.out, printable(line)); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	if r.Result == v1.Unchanged || (r.Result == v1.Created && !r.DryRun && !a.flags.verbose) {
		return nil
	}
	for _, line := range diff(specLines(r.Before), specLines(r.After.Spec)) {
		colour := ""
		switch line[0] {
		case '+':
			colour = green
		case '-':
			colour = red
		}
		text := printable(line)
		if colour != "" {
			text = paint(a.say.outColour, colour, text)
		}
		if _, err := fmt.Fprintln(a.out, "  "+text); err != nil {
			return fmt.Errorf("write the output: %w", err)
		}
	}
	return nil
}
