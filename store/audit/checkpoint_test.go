package audit

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func TestNewLogKeyRefusesNamesThatCannotBeRead(t *testing.T) {
	for _, name := range []string{"", "assay 1", "assay+1"} {
		if _, _, err := NewLogKey(new(counter), name); !errors.Is(err, ErrKey) {
			t.Errorf("NewLogKey(%q) = %v, want ErrKey", name, err)
		}
	}
}

func TestVerifierKey(t *testing.T) {
	// Many keys: base64 of some has a plus sign, which is the separator too.
	random := new(counter)
	for range 50 {
		skey, vkey, err := NewLogKey(random, testOrigin)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := VerifierKey(skey); err != nil || got != vkey {
			t.Fatalf("VerifierKey(%q) = %q, %v, want %q", skey, got, err, vkey)
		}
	}
	for _, bad := range []string{"", "PRIVATE+KEY", "PRIVATE+KEY+a+00000000+AAAA"} {
		if _, err := VerifierKey(bad); !errors.Is(err, ErrKey) {
			t.Errorf("VerifierKey(%q) = %v, want ErrKey", bad, err)
		}
	}
}

// sign makes a note over any text, with the test's key.
func sign(t testing.TB, text string) []byte {
	t.Helper()
	skey, _ := testKey(t)
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	b, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOpenCheckpoint(t *testing.T) {
	_, vkey := testKey(t)
	root := base64.StdEncoding.EncodeToString(make([]byte, 32))
	tests := []struct {
		name, text string
		ok         bool
	}{
		{"plain", testOrigin + "\n7\n" + root + "\n", true},
		{"empty log", testOrigin + "\n0\n" + root + "\n", true},
		{"extension", testOrigin + "\n7\n" + root + "\nmore\n", true},
		{"other log", "assay/0000000000000000/0\n7\n" + root + "\n", false},
		{"no root", testOrigin + "\n7\n", false},
		{"leading zero", testOrigin + "\n07\n" + root + "\n", false},
		{"plus", testOrigin + "\n+7\n" + root + "\n", false},
		{"negative", testOrigin + "\n-7\n" + root + "\n", false},
		{"over 63 bits", testOrigin + "\n9223372036854775808\n" + root + "\n", false},
		{"short root", testOrigin + "\n7\n" + root[4:] + "\n", false},
		{"stray bits in the root", testOrigin + "\n7\n" + strings.Replace(root, "A=", "B=", 1) + "\n", false},
		{"empty extension", testOrigin + "\n7\n" + root + "\n\nx\n", false},
		{"no origin", "\n7\n" + root + "\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := OpenCheckpoint(sign(t, tt.text), vkey)
			if (err == nil) != tt.ok {
				t.Fatalf("got %+v, %v, want ok: %t", c, err, tt.ok)
			}
			if err != nil && !errors.Is(err, ErrCheckpoint) {
				t.Fatalf("got %v, want ErrCheckpoint", err)
			}
			if err == nil && (c.Origin != testOrigin || !strings.HasPrefix(tt.text, c.text())) {
				t.Fatalf("got %+v of %q", c, tt.text)
			}
		})
	}
}

func TestOpenCheckpointRefusesStrangers(t *testing.T) {
	m, vkey := signed(t, 3)
	_, other, err := NewLogKey(strings.NewReader(strings.Repeat("x", 64)), testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCheckpoint(m.checkpoint, other); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("by another key: got %v, want ErrCheckpoint", err)
	}
	if _, err := OpenCheckpoint(m.checkpoint, "nonsense"); !errors.Is(err, ErrKey) {
		t.Errorf("by no key: got %v, want ErrKey", err)
	}
	long := append([]byte(strings.Repeat("x", maxCheckpointBytes)), m.checkpoint...)
	if _, err := OpenCheckpoint(long, vkey); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("too long: got %v, want ErrCheckpoint", err)
	}
}

// TestOpenCheckpointWithWitness: a cosignature is carried and not judged.
func TestOpenCheckpointWithWitness(t *testing.T) {
	m, vkey := signed(t, 3)
	witnessKey, _, err := NewLogKey(new(counter), "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	witness, err := note.NewSigner(witnessKey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := newVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(m.checkpoint, note.VerifierList(verifier))
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := note.Sign(n, witness)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := OpenCheckpoint(cosigned, vkey); err != nil || c.Size != 3 {
		t.Fatalf("got %+v, %v", c, err)
	}
}

func FuzzOpenCheckpoint(f *testing.F) {
	m, vkey := signed(f, 5)
	f.Add(m.checkpoint)
	f.Add(sign(f, testOrigin+"\n0\nAAAA\nextension\n"))
	f.Add([]byte("\n\n— "))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := OpenCheckpoint(b, vkey)
		if err != nil {
			if !errors.Is(err, ErrCheckpoint) {
				t.Fatalf("got %v, want ErrCheckpoint", err)
			}
			return
		}
		if !strings.HasPrefix(string(b), c.text()) {
			t.Fatalf("%q opened as %+v", b, c)
		}
	})
}

func FuzzParseCheckpoint(f *testing.F) {
	m, _ := signed(f, 5)
	text, _, _ := strings.Cut(string(m.checkpoint), "\n\n")
	f.Add(text + "\n")
	f.Add("o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\next\n")
	f.Add("o\n00\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCheckpoint(text)
		if err == nil && !strings.HasPrefix(strings.TrimSuffix(text, "\n")+"\n", c.text()) {
			t.Fatalf("%q parsed as %+v", text, c)
		}
	})
}
