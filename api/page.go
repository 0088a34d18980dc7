package api

import (
	"context"
	"encoding/base64"
	"encoding/json"

	v1 "github.com/assay-pki/assay/api/v1"
)

// PageQuery is what every list takes. It is exported for huma, which sees
// exported fields only.
type PageQuery struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"at most so many items"`
	Cursor string `query:"cursor" maxLength:"512" doc:"next of the page before"`
}

// pageOut is a page as an answer.
type pageOut[T any] struct {
	Body v1.Page[T]
}

// list reads records of type R by a key of type K, and makes items of type T of
// those it keeps.
type list[K, R, T any] struct {
	// read returns at most n records strictly after a key, in order.
	read func(ctx context.Context, after K, n int) ([]R, error)
	key  func(R) K
	// keep tells whether a record is in the list, and whether any after it can
	// be; nil keeps all.
	keep func(R) (in, more bool)
	// match is asked about what keep keeps; nil takes all of it.
	match func(ctx context.Context, r R) (bool, error)
	item  func(R) (T, error)
}

// page reads from where the cursor says, from start without one. It reads at
// most maxScanned records: what is left of a filtered list comes with the next
// cursor.
func (l list[K, R, T]) page(ctx context.Context, in PageQuery, start K) (*pageOut[T], error) {
	after, err := decodeCursor(in.Cursor, start)
	if err != nil {
		return nil, err
	}
	limit := min(max(in.Limit, 1), maxLimit)
	out := &pageOut[T]{Body: v1.Page[T]{Items: []T{}}}
	for scanned := 0; scanned < maxScanned; {
		want := limit - len(out.Body.Items)
		if l.keep != nil || l.match != nil {
			want = max(want, chunk)
		}
		records, err := l.read(ctx, after, want)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			in, more := true, true
			if l.keep != nil {
				in, more = l.keep(r)
			}
			if !more {
				return out, nil
			}
			after = l.key(r)
			if in && l.match != nil {
				if in, err = l.match(ctx, r); err != nil {
					return nil, err
				}
			}
			if !in {
				continue
			}
			item, err := l.item(r)
			if err != nil {
				return nil, err
			}
			if out.Body.Items = append(out.Body.Items, item); len(out.Body.Items) == limit {
				out.Body.Next = encodeCursor(after)
				return out, nil
			}
		}
		if len(records) < want {
			return out, nil
		}
		scanned += len(records)
	}
	out.Body.Next = encodeCursor(after)
	return out, nil
}

// A cursor is the last key that was read: it stays good when records come and
// go. It is not signed: whatever it says, the caller's grant filters.
func encodeCursor(key any) string {
	b, err := json.Marshal(key)
	if err != nil {
		panic("a cursor's key has no JSON: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func decodeCursor[K any](cursor string, start K) (K, error) {
	if cursor == "" {
		return start, nil
	}
	var key K
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if len(cursor) > maxCursor || err != nil || json.Unmarshal(b, &key) != nil {
		return start, &v1.Refusal{
			Reason: v1.BadQuery, Detail: "the cursor is not one of this list",
			Next: "take next of the page before, or begin without a cursor",
		}
	}
	return key, nil
}

// whole pages a list that is in memory.
func whole[T any](in PageQuery, all []T) (*pageOut[T], error) {
	from, err := decodeCursor(in.Cursor, 0)
	if err != nil {
		return nil, err
	}
	from = min(max(from, 0), len(all))
	to := min(from+min(max(in.Limit, 1), maxLimit), len(all))
	out := &pageOut[T]{Body: v1.Page[T]{Items: append([]T{}, all[from:to]...)}}
	if to < len(all) {
		out.Body.Next = encodeCursor(to)
	}
	return out, nil
}
