package main

import (
	"encoding/json"
	"fmt"
	"iter"

	"github.com/spf13/pflag"
)

// limitFlag is --limit of lists.
func limitFlag(f *pflag.FlagSet, limit *int) {
	f.IntVar(limit, "limit", defaultListLimit, "show at most so many; 0: all")
}

// showList prints an iterator of the API. JSON lines are written as they come;
// the other formats need the whole list. row turns an item into its name and
// cells.
func showList[T any](a *app, items iter.Seq2[T, error], limit int, columns []string, row func(T) (string, []string)) error {
	s := sheet{columns: columns}
	stream := json.NewEncoder(a.out)
	stream.SetEscapeHTML(false)
	shown := 0
	for item, err := range items {
		if err != nil {
			return err
		}
		if limit > 0 && shown == limit {
			a.say.more(limit)
			break
		}
		shown++
		if a.flags.output == "jsonl" {
			if err := stream.Encode(item); err != nil {
				return fmt.Errorf("write the output: %w", err)
			}
			continue
		}
		name, cells := row(item)
		s.add(item, name, cells...)
	}
	if shown == 0 {
		a.say.empty()
	}
	if a.flags.output == "jsonl" {
		return nil
	}
	return a.show(s)
}
