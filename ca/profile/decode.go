package profile

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// node is a JSON value that kept what encoding/json forgets: doubled keys and
// the order of members.
type node struct {
	value any // nil, bool, json.Number, string, []node or object
}

type object []member

type member struct {
	key   string
	value node
}

// decode reads JSON strictly into the struct that target points to, over the
// defaults in it. Faults of form and of type are collected.
func decode(b []byte, target any, f *faults) {
	switch {
	case len(b) > maxDocumentBytes:
		f.add("", "the document is longer than %d bytes", maxDocumentBytes)
		return
	case !utf8.Valid(b):
		f.add("", "the document is not UTF-8")
		return
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			fill(n, reflect.ValueOf(target).Elem(), "", f)
			return
		}
		err = errors.New("something follows the document")
	}
	f.add("", "the document does not parse: %v", err)
}

func readNode(d *json.Decoder, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	t, err := d.Token()
	if err != nil {
		return node{}, err
	}
	switch t {
	case json.Delim('{'):
		var o object
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return node{}, err
			}
			v, err := readNode(d, depth+1)
			if err != nil {
				return node{}, err
			}
			o = append(o, member{key.(string), v})
		}
		_, err = d.Token()
		return node{o}, err
	case json.Delim('['):
		list := []node{}
		for d.More() {
			v, err := readNode(d, depth+1)
			if err != nil {
				return node{}, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return node{list}, err
	}
	return node{t}, nil
}

// fill puts a value where its type says; every mismatch is a fault.
func fill(n node, v reflect.Value, path string, f *faults) {
	if n.value == nil {
		f.add(path, "null: give it a value or leave it out")
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		s, ok := n.value.(string)
		if !ok {
			f.add(path, "%s where text is wanted", kindOf(n))
			return
		}
		if err := u.UnmarshalText([]byte(s)); err != nil {
			f.add(path, "%v", err)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		presetDefaults(v.Interface())
		fill(n, v.Elem(), path, f)
	case reflect.Struct:
		fillStruct(n, v, path, f)
	case reflect.Slice:
		fillSlice(n, v, path, f)
	case reflect.Array:
		fillArray(n, v, path, f)
	case reflect.Map:
		fillMap(n, v, path, f)
	default:
		fillScalar(n, v, path, f)
	}
}

func fillStruct(n node, v reflect.Value, path string, f *faults) {
	o, ok := n.value.(object)
	if !ok {
		f.add(path, "%s where an object is wanted", kindOf(n))
		return
	}
	seen := map[string]bool{}
	for _, m := range o {
		here := at(path, m.key)
		field := fieldOf(v, m.key)
		switch {
		case !field.IsValid():
			f.add(here, "there is no such field")
		case seen[m.key]:
			f.add(here, "given twice")
		default:
			fill(m.value, field, here, f)
		}
		seen[m.key] = true
	}
}

// fieldOf finds a field by its json tag; case counts.
func fieldOf(v reflect.Value, key string) reflect.Value {
	for i := range v.NumField() {
		tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if tag == key && tag != "" && tag != "-" {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

func fillSlice(n node, v reflect.Value, path string, f *faults) {
	list, ok := n.value.([]node)
	if !ok {
		f.add(path, "%s where a list is wanted", kindOf(n))
		return
	}
	if len(list) > maxListed {
		f.add(path, "at most %d", maxListed)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
	for i, item := range list {
		fill(item, v.Index(i), path+"["+strconv.Itoa(i)+"]", f)
	}
}

func fillArray(n node, v reflect.Value, path string, f *faults) {
	list, ok := n.value.([]node)
	if !ok || len(list) != v.Len() {
		f.add(path, "a list of %d is wanted", v.Len())
		return
	}
	for i, item := range list {
		fill(item, v.Index(i), path+"["+strconv.Itoa(i)+"]", f)
	}
}

func fillMap(n node, v reflect.Value, path string, f *faults) {
	o, ok := n.value.(object)
	if !ok {
		f.add(path, "%s where an object is wanted", kindOf(n))
		return
	}
	if len(o) > maxListed {
		f.add(path, "at most %d", maxListed)
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(o)))
	for _, m := range o {
		here, key := at(path, m.key), reflect.ValueOf(m.key)
		if v.MapIndex(key).IsValid() {
			f.add(here, "given twice")
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		fill(m.value, item, here, f)
		v.SetMapIndex(key, item)
	}
}

func fillScalar(n node, v reflect.Value, path string, f *faults) {
	switch x := n.value.(type) {
	case bool:
		if v.Kind() == reflect.Bool {
			v.SetBool(x)
			return
		}
	case string:
		if v.Kind() == reflect.String {
			v.SetString(x)
			return
		}
	case json.Number:
		if fillNumber(x.String(), v) {
			return
		}
		if v.CanInt() || v.CanUint() {
			f.add(path, "%s is not a whole number in range", x)
			return
		}
	}
	f.add(path, "%s where %s is wanted", kindOf(n), wanted(v))
}

// fillNumber puts a whole number where one fits.
func fillNumber(s string, v reflect.Value) bool {
	switch {
	case v.CanInt():
		i, err := strconv.ParseInt(s, 10, v.Type().Bits())
		v.SetInt(i)
		return err == nil
	case v.CanUint():
		u, err := strconv.ParseUint(s, 10, v.Type().Bits())
		v.SetUint(u)
		return err == nil
	}
	return false
}

func kindOf(n node) string {
	switch n.value.(type) {
	case bool:
		return "true or false"
	case string:
		return "text"
	case json.Number:
		return "a number"
	case []node:
		return "a list"
	}
	return "an object"
}

func wanted(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.CanInt(), v.CanUint():
		return "a number"
	}
	return "text"
}

// presetDefaults lets a struct behind a pointer set its defaults before it is
// filled.
func presetDefaults(v any) {
	if d, ok := v.(interface{ setDefaults() }); ok {
		d.setDefaults()
	}
}
