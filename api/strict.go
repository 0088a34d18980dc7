package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
)

// strict reads a spec that no schema of huma has seen into a struct, field by
// field, so that all faults come at once and each names its field.
func strict[T any](data []byte, into *T) []v1.Fault {
	if err := wellFormed(data); err != nil {
		return []v1.Fault{{At: "spec", Reason: err.Error()}}
	}
	var given map[string]json.RawMessage
	if d := bytes.TrimSpace(data); len(d) == 0 || d[0] != '{' || json.Unmarshal(data, &given) != nil {
		return []v1.Fault{{At: "spec", Reason: "not an object"}}
	}
	fields := fieldsOf(reflect.ValueOf(into).Elem())
	var faults []v1.Fault
	for _, name := range slices.Sorted(maps.Keys(given)) {
		field, known := fields[name]
		switch {
		case !known:
			faults = append(faults, v1.Fault{At: "spec." + printable(name), Reason: "there is no such field"})
		case json.Unmarshal(given[name], field.Addr().Interface()) != nil:
			faults = append(faults, v1.Fault{At: "spec." + name, Reason: "is not " + wanted(field.Type())})
			field.SetZero()
		}
	}
	return faults
}

// fieldsOf are the fields of a struct by their names in JSON.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		fields[name] = v.Field(i)
	}
	return fields
}

// wanted says what a value of a type is written as.
func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "a time as 2026-11-16T06:00:00Z"
	case t.Kind() == reflect.Slice:
		return "a list of texts"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Uint64:
		return "a whole number, 0 or more"
	}
	return "a text"
}

// firstOfEach drops what the checks say of a field that had a fault before: a
// value that can't be read is not missing, nor is anything of a spec that is no
// object.
func firstOfEach(faults []v1.Fault) []v1.Fault {
	seen := map[string]bool{}
	return slices.DeleteFunc(faults, func(f v1.Fault) bool {
		was := seen[f.At] || (seen["spec"] && strings.HasPrefix(f.At, "spec."))
		seen[f.At] = true
		return was
	})
}
