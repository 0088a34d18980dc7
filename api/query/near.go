package query

// alias is what people write for a field of another name.
func alias(name string) string {
	switch name {
	case "enrolled", "enroled", "issued":
		return "activated"
	case "expires", "expired", "expiry", "notafter", "valid_until":
		return "not_after"
	case "status":
		return "state"
	case "version", "fw", "hash", "digest":
		return "firmware"
	case "sn", "id", "device", "name":
		return "serial"
	case "last_seen", "presented":
		return "seen"
	case "ou", "roles":
		return "role"
	case "attribute", "attributes", "tag", "label":
		return "attr.NAME"
	case "ca":
		return "issuer"
	case "order":
		return "batch"
	case "factory":
		return "site"
	}
	return ""
}

// nearest returns the word that takes the fewest changes; the first of equals.
func nearest(word string, words []string) string {
	best, least := "", 1<<30
	for _, w := range words {
		if n := distance(word, w); n < least {
			best, least = w, n
		}
	}
	return best
}

// distance is Levenshtein's, where two neighbours that changed places count
// one. Words beyond the longest field are cut: they are near to nothing.
func distance(a, b string) int {
	a, b = a[:min(len(a), maxLabel)], b[:min(len(b), maxLabel)]
	var before, last, row [maxLabel + 1]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			changed := last[j]
			if a[i] != b[j] {
				changed++
			}
			row[j+1] = min(changed, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
