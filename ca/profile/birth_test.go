package profile

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestABirthProfile(t *testing.T) {
	product := parse(t, `{"roles":["sensor"],"serial_pattern":"^SN.*$","birth":{"admit":["station","token"]},"operational":{"validity":"30d","status":["crl"],"san":{"dns":["{serial}.example.com"]}}}`)
	p, err := product.CompileBirth(4, "acme", IssuerLimits{MaxValidity: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if p.Kind != KindBirth || p.Validity != 0 || p.Class() != Long || p.Revision != 4 || p.LineRekeys != 2 {
		t.Errorf("profile: %+v", p)
	}
	if want := (Status{CRL: true, OCSP: true}); p.Status != want {
		t.Errorf("status: got %+v, want %+v", p.Status, want)
	}
	if diff := cmp.Diff(AdmitSet{AdmitStation, AdmitToken}, p.Admit); diff != "" {
		t.Errorf("admit (-want +got):\n%s", diff)
	}
	der, err := p.Subject(Names{Product: "sensor-s1", Serial: "SN-1"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rdns(t, der).String(), "SERIALNUMBER=SN-1,O=acme"; got != want {
		t.Errorf("subject: got %s, want %s", got, want)
	}
	if san, err := p.SAN(Names{Serial: "SN-1"}); san != nil || err != nil {
		t.Errorf("names beside the subject: %x, %v", san, err)
	}
	// There is no common name to leave it to.
	if _, err := p.Subject(Names{Serial: "SN_1"}); !errors.Is(err, ErrName) {
		t.Errorf("got %v, want ErrName", err)
	}
	if !p.SerialOK("SN-1") || p.SerialOK("X") {
		t.Error("the product's serial pattern does not hold")
	}
}

func TestBirthProfilesThatCannotBe(t *testing.T) {
	_, err := parse(t, `{}`).CompileBirth(1, "acme", IssuerLimits{})
	if e, ok := errors.AsType[*FaultsError](err); !ok || e.Faults[0].At != "birth" {
		t.Errorf("without a birth block: %v", err)
	}
	for spec, at := range map[string]string{
		`{"birth":{"admit":[]}}`:                                              "birth.admit",
		`{"birth":{"admit":["birth"]}}`:                                       "birth.admit[0]",
		`{"birth":{"subject":{"serial_number":"x"}}}`:                         "birth.subject.serial_number",
		`{"birth":{"subject":{"serial_number":"{site}"}}}`:                    "birth.subject.serial_number",
		`{"birth":{"subject":{"common_name":"{serial}","serial_number":""}}}`: "birth.subject.serial_number",
		`{"birth":{"oid":"1"}}`:                                               "birth.oid",
	} {
		if got := faultsOf(t, "p", spec); got[at] == "" || len(got) != 1 {
			t.Errorf("%s: got %v, want a fault at %s", spec, got, at)
		}
	}
	long, err := ParseProduct("p", []byte(`{"birth":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = long.CompileBirth(1, "an authority whose name is far longer than any organization's may be", IssuerLimits{})
	if e, ok := errors.AsType[*FaultsError](err); !ok || e.Faults[0].At != "birth.subject" {
		t.Errorf("a long organization: %v", err)
	}
}
