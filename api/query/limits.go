package query

// The limits of a query: a page of 1,000 devices stays cheap to judge, and a
// person can still read what was asked.
const (
	// MaxBytes bounds the text.
	MaxBytes = 2 << 10
	// maxTerms bounds the comparisons.
	maxTerms = 32
	// maxDepth bounds the nesting of parentheses, and so the recursion.
	maxDepth = 8
	// maxValues bounds the values of all terms together.
	maxValues = 1000
	// minDigestDigits makes the beginning of a digest worth looking for.
	minDigestDigits = 8
	// maxDigestDigits are those of SHA-256.
	maxDigestDigits = 64
	// maxLabel bounds the NAME of attr.NAME and its like, as in documents.
	maxLabel = 32
)
