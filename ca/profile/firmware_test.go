package profile

import (
	"strings"
	"testing"
)

func TestTheEvidencePolicy(t *testing.T) {
	for _, row := range []struct {
		name, spec string
		at         string // of the one fault; empty: it is good
	}{
		{name: "self at its highest", spec: `{"formats":["self"],"tier":"T1","renewal_tier":"T1"}`},
		{name: "self, T0 first", spec: `{"formats":["self"],"tier":"T0","renewal_tier":"T1"}`},
		{name: "station, then self", spec: `{"formats":["station","self"],"tier":"T1s","renewal_tier":"T1"}`},
		{name: "station is above T1", spec: `{"formats":["station"],"tier":"T1"}`},
		{name: "freshness batch", spec: `{"formats":["station"],"freshness":"batch"}`},
		{name: "freshness none", spec: `{"formats":["station"],"freshness":"none","debug":"allow"}`},
		{name: "the greatest number", spec: `{"min_svn":{"firmware":18446744073709551615}}`},
		{name: "no formats, no components", spec: `{"components":[]}`},

		{name: "no evidence for T1", spec: `{"tier":"T1"}`, at: "firmware.tier"},
		{name: "no evidence for T1 at renewal", spec: `{"renewal_tier":"T1s"}`, at: "firmware.renewal_tier"},
		{name: "self is no station", spec: `{"formats":["self"],"tier":"T1s"}`, at: "firmware.tier"},
		{name: "nothing reaches T3", spec: `{"formats":["self","station"],"renewal_tier":"T3"}`, at: "firmware.renewal_tier"},
		{name: "no such tier", spec: `{"tier":"T9"}`, at: "firmware.tier"},
		{name: "no such format", spec: `{"formats":["sgx"]}`, at: "firmware.formats[0]"},
		{name: "a format twice", spec: `{"formats":["self","self"]}`, at: "firmware.formats[1]"},
		{name: "no components", spec: `{"formats":["self"],"components":[]}`, at: "firmware.components"},
		{name: "a component twice", spec: `{"components":["a","a"]}`, at: "firmware.components[1]"},
		{name: "not a component", spec: `{"components":["A"]}`, at: "firmware.components[0]"},
		{name: "too many components", spec: `{"components":["` + strings.Join(strings.Split("abcdefghijklmnopq", ""), `","`) + `"]}`, at: "firmware.components"},
		{name: "a minimum of what is ignored", spec: `{"min_svn":{"boot":1}}`, at: "firmware.min_svn.boot"},
		{name: "a negative minimum", spec: `{"min_svn":{"firmware":-1}}`, at: "firmware.min_svn.firmware"},
		{name: "too great a minimum", spec: `{"min_svn":{"firmware":18446744073709551616}}`, at: "firmware.min_svn.firmware"},
		{name: "freshness", spec: `{"freshness":"cookie"}`, at: "firmware.freshness"},
		{name: "evidence kept for ever", spec: `{"keep_evidence":"101y"}`, at: "firmware.keep_evidence"},
	} {
		t.Run(row.name, func(t *testing.T) {
			spec := `{"firmware":` + row.spec + `}`
			if row.at == "" {
				parse(t, spec)
				return
			}
			if got := faultsOf(t, "sensor-s1", spec); len(got) != 1 || got[row.at] == "" {
				t.Errorf("got %v, want a fault at %s", got, row.at)
			}
		})
	}
}
