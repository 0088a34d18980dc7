package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	v1 "github.com/assay-pki/assay/api/v1"
)

// document is one YAML document of apply -f.
type document struct {
	v1.Document
	file string
	// before is the number of lines above it in the file.
	before int
	places places
	// manifest is the file whose text goes with a Batch.
	manifest string
}

// at is the document's field as FILE:LINE.
func (d *document) at(field string) string {
	return fmt.Sprintf("%s:%d", d.file, d.before+d.places.line(field))
}

// locate turns the server's fault at a field into one at FILE:LINE. The server
// names fields with or without the leading spec.
func (d *document) locate(f v1.Fault) v1.Fault {
	if rest, ok := strings.CutPrefix(f.At, atManifest); ok && d.manifest != "" {
		return v1.Fault{At: d.manifest + ":" + rest, Reason: f.Reason}
	}
	field := f.At
	if _, known := d.places[field]; !known && !strings.HasPrefix(field, "spec") {
		field = join("spec", field)
	}
	reason := f.Reason
	if f.At != "" {
		reason = f.At + ": " + f.Reason
	}
	return v1.Fault{At: d.at(field), Reason: reason}
}

// kindOrder is the order of work, whatever the order in the files: a document
// may rest on those before it.
var kindOrder = [...]string{
	v1.KindPolicy, v1.KindProduct, v1.KindFirmware, v1.KindBatch, v1.KindStation, v1.KindOperator,
}

// sortDocuments puts documents in the order of work.
func sortDocuments(docs []document) {
	slices.SortStableFunc(docs, func(a, b document) int {
		return slices.Index(kindOrder[:], a.Kind) - slices.Index(kindOrder[:], b.Kind)
	})
}

// readDocuments reads every document of a file, and every fault of them.
func readDocuments(file string, text []byte) ([]document, []v1.Fault) {
	if len(text) > maxDocumentsBytes {
		return nil, []v1.Fault{{At: file, Reason: tooLarge(maxDocumentsBytes)}}
	}
	var docs []document
	var faults []v1.Fault
	parts := splitDocuments(text)
	if len(parts) > maxDocuments {
		return nil, []v1.Fault{{At: file, Reason: tooMany(maxDocuments)}}
	}
	for _, part := range parts {
		doc, wrong := readDocument(file, part)
		faults = append(faults, wrong...)
		if doc != nil {
			docs = append(docs, *doc)
		}
	}
	return docs, append(faults, doubled(docs)...)
}

// part is the text of one document and the number of lines above it.
type part struct {
	text   []byte
	before int
}

// splitDocuments cuts at lines that begin a document: a "---" at the start of a
// line is a marker wherever it stands, also inside a block of text.
func splitDocuments(text []byte) []part {
	var parts []part
	current := part{}
	number := 0
	flush := func(next int) {
		if !blank(current.text) {
			parts = append(parts, current)
		}
		current = part{before: next}
	}
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		number++
		switch {
		case marker(line, "---"):
			flush(number)
			if rest := bytes.TrimSpace(line[3:]); len(rest) > 0 && rest[0] != '#' {
				current = part{text: append([]byte("   "), line[3:]...), before: number - 1}
			}
		case marker(line, "..."):
			flush(number)
		default:
			current.text = append(current.text, line...)
		}
	}
	flush(number)
	return parts
}

func marker(line []byte, sign string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(sign))
	return ok && (len(rest) == 0 || bytes.ContainsRune([]byte(" \t\r\n"), rune(rest[0])))
}

// blank tells whether nothing but comments stands in the text.
func blank(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

func readDocument(file string, p part) (*document, []v1.Fault) {
	body, err := yaml.YAMLToJSONStrict(p.text)
	if err != nil {
		return nil, yamlFaults(file, p.before, err)
	}
	doc := &document{file: file, before: p.before, places: yamlPlaces(p.text)}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, []v1.Fault{{At: doc.at(""), Reason: notADocument}}
	}
	faults := doc.unknownFields(fields)
	if err := json.Unmarshal(body, &doc.Document); err != nil {
		if bad, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, append(faults, v1.Fault{At: doc.at(bad.Field), Reason: wrongType(bad.Field, bad.Value)})
		}
		return nil, append(faults, v1.Fault{At: doc.at(""), Reason: notADocument})
	}
	if faults = append(faults, doc.check()...); len(faults) > 0 {
		return nil, faults
	}
	return doc, nil
}

var documentFields = [...]string{"apiVersion", "kind", "name", "spec"}

func (d *document) unknownFields(fields map[string]json.RawMessage) []v1.Fault {
	var faults []v1.Fault
	for name := range fields {
		if !slices.Contains(documentFields[:], name) {
			faults = append(faults, v1.Fault{At: d.at(name), Reason: unknownKey(name, documentFields[:])})
		}
	}
	return faults
}

// check looks at the envelope; the spec is the server's to judge.
func (d *document) check() []v1.Fault {
	var faults []v1.Fault
	wrong := func(field, reason string) {
		faults = append(faults, v1.Fault{At: d.at(field), Reason: reason})
	}
	if d.APIVersion != v1.APIVersion {
		wrong("apiVersion", "apiVersion: "+oneOf(d.APIVersion, v1.APIVersion))
	}
	if !slices.Contains(kindOrder[:], d.Kind) {
		wrong("kind", "kind: "+oneOf(d.Kind, kindOrder[:]...))
	}
	if d.Name == "" {
		wrong("name", "name is missing")
	}
	if len(d.Spec) == 0 || d.Spec[0] != '{' {
		wrong("spec", "spec is missing")
	}
	return faults
}

// doubled finds documents that declare the same object twice.
func doubled(docs []document) []v1.Fault {
	var faults []v1.Fault
	seen := map[string]*document{}
	for i := range docs {
		d := &docs[i]
		key := keyOf(d.Kind, d.Name)
		if first, ok := seen[key]; ok {
			faults = append(faults, v1.Fault{At: d.at("name"), Reason: declaredTwice(key, first.at("name"))})
			continue
		}
		seen[key] = d
	}
	return faults
}
