package manifest

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// column is one that a file may have.
type column struct {
	name string
	// set puts a value that is not empty; it returns what is wrong with it.
	set func(c *check, e *store.Expectation, value string) (reason string)
}

const attrPrefix = "attr."

var attrName = regexp.MustCompile(`\A[a-z0-9_]{1,32}\z`)

// columnOf finds a column by its name.
func columnOf(name string) (column, bool) {
	for i := range known {
		if known[i].name == name {
			return known[i], true
		}
	}
	attr, ok := strings.CutPrefix(name, attrPrefix)
	if !ok || !attrName.MatchString(attr) {
		return column{}, false
	}
	return column{name, func(_ *check, e *store.Expectation, value string) string {
		if utf8.RuneCountInString(value) > maxAttribute {
			return fmt.Sprintf("at most %d characters", maxAttribute)
		}
		e.Attributes = append(e.Attributes, store.Attribute{Name: attr, Value: value})
		return ""
	}}, true
}

// known are the columns but the attributes.
var known = columns()

func columns() []column {
	return []column{
		{"serial", setSerial},
		{"vendor_id", setVendorID},
		{"public_key_sha256", func(_ *check, e *store.Expectation, v string) string {
			return setDigest(&e.KeySHA256, v)
		}},
		{"ak_name", setAKName},
		{"dice_key_sha256", func(_ *check, e *store.Expectation, v string) string {
			return setDigest(&e.DICEKeySHA256, v)
		}},
		{"eat_id", setEATID},
		{"site", func(c *check, e *store.Expectation, v string) string {
			return setPlace(&e.Site, v, c.rules.Site, "site")
		}},
		{"line", func(c *check, e *store.Expectation, v string) string {
			return setPlace(&e.Line, v, c.rules.Line, "line")
		}},
	}
}

func columnNames() string {
	var names []string
	for i := range known {
		names = append(names, known[i].name)
	}
	return strings.Join(names, " ") + " " + attrPrefix + "NAME"
}

// put checks the form of a value and sets it; an empty one is absent.
func (c *check) put(col *column, e *store.Expectation, value string) (reason string) {
	if value == "" {
		return ""
	}
	if reason := formFault(value); reason != "" {
		return reason
	}
	return col.set(c, e, value)
}

// formFault says why text cannot be a value at all.
func formFault(s string) string {
	if !utf8.ValidString(s) {
		return "not UTF-8"
	}
	first, _ := utf8.DecodeRuneInString(s)
	last, _ := utf8.DecodeLastRuneInString(s)
	if unicode.IsSpace(first) || unicode.IsSpace(last) {
		return "spaces around the value"
	}
	for _, r := range s {
		if ' ' <= r && r <= '~' {
			continue
		}
		// U+FFFD is what JSON makes of half a character.
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return fmt.Sprintf("a character that is not printable, U+%04X", r)
		}
	}
	return ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func setSerial(c *check, e *store.Expectation, v string) string {
	switch {
	case len(v) > maxSerial || !isASCII(v):
		return fmt.Sprintf("a serial number is at most %d printable ASCII characters", maxSerial)
	case c.rules.SerialOK != nil && !c.rules.SerialOK(v):
		return fmt.Sprintf("%q does not match the product's serial_pattern", v)
	}
	if first, twice := c.serials[v]; twice {
		return fmt.Sprintf("%q is in the file already, on line %d", v, first)
	}
	c.serials[v] = uint32(c.line)
	e.Serial = v
	return ""
}

func setVendorID(c *check, e *store.Expectation, v string) string {
	if len(v) > maxVendorID || !isASCII(v) {
		return fmt.Sprintf("at most %d printable ASCII characters", maxVendorID)
	}
	if first, twice := c.vendors[v]; twice {
		return fmt.Sprintf("%q is in the file already, on line %d", v, first)
	}
	c.vendors[v] = uint32(c.line)
	e.VendorID = v
	return ""
}

func setDigest(to *[]byte, v string) string {
	b, err := hex.DecodeString(v)
	if err != nil || len(b) != 32 {
		return "64 hexadecimal digits, a SHA-256"
	}
	*to = b
	return ""
}

// setAKName reads a Name of TPM 2.0, part 1, §16: the algorithm of the digest,
// then the digest.
func setAKName(_ *check, e *store.Expectation, v string) string {
	b, err := hex.DecodeString(v)
	if err != nil || len(b) < 2 {
		return "a TPM Name in hexadecimal: 000b and a SHA-256, 68 digits"
	}
	size := map[string]int{"\x00\x0b": 32, "\x00\x0c": 48, "\x00\x0d": 64}[string(b[:2])]
	if size == 0 {
		return fmt.Sprintf("nameAlg %x is not SHA-256 (000b), SHA-384 (000c) or SHA-512 (000d)", b[:2])
	}
	if len(b) != 2+size {
		return fmt.Sprintf("a TPM Name of nameAlg %x has %d digits, not %d", b[:2], 2*(2+size), len(v))
	}
	e.AKName = b
	return ""
}

func setEATID(_ *check, e *store.Expectation, v string) string {
	b, err := hex.DecodeString(v)
	if err != nil || len(b) < minEATID || len(b) > maxEATID {
		return fmt.Sprintf("a UEID or PSA instance id: %d to %d hexadecimal digits", 2*minEATID, 2*maxEATID)
	}
	e.EATID = b
	return ""
}

// setPlace sets a site or line, which must be the batch's when that has one.
func setPlace(to *string, v, batch, what string) string {
	switch {
	case v == batch:
		*to = batch // one string for all rows
		return ""
	case batch != "":
		return fmt.Sprintf("%q is not the batch's %s, %s", v, what, batch)
	case !profile.IsName(v):
		return fmt.Sprintf("a %s is 1 to 32 of a-z, 0-9 and -", what)
	}
	*to = v
	return ""
}
