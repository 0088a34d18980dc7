package query

import (
	"time"
)

// Query is a parsed query.
type Query struct {
	root    *node // nil: every device
	product string
}

// node is one of: a term, all of, any of, not.
type node struct {
	what nodeKind
	kids []*node // one of not
	term *term
}

type nodeKind uint8

const (
	isTerm nodeKind = iota
	isAll
	isAny
	isNot
)

// Parse reads a query. now is what -30d and +12h count from; a command takes it
// once. The error is an *Error. A query without terms matches every device.
func Parse(text string, now time.Time) (*Query, error) {
	p := parser{scanner: scanner{text: text}, now: now}
	if err := p.check(); err != nil {
		return nil, err
	}
	if p.peek() == 0 {
		return &Query{}, nil
	}
	root, err := p.any()
	if err != nil {
		return nil, err
	}
	if p.peek() != 0 {
		return nil, p.unexpected()
	}
	return &Query{root: root, product: productOf(root)}, nil
}

// Empty tells whether there is no term: acts by query refuse it.
func (q *Query) Empty() bool { return q.root == nil }

// Product returns the product that every match is of, when the query names one.
func (q *Query) Product() (string, bool) { return q.product, q.product != "" }

// productOf looks for product=NAME beside which nothing else can match.
func productOf(n *node) string {
	switch {
	case n.what == isTerm && n.term.field.name == "product" && n.term.op == equal && len(n.term.texts) == 1:
		return n.term.texts[0]
	case n.what == isAll:
		for _, kid := range n.kids {
			if name := productOf(kid); name != "" {
				return name
			}
		}
	}
	return ""
}

type parser struct {
	scanner
	now                  time.Time
	terms, depth, values int
}

// any = all { "or" all }.
func (p *parser) any() (*node, *Error) {
	return p.list(isAny, p.all, func() bool { return p.keyword("or") })
}

// all = unary { [ "and" ] unary }.
func (p *parser) all() (*node, *Error) {
	return p.list(isAll, p.unary, func() bool { return p.keyword("and") || p.unaryAhead() })
}

func (p *parser) list(what nodeKind, item func() (*node, *Error), more func() bool) (*node, *Error) {
	first, err := item()
	if err != nil {
		return nil, err
	}
	n := &node{what: what, kids: []*node{first}}
	for more() {
		kid, err := item()
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, kid)
	}
	if len(n.kids) == 1 {
		return first, nil
	}
	return n, nil
}

// unaryAhead tells whether another condition stands beside the last.
func (p *parser) unaryAhead() bool {
	word := p.word()
	return p.peek() == '(' || word != "" && word != "and" && word != "or"
}

// unary = [ "not" ] ( "(" query ")" | term ).
func (p *parser) unary() (*node, *Error) {
	if p.keyword("not") {
		n, err := p.group()
		if err != nil {
			return nil, err
		}
		return &node{what: isNot, kids: []*node{n}}, nil
	}
	return p.group()
}

func (p *parser) group() (*node, *Error) {
	p.skip()
	start := p.at
	if !p.take('(') {
		return p.readTerm()
	}
	if p.depth++; p.depth > maxDepth {
		return nil, p.faultAt(start, "nested deeper than %d", maxDepth)
	}
	n, err := p.any()
	if err != nil {
		return nil, err
	}
	if p.peek() == 0 {
		return nil, p.faultAt(start, "( without )")
	}
	if !p.take(')') {
		return nil, p.unexpected()
	}
	p.depth--
	return n, nil
}

// unexpected is the fault of what stands where a condition should end or begin.
func (p *parser) unexpected() *Error {
	switch c := p.peek(); {
	case c == 0:
		return p.faultAt(p.at, "a condition is missing, as state=active")
	case c == ')':
		return p.faultAt(p.at, ") without (")
	case 'A' <= c && c <= 'Z':
		return p.faultAt(p.at, "fields and words are in lower case")
	case c == ',':
		return p.faultAt(p.at, "a , stands between the values of one field only")
	}
	return p.faultAt(p.at, "a field is wanted here, as in state=active")
}

// readTerm reads field op value { "," value }.
func (p *parser) readTerm() (*node, *Error) {
	name := p.word()
	start := p.at
	if name == "" || name == "and" || name == "or" || name == "not" {
		return nil, p.unexpected()
	}
	if p.terms++; p.terms > maxTerms {
		return nil, p.faultAt(start, "more than %d terms", maxTerms)
	}
	t, err := p.lookUp(name)
	if err != nil {
		return nil, err
	}
	p.at += len(name)
	if err := p.readOp(t); err != nil {
		return nil, err
	}
	for first := true; first || p.peek() == ','; first = false {
		if !first && t.single() {
			return nil, p.faultAt(p.at, "%s takes one value; a list goes with = and != only", t.op)
		}
		if !first {
			p.take(',')
		}
		if err := p.readValue(t); err != nil {
			return nil, err
		}
	}
	return &node{what: isTerm, term: t}, nil
}

func (p *parser) readOp(t *term) *Error {
	p.skip()
	start := p.at
	t.op = p.op()
	switch {
	case t.op == "":
		return p.faultAt(start, "%s wants one of = != ~ < <= > >= and a value", t.field.shown())
	case t.op == like && t.field.kind.ordered():
		return p.faultAt(start, "~ is for texts; %s has = != < <= > >=", t.field.shown())
	case t.single() && t.op != like && !t.field.kind.ordered():
		return p.faultAt(start, "%s has no order; it has = != ~", t.field.shown())
	}
	return nil
}

func (p *parser) readValue(t *term) *Error {
	p.skip()
	start := p.at
	s, err := p.value()
	if err != nil {
		return err
	}
	if p.values++; p.values > maxValues {
		return p.faultAt(start, "more than %d values", maxValues)
	}
	near, why := t.add(s, p.now)
	if why != "" {
		err = p.faultAt(start, "%s", why)
		err.Near = near
	}
	return err
}
