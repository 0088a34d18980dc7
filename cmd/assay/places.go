package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	v1 "github.com/assay-pki/assay/api/v1"
)

// places maps the fields of one YAML document to their lines. Values are read
// by sigs.k8s.io/yaml; this parser only tells where they stand.
type places map[string]int

// yamlPlaces indexes a document; one that does not parse has no places.
func yamlPlaces(text []byte) places {
	p := places{}
	var root yaml.Node
	if yaml.Unmarshal(text, &root) != nil || len(root.Content) == 0 {
		return p
	}
	p.walk(root.Content[0], "", 0)
	return p
}

func (p places) walk(n *yaml.Node, path string, depth int) {
	if depth > maxYAMLDepth {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			at := join(path, n.Content[i].Value)
			p[at] = n.Content[i].Line
			p.walk(n.Content[i+1], at, depth+1)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			p[at] = item.Line
			p.walk(item, at, depth+1)
		}
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// line finds the field, or the nearest one that holds it; 1 when none does.
func (p places) line(path string) int {
	for path != "" {
		if n, ok := p[path]; ok {
			return n
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			break
		}
		path = path[:cut]
	}
	return 1
}

// yamlLine finds the line in a message of either YAML parser.
var yamlLine = regexp.MustCompile(`line (\d+):? ?`)

// yamlFaults turns a parser's error into faults at file:line; before is the
// number of lines above the text that it parsed.
func yamlFaults(file string, before int, err error) []v1.Fault {
	var faults []v1.Fault
	for _, message := range strings.Split(err.Error(), "\n") {
		message = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(message), "yaml: unmarshal errors:"))
		if message == "" || message == "error converting YAML to JSON:" {
			continue
		}
		line := before + 1
		if m := yamlLine.FindStringSubmatchIndex(message); m != nil {
			if n, err := strconv.Atoi(message[m[2]:m[3]]); err == nil {
				line = before + n
			}
			message = message[:m[0]] + message[m[1]:]
		}
		message = strings.TrimPrefix(message, "error converting YAML to JSON: ")
		message = strings.TrimPrefix(message, "yaml: ")
		faults = append(faults, v1.Fault{At: fmt.Sprintf("%s:%d", file, line), Reason: message})
	}
	return faults
}
