package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	v1 "github.com/assay-pki/assay/api/v1"
)

// pages reads a list to its end, page by page. After an error it ends.
func pages[T any](ctx context.Context, c *Client, path string, query url.Values, size int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		q := url.Values{}
		for k, v := range query {
			q[k] = v
		}
		q.Set("limit", strconv.Itoa(size))
		for {
			var page v1.Page[T]
			if err := c.do(ctx, call{method: http.MethodGet, path: path, query: q}, &page); err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			// A cursor that does not move would be read for ever.
			if page.Next == "" || page.Next == q.Get("cursor") {
				return
			}
			q.Set("cursor", page.Next)
		}
	}
}

// filter makes query values of what is set.
func filter(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// segment escapes one path segment, slashes included.
func segment(s string) string { return "/" + url.PathEscape(s) }

// get is a GET of one object.
func get[T any](ctx context.Context, c *Client, path string) (T, error) {
	var out T
	err := c.do(ctx, call{method: http.MethodGet, path: path}, &out)
	return out, err
}

// post is a POST with a body.
func post[T any](ctx context.Context, c *Client, path string, query url.Values, body any) (T, error) {
	var out T
	err := c.do(ctx, call{method: http.MethodPost, path: path, query: query, body: body}, &out)
	return out, err
}
