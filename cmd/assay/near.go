package main

import "strings"

// nearest is the known word that somebody probably meant, or "". Case is not
// counted; more than a third of the letters wrong is no guess.
func nearest(word string, known []string) string {
	best, found := len(word)/3+1, ""
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < best || (d == best && found == "") {
			best, found = d, k
		}
	}
	return found
}

// distance is Levenshtein's, over octets.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
