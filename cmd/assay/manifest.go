package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
)

// Fields of a Batch's spec: the name of the manifest's file, and what the
// client adds to it: the file's text.
const (
	fieldManifest     = "manifest"
	fieldManifestData = "manifest_data"
)

// atManifest begins the place of a fault that the server found in a manifest:
// its line and column follow.
const atManifest = "manifest:"

// inManifest places the server's faults in the manifest's file.
func inManifest(file string, err error) error {
	r, ok := errors.AsType[*v1.Refusal](err)
	if !ok {
		return err
	}
	placed := *r
	placed.Faults = slices.Clone(r.Faults)
	for i, f := range placed.Faults {
		if rest, ok := strings.CutPrefix(f.At, atManifest); ok {
			placed.Faults[i].At = file + ":" + rest
		}
	}
	return &placed
}

// attachManifests puts the manifests that Batch documents name beside their
// names. A file's name is relative to the document's.
func (a *app) attachManifests(docs []document) []v1.Fault {
	var faults []v1.Fault
	for i := range docs {
		d := &docs[i]
		if d.Kind != v1.KindBatch {
			continue
		}
		if err := a.attachManifest(d); err != nil {
			faults = append(faults, v1.Fault{At: d.at("spec." + fieldManifest), Reason: err.Error()})
		}
	}
	return faults
}

func (a *app) attachManifest(d *document) error {
	var spec map[string]json.RawMessage
	if err := json.Unmarshal(d.Spec, &spec); err != nil {
		return fmt.Errorf("read the spec: %w", err)
	}
	var path string
	// What is no text is the server's to name.
	if json.Unmarshal(spec[fieldManifest], &path) != nil || path == "" || strings.HasPrefix(path, "sha256:") {
		return nil
	}
	if !filepath.IsAbs(path) && d.file != "-" {
		path = filepath.Join(filepath.Dir(d.file), path)
	}
	text, err := a.manifestText(path)
	if err != nil {
		return err
	}
	spec[fieldManifestData], d.manifest = text, path
	d.Spec, err = json.Marshal(spec)
	return err
}

// manifestText is a manifest as a JSON string.
func (a *app) manifestText(path string) (json.RawMessage, error) {
	text, err := a.readSmall(path, maxManifestBytes)
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		return nil, failEmpty(path)
	}
	return json.Marshal(string(text))
}

// rests names what a document rests on and what may be declared beside it.
func (d *document) rests() []string {
	var spec struct {
		Product  string   `json:"product"`
		Products []string `json:"products"`
		Batches  []string `json:"batches"`
	}
	// What is of another type is the server's to name.
	_ = json.Unmarshal(d.Spec, &spec)
	var on []string
	switch d.Kind {
	case v1.KindFirmware:
		product, _ := cutRelease(d.Name)
		on = append(on, keyOf(v1.KindProduct, product))
	case v1.KindBatch:
		on = append(on, keyOf(v1.KindProduct, spec.Product))
	case v1.KindStation:
		for _, p := range spec.Products {
			on = append(on, keyOf(v1.KindProduct, p))
		}
		for _, b := range spec.Batches {
			on = append(on, keyOf(v1.KindBatch, b))
		}
	}
	return on
}

func keyOf(kind, name string) string { return kind + " " + name }

// withoutManifest is a spec as people see it: the file's name stands for it.
func withoutManifest(spec json.RawMessage) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(spec, &fields) != nil || fields[fieldManifestData] == nil {
		return spec
	}
	delete(fields, fieldManifestData)
	short, err := json.Marshal(fields)
	if err != nil {
		return spec
	}
	return short
}
