package main

import (
	"encoding/json"
	"strings"

	"sigs.k8s.io/yaml"
)

// specLines is a spec as the lines of its YAML.
func specLines(spec json.RawMessage) []string {
	if len(spec) == 0 {
		return nil
	}
	text, err := yaml.JSONToYAML(spec)
	if err != nil {
		text = spec
	}
	return strings.Split(strings.TrimRight(string(text), "\n"), "\n")
}

// diffContext is how many unchanged lines stand around a change.
const diffContext = 2

// diff compares two lists of lines: "+ " added, "- " removed, "  " as it was.
// Unchanged lines far from any change are left out.
func diff(before, after []string) []string {
	if len(before) > maxDiffLines || len(after) > maxDiffLines {
		return append(prefixed("- ", before), prefixed("+ ", after)...)
	}
	return trimmed(script(before, after))
}

func prefixed(sign string, lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = sign + l
	}
	return out
}

// script is the whole comparison, by the longest common subsequence.
func script(a, b []string) []string {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []string
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			out = append(out, "  "+a[i])
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[j])
			j++
		}
	}
	out = append(out, prefixed("- ", a[i:])...)
	return append(out, prefixed("+ ", b[j:])...)
}

// trimmed keeps changes and the lines next to them.
func trimmed(all []string) []string {
	keep := make([]bool, len(all))
	for i, line := range all {
		if line[0] == ' ' {
			continue
		}
		for k := max(0, i-diffContext); k <= min(len(all)-1, i+diffContext); k++ {
			keep[k] = true
		}
	}
	var out []string
	gap := false
	for i, line := range all {
		if !keep[i] {
			gap = true
			continue
		}
		if gap && len(out) > 0 {
			out = append(out, "  ...")
		}
		gap = false
		out = append(out, line)
	}
	return out
}
