package profile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Units of documents beyond those of package time. A year is 365 days.
const (
	Day  = 24 * time.Hour
	Year = 365 * Day
)

var namePattern = regexp.MustCompile(`\A[a-z0-9][a-z0-9-]{0,31}\z`)

// IsName tells whether s can name a document: ^[a-z0-9][a-z0-9-]{0,31}$.
func IsName(s string) bool { return namePattern.MatchString(s) }

// Duration is written as one whole number and one unit: 90s 15m 12h 90d 10y.
type Duration time.Duration

var durationUnits = []struct {
	letter byte
	size   time.Duration
}{{'y', Year}, {'d', Day}, {'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}}

// ParseDuration reads a duration of whole seconds, not negative.
func ParseDuration(s string) (Duration, error) {
	fault := fmt.Errorf("%q is not a duration: write a whole number and a unit, as 90s, 15m, 12h, 90d or 10y", s)
	if len(s) < 2 || len(s) > 20 {
		return 0, fault
	}
	digits, letter := s[:len(s)-1], s[len(s)-1]
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || digits[0] == '+' {
		return 0, fault
	}
	for _, u := range durationUnits {
		if u.letter != letter {
			continue
		}
		if n > uint64(1<<63-1)/uint64(u.size) {
			return 0, fmt.Errorf("%q is too long a duration", s)
		}
		return Duration(time.Duration(n) * u.size), nil
	}
	return 0, fault
}

// String prints the duration in the greatest unit that divides it; nothing
// below a second is printed.
func (d Duration) String() string {
	if d == 0 {
		return "0d"
	}
	for _, u := range durationUnits {
		if time.Duration(d)%u.size == 0 {
			return strconv.FormatInt(int64(time.Duration(d)/u.size), 10) + string(u.letter)
		}
	}
	return strconv.FormatInt(int64(time.Duration(d)/time.Second), 10) + "s"
}

// MarshalText prints it as String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads it as ParseDuration does.
func (d *Duration) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDuration(string(b))
	return err
}

// Share is a part of a whole in hundredths of a percent, written N% or N.NN%.
type Share uint16

// Whole is 100%.
const Whole Share = 100_00

// ParseShare reads a share of 0% to 100%, with at most two decimals.
func ParseShare(s string) (Share, error) {
	fault := fmt.Errorf("%q is not a share: write a number from 0 to 100 and a percent sign, as 5%%", s)
	number, ok := strings.CutSuffix(s, "%")
	if !ok {
		return 0, fault
	}
	whole, decimals, dot := strings.Cut(number, ".")
	if whole == "" || len(whole) > 3 || len(decimals) > 2 || dot && decimals == "" {
		return 0, fault
	}
	for len(decimals) < 2 {
		decimals += "0"
	}
	n, err := strconv.ParseUint(whole+decimals, 10, 16)
	if err != nil || whole[0] == '+' || Share(n) > Whole {
		return 0, fault
	}
	return Share(n), nil
}

// String prints the share without needless decimals.
func (s Share) String() string {
	whole, rest := s/100, s%100
	switch {
	case rest == 0:
		return fmt.Sprintf("%d%%", whole)
	case rest%10 == 0:
		return fmt.Sprintf("%d.%d%%", whole, rest/10)
	}
	return fmt.Sprintf("%d.%02d%%", whole, rest)
}

// Fraction is the share as 0…1.
func (s Share) Fraction() float64 { return float64(s) / float64(Whole) }

// MarshalText prints it as String does.
func (s Share) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads it as ParseShare does.
func (s *Share) UnmarshalText(b []byte) (err error) {
	*s, err = ParseShare(string(b))
	return err
}
