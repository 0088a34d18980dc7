package attest_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/assay-pki/assay/enroll/attest"
)

const page = "../../docs/EVIDENCE.md"

var (
	annotated    = regexp.MustCompile("(?s)<!-- vector: ([^>]*) -->\n```\n(.*?)```")
	attributeSet = regexp.MustCompile("The request carries it as `([0-9a-f ]*)`")
	signedHead   = regexp.MustCompile("signed in the example: `([0-9a-f ]*)`")
)

// TestPageShowsTheVector holds the annotated example against the vector that
// it names.
func TestPageShowsTheVector(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	example := annotated.FindSubmatch(text)
	if example == nil {
		t.Fatalf("%s has no annotated vector", page)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(example[2])) {
		octets, _, _ := strings.Cut(line, "#")
		digits.WriteString(strings.TrimSpace(octets))
	}
	v := published(t, string(example[1]))
	if digits.String() != v.Attribute {
		t.Errorf("the example of %s is not the vector:\n got %s\nwant %s", page, digits.String(), v.Attribute)
	}
	value := unhex(t, v.Attribute)
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(attest.AttestationOID())
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(value) })
	})
	head := hex.EncodeToString(bytes.TrimSuffix(b.BytesOrPanic(), value))
	toSign := encode(t, []any{"Signature1", []byte(protectedES256), []byte{}, make([]byte, 215)})
	for name, c := range map[string]struct {
		in   *regexp.Regexp
		want string
	}{
		"the head of the attribute":      {attributeSet, head},
		"the head of what the key signs": {signedHead, hex.EncodeToString(toSign[:len(toSign)-215])},
	} {
		match := c.in.FindSubmatch(text)
		if match == nil {
			t.Errorf("%s does not show %s", page, name)
		} else if got := strings.ReplaceAll(string(match[1]), " ", ""); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func published(t *testing.T, name string) vector {
	t.Helper()
	for _, v := range readVectors(t, "accepted.json") {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("there is no vector %q", name)
	return vector{}
}

// TestPageNamesTheNumbers: profiles and object identifiers are those of the
// code.
func TestPageNamesTheNumbers(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{profileSelf, profileStation, attest.OIDAttestation, attest.TypeCMW, attest.TypeTCGCMW} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s does not name %s", page, want)
		}
	}
}
