// Package query is the language in which devices are chosen: by the CLI's
// --query, the API and the console. No promise of stability is made for it.
//
//	query = and { "or" and } .   and = unary { [ "and" ] unary } .   unary = [ "not" ] ( "(" query ")" | term ) .
//	term  = field op value { "," value } .      op = "=" | "!=" | "~" | "<" | "<=" | ">" | ">=" .
//
// Space between the parts does not count; side by side means and; not binds
// closest, then and, then or. A value is bare (no space ( ) " ,) or in double
// quotes, with \" and \\. a,b is any of them (!= : none of them; not with < > ~).
// ~ is a glob of * and ?, anchored. Case counts.
//
// A field that the device lacks matches no op but !=, and not. A field that it
// has several times (firmware of two components) matches when one of them does.
//
// It promises that a query that parses can be judged: unknown fields, words that
// a field never has, and ops that it does not know are faults with their column.
//
//	q, err := query.Parse(`product=sensor-s1 not_after<+7d`, time.Now())
//	...
//	found, err := q.Match(ctx, query.Subject{Device: device, Source: source})
//
// A Query is immutable and safe for concurrent use.
package query
