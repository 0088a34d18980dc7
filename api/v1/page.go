package v1

// Page is one page of a list.
type Page[T any] struct {
	// Items may be empty though Next is not: filters are applied to what one
	// request may read.
	Items []T `json:"items" nullable:"false" doc:"at most limit items"`
	// Next is opaque.
	Next string `json:"next,omitempty" doc:"cursor of the next page; absent at the end"`
}
