package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// say speaks to the person at the terminal. All of it goes to standard error:
// standard output is data. Every sentence of the program is in this file and
// in say_fail.go; the other files only choose among them.
type say struct {
	in  *bufio.Reader
	err io.Writer
	// asks: a person can answer a question.
	asks bool
	// errTerminal, outTerminal: the stream is a terminal.
	errTerminal bool
	noColour    bool
	// errColour and outColour allow colour on either stream.
	errColour, outColour bool
	verbose              bool
}

func newSay(in io.Reader, err io.Writer, noColour bool) *say {
	return &say{
		in: bufio.NewReader(in), err: err, noColour: noColour,
		asks: isTerminal(in) && isTerminal(err), errTerminal: isTerminal(err),
		errColour: isTerminal(err) && !noColour,
	}
}

// begin applies the global flags.
func (s *say) begin(g globals, out io.Writer) {
	s.verbose = g.verbose
	s.asks = s.asks && !g.noInput
	switch g.colour {
	case "always":
		s.errColour, s.outColour = true, true
	case "never":
		s.errColour, s.outColour = false, false
	default:
		s.outColour = isTerminal(out) && !s.noColour
	}
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// note tells what happened.
func (s *say) note(format string, args ...any) {
	fmt.Fprintln(s.err, printable(fmt.Sprintf(format, args...)))
}

// detail tells more, with -v.
func (s *say) detail(format string, args ...any) {
	if s.verbose {
		s.note(format, args...)
	}
}

// warn tells what a person should know before going on.
func (s *say) warn(format string, args ...any) {
	fmt.Fprintln(s.err, paint(s.errColour, yellow, "warning:")+" "+printable(fmt.Sprintf(format, args...)))
}

// failed tells why the command failed and what to do next.
func (s *say) failed(f *failure) {
	if f.quiet {
		return
	}
	fmt.Fprintln(s.err, paint(s.errColour, red, "error:")+" "+printable(f.what))
	for _, fault := range f.faults {
		// The only fault is often the message itself.
		if len(f.faults) == 1 && strings.HasSuffix(f.what, fault.Reason) {
			continue
		}
		fmt.Fprintln(s.err, "  "+printable(fault.At+": "+fault.Reason))
	}
	if f.next != "" {
		fmt.Fprintln(s.err, "  next: "+printable(f.next))
	}
}

// errNobody: a question was needed and nobody is there to answer.
var errNobody = errors.New("nobody to ask")

// confirm asks yes or no; anything but yes is no.
func (s *say) confirm(question string) (bool, error) {
	if !s.asks {
		return false, errNobody
	}
	fmt.Fprint(s.err, printable(question)+" [y/N] ")
	answer, err := s.in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// ask asks for a value; an empty answer is the default.
func (s *say) ask(question, otherwise string) (string, error) {
	if !s.asks {
		return "", errNobody
	}
	fmt.Fprint(s.err, printable(question))
	if otherwise != "" {
		fmt.Fprint(s.err, " ["+printable(otherwise)+"]")
	}
	fmt.Fprint(s.err, ": ")
	answer, err := s.in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	if answer = strings.TrimSpace(answer); answer == "" {
		return otherwise, nil
	}
	return answer, nil
}

// Colours of a terminal.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	grey   = "90"
)

func paint(on bool, colour, text string) string {
	if !on || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// printable replaces what could steer a terminal: control and direction-changing
// characters in names that came from outside. Line feeds stay.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}
