package query

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error is the first fault of a query.
type Error struct {
	// Column counts characters from 1.
	Column int
	// Reason says what is wrong.
	Reason string
	// Near is the nearest field or word; empty when there is nothing to guess.
	Near string
}

// Error says where, what, and what may have been meant.
func (e *Error) Error() string {
	s := fmt.Sprintf("column %d: %s", e.Column, e.Reason)
	if e.Near != "" {
		s += fmt.Sprintf("; did you mean %s?", e.Near)
	}
	return s
}

// scanner reads a query from left to right. at is an offset in octets.
type scanner struct {
	text string
	at   int
}

// faultAt is an *Error at an offset.
func (s *scanner) faultAt(offset int, format string, args ...any) *Error {
	return &Error{Column: utf8.RuneCountInString(s.text[:offset]) + 1, Reason: fmt.Sprintf(format, args...)}
}

func (s *scanner) skip() {
	for s.at < len(s.text) && isSpace(s.text[s.at]) {
		s.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// peek is the next octet after space; 0 at the end.
func (s *scanner) peek() byte {
	s.skip()
	if s.at == len(s.text) {
		return 0
	}
	return s.text[s.at]
}

// take reads an octet if it is the next.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

func isFieldStart(c byte) bool { return 'a' <= c && c <= 'z' }

// isField: names of components may hold -, which no op begins with.
func isField(c byte) bool {
	return isFieldStart(c) || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-'
}

// word is the field name or keyword ahead; empty when there is none.
func (s *scanner) word() string {
	if !isFieldStart(s.peek()) {
		return ""
	}
	end := s.at
	for end < len(s.text) && isField(s.text[end]) {
		end++
	}
	return s.text[s.at:end]
}

// keyword reads and, or or not.
func (s *scanner) keyword(word string) bool {
	if s.word() != word {
		return false
	}
	s.at += len(word)
	return true
}

// The ops.
const (
	equal        = "="
	notEqual     = "!="
	like         = "~"
	less         = "<"
	lessEqual    = "<="
	greater      = ">"
	greaterEqual = ">="
)

// op reads an op; empty when there is none.
func (s *scanner) op() string {
	s.skip()
	for _, op := range [...]string{notEqual, lessEqual, greaterEqual, equal, like, less, greater} {
		if strings.HasPrefix(s.text[s.at:], op) {
			s.at += len(op)
			return op
		}
	}
	return ""
}

// value reads a bare or quoted value.
func (s *scanner) value() (string, *Error) {
	if s.peek() == '"' {
		return s.quoted()
	}
	start := s.at
	for s.at < len(s.text) && !isSpace(s.text[s.at]) && !strings.ContainsRune(`()",`, rune(s.text[s.at])) {
		s.at++
	}
	if s.at == start {
		return "", s.faultAt(start, `a value is missing; one that is empty or holds space ( ) " or , stands in quotes`)
	}
	return s.text[start:s.at], nil
}

func (s *scanner) quoted() (string, *Error) {
	start := s.at
	s.at++
	var b strings.Builder
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch c {
		case '"':
			return b.String(), nil
		case '\\':
			if s.at == len(s.text) || s.text[s.at] != '"' && s.text[s.at] != '\\' {
				return "", s.faultAt(s.at-1, `after \ in quotes there is " or \ only`)
			}
			b.WriteByte(s.text[s.at])
			s.at++
		default:
			b.WriteByte(c)
		}
	}
	return "", s.faultAt(start, "the quotes are not closed")
}

// check refuses what no query holds, before it is read.
func (s *scanner) check() *Error {
	if len(s.text) > MaxBytes {
		return s.faultAt(0, "the query is longer than %d bytes", MaxBytes)
	}
	for i, r := range s.text {
		_, size := utf8.DecodeRuneInString(s.text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return s.faultAt(i, "not UTF-8")
		case unicode.IsControl(r) && !isSpace(byte(min(r, utf8.RuneSelf))):
			return s.faultAt(i, "a control character")
		}
	}
	return nil
}
