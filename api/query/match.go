package query

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"
)

// Match tells whether a device is one of those that were asked for. What the
// device's record does not say is looked up at the source, in the order of the
// query, and no more of it than the answer needs. An error is the source's, or
// that of a certificate which does not parse.
func (q *Query) Match(ctx context.Context, s Subject) (bool, error) {
	if q.root == nil {
		return true, nil
	}
	return q.root.match(ctx, &view{Subject: &s})
}

func (n *node) match(ctx context.Context, v *view) (bool, error) {
	switch n.what {
	case isTerm:
		return n.term.match(ctx, v)
	case isNot:
		yes, err := n.kids[0].match(ctx, v)
		return !yes && err == nil, err
	}
	decides := n.what == isAny // the first kid of this outcome decides
	for _, kid := range n.kids {
		yes, err := kid.match(ctx, v)
		if err != nil {
			return false, err
		}
		if yes == decides {
			return decides, nil
		}
	}
	return !decides, nil
}

func (t *term) match(ctx context.Context, v *view) (bool, error) {
	holds := t.holds
	if t.field.kind.ordered() {
		holds = t.compares
	}
	yes, err := holds(ctx, v)
	if err != nil {
		return false, err
	}
	return yes != (t.op == notEqual), nil
}

// holds tells whether a text field has one of the values; != is its negation.
func (t *term) holds(ctx context.Context, v *view) (bool, error) {
	list, err := t.field.texts(ctx, v, t.name)
	if err != nil {
		return false, err
	}
	for _, got := range list {
		if t.op == like && len(t.texts) > 0 && glob(t.texts[0], got) || t.op != like && slices.Contains(t.texts, got) {
			return true, nil
		}
	}
	if len(t.prefixes) == 0 {
		return false, nil
	}
	if list, err = digests(ctx, v); err != nil {
		return false, err
	}
	for _, got := range list {
		for _, prefix := range t.prefixes {
			if t.op == like && glob(prefix, got) || t.op != like && strings.HasPrefix(got, prefix) {
				return true, nil
			}
		}
	}
	return false, nil
}

// compares is holds of an ordered field.
func (t *term) compares(ctx context.Context, v *view) (bool, error) {
	got, ok, err := t.field.rank(ctx, v, t.name)
	if err != nil || !ok {
		return false, err
	}
	switch t.op {
	case less:
		return got < t.ranks[0], nil
	case lessEqual:
		return got <= t.ranks[0], nil
	case greater:
		return got > t.ranks[0], nil
	case greaterEqual:
		return got >= t.ranks[0], nil
	}
	return slices.Contains(t.ranks, got), nil
}

// glob matches the whole of s: * is any characters, ? is one. Going back to the
// last * only keeps it from taking exponential time.
func glob(pattern, s string) bool {
	star, from := -1, 0
	p, i := 0, 0
	for i < len(s) {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && pattern[p] == '?':
			p++
			i += size
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			_, size := utf8.DecodeRuneInString(s[from:])
			from += size
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
