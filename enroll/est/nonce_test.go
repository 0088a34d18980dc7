package est_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/wire"
)

const noncePath = "/.well-known/est/nonce"

func TestEST085NonceAnswer(t *testing.T) {
	f := &fake{}
	for _, r := range []*http.Request{
		request("GET", noncePath, "", ""),
		request("POST", "/.well-known/est/sensor.birth/nonce", wire.TypeNonce+"; charset=utf-8", `{"len":40}`),
	} {
		r.SetBasicAuth("SN-1", "assay_x")
		answer := serve(handler(f), r)
		body := read(t, answer)
		for field, want := range map[string]string{
			"Content-Type": wire.TypeNonce, "Cache-Control": "no-store", "Content-Transfer-Encoding": "",
		} {
			if got := answer.Header.Get(field); got != want {
				t.Errorf("%s: %q, want %q", field, got, want)
			}
		}
		want := `{"nonce":"` + base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, 32)) + `","expiry":600}`
		if answer.StatusCode != 200 || body != want {
			t.Errorf("%s: %d %s", r.Method, answer.StatusCode, body)
		}
	}
	if f.asked.Label != "sensor.birth" || f.asked.Length != 40 || !f.asked.HasBasic || f.asked.Password != "assay_x" {
		t.Errorf("asked %+v", f.asked)
	}
}

func TestNonceRefusals(t *testing.T) {
	for _, tt := range []struct {
		name, contentType, body string
		want                    v1.Reason
	}{
		{"not JSON", wire.TypeNonce, "x", v1.BadNonceRequest},
		{"empty", wire.TypeNonce, "", v1.BadNonceRequest},
		{"another media type", "application/json", "{}", v1.MediaType},
		{"too large", wire.TypeNonce, strings.Repeat(" ", wire.MaxNonceRequest+1), v1.TooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantRefusal(t, serve(handler(&fake{}), request("POST", noncePath, tt.contentType, tt.body)), tt.want)
		})
	}
	r := serve(handler(&fake{err: v1.Refuse(v1.NonceLength, "")}), request("GET", noncePath, "", ""))
	wantRefusal(t, r, v1.NonceLength)
	if got := r.Header.Get("Retry-After"); got != "" {
		t.Errorf("Retry-After %q with nonce-length", got)
	}
}

func TestAssayBatch(t *testing.T) {
	f := &fake{}
	answer := enroll.Answer{Certificate: certificate, Batch: "w47", Left: 12}
	f.enroll = func(context.Context, enroll.Request) (enroll.Answer, error) { return answer, nil }
	r := serve(handler(f), request("POST", enrollPath, pkcs10, "MAA="))
	if got := r.Header.Get("Assay-Batch"); got != `"w47";left=12` {
		t.Errorf("Assay-Batch %s", got)
	}
	if got := r.Header.Get("Assay-Renew"); got != "" {
		t.Errorf("Assay-Renew %q of what is never renewed", got)
	}
	answer = enroll.Answer{Certificate: certificate, RenewFrom: time.Unix(1, 0), RenewUntil: time.Unix(2, 0)}
	r = serve(handler(f), request("POST", enrollPath, pkcs10, "MAA="))
	if _, ok := r.Header["Assay-Batch"]; ok {
		t.Error("Assay-Batch without a batch")
	}
}

func TestStationEvidenceField(t *testing.T) {
	f := &fake{}
	with := func(fields ...string) *http.Request {
		r := request("POST", enrollPath, pkcs10, "MAA=")
		for _, field := range fields {
			r.Header.Add(wire.HeaderStationEvidence, field)
		}
		return r
	}
	if r := serve(handler(f), with(":aGk=:")); r.StatusCode != 200 || string(f.seen().StationEvidence) != "hi" {
		t.Errorf("%s, statement %q", r.Status, f.seen().StationEvidence)
	}
	for _, fields := range [][]string{
		{"aGk="}, {""}, {":aGk=:", ":aGk=:"}, {":" + strings.Repeat("A", wire.MaxStationEvidence) + ":"},
	} {
		wantRefusal(t, serve(handler(f), with(fields...)), v1.BadEvidence)
	}
}

// A label is read as threats row 27 says, however it is spelled.
func FuzzLabel(f *testing.F) {
	for _, label := range []string{
		"sensor", "sensor.birth", "sensor.birth.birth", "", "..", "SENSOR", "a%2fb", strings.Repeat("a", 33), "é", "a b", ".birth",
	} {
		f.Add(label)
	}
	rule := regexp.MustCompile(`\A[a-z0-9-]{1,32}(\.birth)?\z`)
	h := handler(&fake{cacerts: [][]byte{certificate}})
	f.Fuzz(func(t *testing.T, label string) {
		r := request("GET", "/", "", "")
		r.URL = &url.URL{Scheme: "https", Host: "est.test", Path: "/.well-known/est/" + label + "/cacerts"}
		if got, want := serve(h, r).StatusCode == 200, rule.MatchString(label); got != want {
			t.Errorf("label %q: served %v, want %v", label, got, want)
		}
	})
}

// Whatever is sent for a nonce is answered, or refused as the client's fault.
func FuzzNonceBody(f *testing.F) {
	for _, body := range []string{`{}`, `{"len":32}`, `{"len":7}`, "\x00", `{"len":32}}`} {
		f.Add(body, ":aGk=:")
	}
	f.Fuzz(func(t *testing.T, body, field string) {
		r := request("POST", noncePath, wire.TypeNonce, body)
		if got := serve(handler(&fake{}), r).StatusCode; got != 200 && got != 400 && got != 413 {
			t.Errorf("body %q: %d", body, got)
		}
		r = request("POST", enrollPath, pkcs10, "MAA=")
		r.Header[wire.HeaderStationEvidence] = []string{field}
		if got := serve(handler(&fake{}), r).StatusCode; got != 200 && got != 400 {
			t.Errorf("field %q: %d", field, got)
		}
	})
}
