package wire_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/enroll/wire"
)

func TestEST085NonceRequest(t *testing.T) {
	for _, tt := range []struct {
		body string
		want int // -1: malformed
	}{
		{`{}`, 0},
		{` {"len": 32} `, 32},
		{`{"len":8}`, 8},
		{`{"len":64,"reqTypeInfo":{"type":"1.3.6.1.5.5.7.1.35","more":[1,{"a":null}]}}`, 64},
		{`{"len":7}`, -1},
		{`{"len":65}`, -1},
		{`{"len":-32}`, -1},
		{`{"len":32.0}`, -1},
		{`{"len":3e1}`, -1},
		{`{"len":"32"}`, -1},
		{`{"len":null}`, -1},
		{`{"len":99999999999999999999}`, -1},
		{`{"len":32,"len":32}`, -1},
		{`{"LEN":32}`, -1},
		{`{"len":32,"other":1}`, -1},
		{`{"reqTypeInfo":"x"}`, -1},
		{`{"reqTypeInfo":[]}`, -1},
		{`{"len":32}{}`, -1},
		{`{"len":32`, -1},
		{`{"len":32,}`, -1},
		{`[]`, -1},
		{`32`, -1},
		{`null`, -1},
		{``, -1},
		{`{"len":32}` + strings.Repeat(" ", wire.MaxNonceRequest), -1},
		{`{"reqTypeInfo":` + strings.Repeat(`{"a":`, 700), -1},
	} {
		got, err := wire.ParseNonceRequest([]byte(tt.body))
		if tt.want < 0 {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("%.40q: %d, %v; want ErrMalformed", tt.body, got, err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%.40q: %d, %v; want %d", tt.body, got, err, tt.want)
		}
	}
}

func TestNonceAnswer(t *testing.T) {
	got := string(wire.NonceAnswer([]byte{0xfb, 0xff, 0x01}, 600*time.Second))
	if want := `{"nonce":"-_8B","expiry":600}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFormatBatch(t *testing.T) {
	if got, want := wire.FormatBatch("2026-w47-a", 1999), `"2026-w47-a";left=1999`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseStationEvidence(t *testing.T) {
	for field, want := range map[string]string{
		":aGk=:": "hi", " :aGk=: ": "hi", ":aGkh:": "hi!",
		"": "", "::": "", ":": "", "aGk=": "", ":aGk=": "", ":aGk:": "", ":aG k=:": "", ":aGk=:;a=1": "",
		":aGl=:": "", ":aG-_:": "", ":aGk=\n:": "", ":aGk=:, :aGk=:": "",
	} {
		got, err := wire.ParseStationEvidence(field)
		if want == "" && !errors.Is(err, wire.ErrStationEvidence) || want != "" && (err != nil || string(got) != want) {
			t.Errorf("%q: %q, %v; want %q", field, got, err, want)
		}
	}
	long := ":" + strings.Repeat("A", wire.MaxStationEvidence-2) + ":"
	if _, err := wire.ParseStationEvidence(long + " "); !errors.Is(err, wire.ErrStationEvidence) {
		t.Errorf("8 KiB and an octet: %v", err)
	}
}

// What is read is JSON to everybody else too.
func FuzzNonceRequest(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"len":32}`, `{"len":64,"reqTypeInfo":{"a":[1]}}`, `{"len":32,"len":33}`, `{"len":1e1}`, `[`, "\x00",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := wire.ParseNonceRequest(body)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("error %v", err)
			}
			return
		}
		var like struct{ Len int }
		if err := json.Unmarshal(body, &like); err != nil || like.Len != n || n != 0 && (n < wire.MinNonce || n > wire.MaxNonce) {
			t.Errorf("%q: %d; encoding/json says %d, %v", body, n, like.Len, err)
		}
	})
}

func FuzzStationEvidence(f *testing.F) {
	for _, field := range []string{":aGk=:", "::", ":aGk=:;a=1", " :AAAA: ", ":\xff:"} {
		f.Add(field)
	}
	f.Fuzz(func(t *testing.T, field string) {
		got, err := wire.ParseStationEvidence(field)
		if (err == nil) != (len(got) > 0) || len(got) > wire.MaxStationEvidence {
			t.Errorf("%q: %d octets, %v", field, len(got), err)
		}
	})
}
