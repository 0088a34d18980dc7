package query

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/store"
	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const days = 24 * time.Hour

// desk is a source that counts what it is asked.
type desk struct {
	certificates map[store.Ref]Certificate
	batches      map[string]store.Batch
	releases     map[string]Release
	incidents    map[store.DeviceID][]string
	fail         error
	asked        []string
}

func (d *desk) note(format string, args ...any) error {
	d.asked = append(d.asked, fmt.Sprintf(format, args...))
	return d.fail
}

func find[K comparable, V any](m map[K]V, k K, err error) (V, error) {
	v, ok := m[k]
	if err == nil && !ok {
		err = fmt.Errorf("%v: %w", k, store.ErrNotFound)
	}
	return v, err
}

func (d *desk) Certificate(_ context.Context, ref store.Ref) (Certificate, error) {
	return find(d.certificates, ref, d.note("certificate %d/%d", ref.Issuer, ref.Index))
}

func (d *desk) Batch(_ context.Context, name string) (store.Batch, error) {
	return find(d.batches, name, d.note("batch %s", name))
}

func (d *desk) Release(_ context.Context, product, version string) (Release, error) {
	return find(d.releases, product+"/"+version, d.note("release %s/%s", product, version))
}

func (d *desk) Incidents(_ context.Context, id store.DeviceID) ([]string, error) {
	if err := d.note("incidents %s", id); err != nil {
		return nil, err
	}
	return d.incidents[id], nil
}

func certificate(t testing.TB, notAfter time.Time, roles ...string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "SN-1", OrganizationalUnit: roles},
		NotBefore: now.Add(-days), NotAfter: notAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// full has every field.
func full(t testing.TB) Subject {
	t.Helper()
	old, newest, birth := store.Ref{Issuer: 2, Index: 1}, store.Ref{Issuer: 2, Index: 9}, store.Ref{Issuer: 4, Index: 3}
	id := store.DeviceID{Product: "sensor-s1", Serial: "SN-1"}
	return Subject{
		Device: store.Device{
			DeviceID: id, State: store.DeviceHeld, Reason: store.ReasonCertificateHold,
			ActivatedAt: now.Add(-40 * days), ChangedAt: now.Add(-2 * days), RenewedAt: now.Add(-10 * days), SeenAt: now.Add(-9 * days),
			Lineage: []store.Ref{old, newest, birth},
			Batch:   "2026-w47-a", Site: "leipzig", Line: "l3", Station: "leipzig-l3-1",
			Identity:   store.Identity{VendorID: "V7"},
			Attributes: []store.Attribute{{Name: "customer", Value: "ACME, Inc."}},
			Rework:     true,
			Evidence: store.Appraised{Format: "station", Tier: "T1s", Fresh: "yes", Components: []store.Measured{
				{Component: "firmware", Version: "1.4.1", SVN: 7}, {Component: "boot-loader", Version: "2.0", SVN: 1 << 63},
			}},
		},
		Source: &desk{
			certificates: map[store.Ref]Certificate{
				old:    {Certificate: store.Certificate{Ref: old, Profile: store.ProfileOperational, NotAfter: now.Add(days)}, Issuer: "devices-0"},
				newest: {Certificate: store.Certificate{Ref: newest, Profile: store.ProfileOperational, NotAfter: now.Add(5 * days), DER: certificate(t, now.Add(5*days), "sensor", "lab"), Status: store.Revoked, RevokedAt: now.Add(-days)}, Issuer: "devices-1"},
				birth:  {Certificate: store.Certificate{Ref: birth, Profile: store.ProfileBirth, NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}, Issuer: "births-1"},
			},
			batches: map[string]store.Batch{"2026-w47-a": {Name: "2026-w47-a", CreatedAt: now.Add(-60 * days), Manifest: store.Manifest{Rows: 3}}},
			releases: map[string]Release{
				"sensor-s1/1.4.1": {State: "recalled", Digests: map[string][]string{"firmware": {"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}, "other": {"sha256:aaaaaaaaaaaa"}}},
				"sensor-s1/2.0":   {State: "approved"},
			},
			incidents: map[store.DeviceID][]string{id: {"renewal-fork"}},
		},
	}
}

// bare has next to nothing.
func bare() Subject {
	return Subject{
		Device: store.Device{DeviceID: store.DeviceID{Product: "sensor-s1", Serial: "SN-2"}, State: store.DeviceExpected},
		Source: &desk{},
	}
}

func matches(t testing.TB, text string, s Subject) bool {
	t.Helper()
	q, err := Parse(text, now)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	yes, err := q.Match(t.Context(), s)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return yes
}

// Every field with every op that it has: what the full device and the bare one
// answer.
func TestEveryFieldAndOp(t *testing.T) {
	for _, row := range []struct {
		query      string
		full, bare bool
	}{
		{`product=sensor-s1`, true, true},
		{`product=gateway`, false, false},
		{`product=gateway,sensor-s1`, true, true},
		{`product!=sensor-s1`, false, false},
		{`product!=gateway,other`, true, true},
		{`product~sensor-*`, true, true},
		{`serial=SN-1`, true, false},
		{`serial~SN-?`, true, true},
		{`serial~SN-`, false, false},
		{`serial~sn-1`, false, false},
		{`state=held`, true, false},
		{`state=expected`, false, true},
		{`state=rework`, true, false},
		{`state!=rework,active`, false, true},
		{`state~*ected`, false, true},
		{`site=leipzig`, true, false},
		{`site!=leipzig`, false, true},
		{`site~*`, true, false},
		{`line=l3`, true, false},
		{`batch=2026-w47-a`, true, false},
		{`batch~2026-w4*`, true, false},
		{`station=leipzig-l3-1`, true, false},
		{`role=lab`, true, false},
		{`role!=lab`, false, true},
		{`role~s*r`, true, false},
		{`vendor_id=V7`, true, false},
		{`attr.customer="ACME, Inc."`, true, false},
		{`attr.customer~ACME*`, true, false},
		{`attr.customer!=x`, true, true},
		{`attr.order=1`, false, false},
		{`attr.order!=1`, true, true},
		{`firmware=1.4.1`, true, false},
		{`firmware=2.0`, true, false},
		{`firmware=sensor-s1/1.4.1`, true, false},
		{`firmware=gateway/1.4.1`, false, false},
		{`firmware=sha256:9f86d081`, true, false},
		{`firmware=sha256:9F86D081`, true, false},
		{`firmware=sha256:9f86d082`, false, false},
		{`firmware=sha256:aaaaaaaa`, false, false}, // another component's
		{`firmware=9.9,sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`, true, false},
		{`firmware!=1.4.1`, false, true},
		{`firmware!=sha256:9f86d081`, false, true},
		{`firmware!=1.4.2`, true, true},
		{`firmware~1.4.*`, true, false},
		{`firmware~sensor-s1/*`, true, false},
		{`firmware~sha256:9f*`, true, false},
		{`firmware~sha256:9e*`, false, false},
		{`component.firmware=1.4.1`, true, false},
		{`component.firmware=2.0`, false, false},
		{`component.boot-loader=2.0`, true, false},
		{`component.boot-loader~2.?`, true, false},
		{`svn.firmware=7`, true, false},
		{`svn.firmware=6,7`, true, false},
		{`svn.firmware!=7`, false, true},
		{`svn.firmware<7`, false, false},
		{`svn.firmware<=7`, true, false},
		{`svn.firmware>6`, true, false},
		{`svn.firmware>=8`, false, false},
		{`svn.boot-loader>9223372036854775807`, true, false},
		{`svn.other>=0`, false, false},
		{`release=recalled`, true, false},
		{`release=approved`, true, false},
		{`release=draft,deprecated`, false, false},
		{`release!=recalled`, false, true},
		{`tier=T1s`, true, false},
		{`tier>T1`, true, false},
		{`tier>=T2`, false, false},
		{`tier<T2`, true, false},
		{`tier<=T0`, false, false},
		{`tier!=T1s`, false, true},
		{`not tier>=T3`, true, true},
		{`format=station`, true, false},
		{`fresh=yes`, true, false},
		{`fresh=batch,no`, false, false},
		{`issuer=devices-1`, true, false},
		{`issuer~devices-*`, true, false},
		{`issuer=births-1`, false, false},
		{`key=ec-p256`, true, false},
		{`key!=ec-p256`, false, true},
		{`key~rsa-*`, false, false},
		{`reason=certificateHold`, true, false},
		{`reason!=keyCompromise`, true, true},
		{`incident=open`, true, false},
		{`incident=none`, false, true},
		{`incident=renewal-fork,clock`, true, false},
		{`incident~*fork`, true, false},
		{`created<-50d`, true, false},
		{`created>2026-09-25`, true, false},
		{`activated<-30d`, true, false},
		{`activated=2026-10-15T12:00:00Z`, true, false},
		{`activated!=2026-10-15T12:00:00Z`, false, true},
		{`activated=2026-10-15T13:00:00+01:00`, true, false},
		{`renewed>=-10d`, true, false},
		{`renewed>-10d`, false, false},
		{`seen<=-9d`, true, false},
		{`seen>-1h`, false, false},
		{`revoked>-2d`, true, false},
		{`revoked<-2d`, false, false},
		{`not_after<+7d`, true, false},
		{`not_after>+24h`, true, false}, // the newest operational one, not the birth certificate
		{`not_after>+6d`, false, false},
	} {
		if got := matches(t, row.query, full(t)); got != row.full {
			t.Errorf("%s: full device: got %v", row.query, got)
		}
		if got := matches(t, row.query, bare()); got != row.bare {
			t.Errorf("%s: bare device: got %v", row.query, got)
		}
	}
}

func TestAndOrNotAndParentheses(t *testing.T) {
	s := full(t)
	const yes, no = `serial=SN-1`, `serial=x`
	for text, want := range map[string]bool{
		yes + " and " + no:                             false,
		yes + " " + yes:                                true,
		yes + " " + no:                                 false,
		no + " or " + yes:                              true,
		no + " or " + yes + " and " + no:               false, // and before or
		yes + " or " + no + " " + no:                   true,
		"(" + yes + " or " + no + ") " + no:            false,
		"not " + no + " " + yes:                        true, // not binds closest
		"not (" + no + " or " + yes + ")":              false,
		"not " + yes + " or " + yes:                    true,
		" \t(\n( " + yes + ") )and(" + yes + ")":       true,
		`serial = SN-1 and state != active , expected`: true,
		`attr.customer="ACME, Inc."and serial="SN-1"`:  true,
		`serial="a\"b\\c"`:                             false,
		`line=l3(state=held)`:                          true,
		`not(serial=x)not(serial=y)`:                   true,
		``:                                             true,
		"  \n":                                         true,
		`attr.customer!=""`:                            true,
		`serial~*`:                                     true,
		`serial~**-?`:                                  true,
		`serial~"?N-1*"`:                               true,
		`serial~???`:                                   false,
		`serial~*1*1`:                                  false,
		`attr.customer~"A*E, *nc?"`:                    true,
		`product=sensor-s1 state=active,held`:          true,
		`not_after<+7d state=active`:                   false,
		`site=leipzig (batch~2026-w4* or station=leipzig-l3-1) not tier>=T3`: true,
		`seen<-30d`:                   false,
		`firmware=sensor-s1/1.4.1`:    true,
		`attr.customer="ACME, Inc."`:  true,
		`attr.customer="ACME,  Inc."`: false,
	} {
		if got := matches(t, text, s); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestFaultsNameColumnAndNearestWord(t *testing.T) {
	for _, row := range []struct {
		text   string
		column int
		near   string // not looked at when empty
		says   string
	}{
		{`enrolled=1`, 1, "activated", "enrolled is not a field"},
		{`state=active enrolled<-1d`, 14, "activated", "not a field"},
		{`prodcut=x`, 1, "product", "not a field"},
		{`sate=held`, 1, "state", "not a field"},
		{`notafter<+1d`, 1, "not_after", "not a field"},
		{`atr.customer=x`, 1, "attr.NAME", "not a field"},
		{`svm.firmware=1`, 1, "svn.NAME", "not a field"},
		{`customer=x`, 1, "", "not a field"},
		{`attr=x`, 1, "", "wants a name, as attr.customer"},
		{`svn.=1`, 1, "", "wants a name"},
		{`attr.a.b=x`, 1, "", "cannot be the name"},
		{`attr.a-b=x`, 1, "", "cannot be the name"},
		{`svn.` + strings.Repeat("x", 33) + `=1`, 1, "", "cannot be the name"},
		{`state=activ`, 7, "active", "state is one of"},
		{`state=active,hold`, 14, "held", "state is one of"},
		{`state!=gone`, 8, "", "state is one of"},
		{`tier=t3`, 6, "T3", "tier is one of"},
		{`tier>=T5`, 7, "", "tier is one of"},
		{`reason=keycompromise`, 8, "keyCompromise", "reason is one of"},
		{`incident=forks`, 10, "", "incident is one of"},
		{`release=recaled`, 9, "recalled", "release is one of"},
		{`fresh=ys`, 7, "yes", "fresh is one of"},
		{`site<a`, 5, "", "site has no order"},
		{`state>=held`, 6, "", "no order"},
		{`created~2026*`, 8, "", "~ is for texts"},
		{`tier~T*`, 5, "", "~ is for texts"},
		{`svn.x~1`, 6, "", "~ is for texts"},
		{`svn.x=-1`, 7, "", "whole number"},
		{`svn.x=+1`, 7, "", "whole number"},
		{`svn.x=18446744073709551616`, 7, "", "whole number"},
		{`svn.x=""`, 7, "", "whole number"},
		{`seen<yesterday`, 6, "", "a time is"},
		{`seen<-30`, 6, "", "a time is"},
		{`seen<-1.5d`, 6, "", "a time is"},
		{`seen<2026-13-01`, 6, "", "a time is"},
		{`seen<""`, 6, "", "a time is"},
		{`seen<-1d,-2d`, 9, "", "one value"},
		{`site~a*,b*`, 8, "", "one value"},
		{`firmware=sha256:9f86d08`, 10, "", "8 to 64 digits"},
		{`firmware=sha256:9f86d08g`, 10, "", "hexadecimal"},
		{`firmware=sha256:` + strings.Repeat("a", 65), 10, "", "8 to 64 digits"},
		{`sensor`, 1, "", "not a field"},
		{`site`, 5, "", "wants one of"},
		{`site leipzig`, 6, "", "wants one of"},
		{`site!leipzig`, 5, "", "wants one of"},
		{`site=`, 6, "", "a value is missing"},
		{`site=a,`, 8, "", "a value is missing"},
		{`site=,a`, 6, "", "a value is missing"},
		{`site=(a)`, 6, "", "a value is missing"},
		{`site="a`, 6, "", "not closed"},
		{`site="a\`, 8, "", `after \`},
		{`site="a\n"`, 8, "", `after \`},
		{`site=a"b"`, 7, "", "a field is wanted"},
		{`site=a or`, 10, "", "a condition is missing"},
		{`or site=a`, 1, "", "a field is wanted"},
		{`site=a and or site=b`, 12, "", "a field is wanted"},
		{`not`, 4, "", "a condition is missing"},
		{`not not site=a`, 5, "", "a field is wanted"},
		{`site=a NOT site=b`, 8, "", "lower case"},
		{`SITE=a`, 1, "", "lower case"},
		{`(site=a`, 1, "", "( without )"},
		{`site=a)`, 7, "", ") without ("},
		{`()`, 2, "", ") without ("},
		{`"site"=a`, 1, "", "a field is wanted"},
		{`site=ä (x=1)`, 9, "", "not a field"}, // characters, not octets
		{"site=a\x00b", 7, "", "control"},
		{"site=a\xff", 7, "", "UTF-8"},
		{`site=` + strings.Repeat("a", MaxBytes-4), 1, "", "longer than 2048"},
	} {
		_, err := Parse(row.text, now)
		e, ok := errors.AsType[*Error](err)
		if !ok {
			t.Errorf("%q: accepted", row.text)
			continue
		}
		if e.Column != row.column || !strings.Contains(e.Reason, row.says) || row.near != "" && row.near != e.Near {
			t.Errorf("%q: got %q near %q", row.text, e, e.Near)
		}
	}
	// A bare value ends at space, so this is one value after another.
	if q := mustParse(t, `site=a , site=b`); !cmp.Equal(q.root.term.texts, []string{"a", "site=b"}) {
		t.Errorf("got %q", q.root.term.texts)
	}
	_, err := Parse(`enrolled<-1d`, now)
	if got, want := err.Error(), "column 1: enrolled is not a field; did you mean activated?"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLimits(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		good bool
	}{
		"2 KiB":              {`site=` + strings.Repeat("a", MaxBytes-5), true},
		"2 KiB and one":      {`site=` + strings.Repeat("a", MaxBytes-4), false},
		"32 terms":           {strings.Repeat("site=a ", 32), true},
		"33 terms":           {strings.Repeat("site=a ", 33), false},
		"8 deep":             {strings.Repeat("(", 8) + "site=a" + strings.Repeat(")", 8), true},
		"9 deep":             {strings.Repeat("(", 9) + "site=a" + strings.Repeat(")", 9), false},
		"8 deep, many times": {strings.Repeat("((site=a))", 20), true},
		"1,000 values":       {`site=` + strings.Repeat("a,", 999) + "a", true},
		"1,001 values":       {`site=` + strings.Repeat("a,", 1000) + "a", false},
		"in two terms":       {`site=` + strings.Repeat("a,", 600) + "a line=" + strings.Repeat("a,", 399) + "a", false},
	} {
		if _, err := Parse(row.text, now); (err == nil) != row.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheProductNarrowsTheScan(t *testing.T) {
	for text, want := range map[string]string{
		`product=a`:                         "a",
		`state=active (product=a site=b)`:   "a",
		`product=a or product=b`:            "",
		`product=a,b`:                       "",
		`not product=a`:                     "",
		`product!=a`:                        "",
		`product~a`:                         "",
		`(product=a or site=b) state=held`:  "",
		`state=held and (site=a) product=c`: "c",
		``:                                  "",
	} {
		q, err := Parse(text, now)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := q.Product(); got != want || ok != (want != "") {
			t.Errorf("%s: got %q, %v", text, got, ok)
		}
		if q.Empty() != (text == "") {
			t.Errorf("%q: empty %v", text, q.Empty())
		}
	}
}

// What the record says costs no look-up, and each thing is looked up once.
func TestLookUpsAreLazy(t *testing.T) {
	for text, want := range map[string][]string{
		`product=sensor-s1 site=leipzig firmware~1* tier=T1s seen<-1d`: nil,
		`product=x and key=ec-p256`:                                    nil,
		`product=sensor-s1 or incident=open`:                           nil,
		`key=ec-p256 issuer=devices-1 not_after<+7d role=sensor`:       {"certificate 4/3", "certificate 2/9"},
		`release=draft firmware=sha256:aaaaaaaa incident=open`:         {"release sensor-s1/1.4.1", "release sensor-s1/2.0"},
		`(release=draft or firmware=sha256:aaaaaaaa) or incident=none or incident=clock`: {
			"release sensor-s1/1.4.1", "release sensor-s1/2.0", "incidents sensor-s1/SN-1",
		},
		`created<-1d`: {"batch 2026-w47-a"},
	} {
		s := full(t)
		matches(t, text, s)
		if diff := cmp.Diff(want, s.Source.(*desk).asked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestAFailedLookUpIsAnError(t *testing.T) {
	down := errors.New("disk gone")
	for _, text := range []string{
		`key=ec-p256`, `not key=ec-p256`, `key!=ec-p256`, `issuer=x or product=sensor-s1`, `not_after<+1d`, `role=x`, `created<-1d`,
		`release=draft`, `firmware!=sha256:aaaaaaaa`, `incident=none`, `product=sensor-s1 revoked<-1d`,
	} {
		s := full(t)
		s.Source.(*desk).fail = down
		q, err := Parse(text, now)
		if err != nil {
			t.Fatal(err)
		}
		if yes, err := q.Match(t.Context(), s); !errors.Is(err, down) || yes {
			t.Errorf("%s: got %v, %v", text, yes, err)
		}
	}
	s := full(t)
	d := s.Source.(*desk)
	d.certificates[store.Ref{Issuer: 2, Index: 9}] = Certificate{Certificate: store.Certificate{Profile: store.ProfileOperational, DER: []byte{0x30}}}
	if _, err := mustParse(t, `key=ec-p256`).Match(t.Context(), s); err == nil {
		t.Error("a certificate that does not parse is no error")
	}
}

func mustParse(t testing.TB, text string) *Query {
	t.Helper()
	q, err := Parse(text, now)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestWhatIsNotFoundIsAbsent(t *testing.T) {
	s := full(t)
	s.Source = &desk{}
	for text, want := range map[string]bool{
		`key~*`: false, `key!=ec-p256`: true, `not_after>-100y`: false, `release~*`: false, `firmware=1.4.1`: true, `firmware~sha256:*`: false,
		`created=2026-10-15T12:00:00Z`: true, // its batch is gone: with its first certificate
	} {
		if got := matches(t, text, s); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
	s = full(t)
	s.Device.Lineage = s.Device.Lineage[2:] // a birth certificate alone
	if !matches(t, `issuer=births-1 not_after>2049-01-01`, s) {
		t.Error("without an operational certificate the birth certificate is not taken")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		``, `firmware=sensor-s1/1.4.1`, `product=sensor-s1 state=active,held`, `not_after<+7d state=active`,
		`site=leipzig (batch~2026-w4* or station=leipzig-l3-1) not tier>=T3`, `seen<-30d`, `attr.customer="ACME, Inc."`, `enrolled=1`,
		`not(svn.boot-loader>=7)or component.x!="\"\\"`, `firmware=sha256:9f86d081,1`, `((((((((site=a))))))))`, `a=`, `"`, `(`, `not`, `site=ä`,
		`created>2026-11-23T10:00:00.5+02:00 incident=none`, strings.Repeat("site=a ", 33), "site=\x00", "\xff", `serial~*?*?*`,
	} {
		f.Add(s)
	}
	s := full(f)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text, now)
		if err != nil {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Column < 1 || e.Column > len(text)+1 || e.Reason == "" || len(e.Error()) > 1000 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		yes, err := q.Match(t.Context(), s)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if q.Empty() {
			return
		}
		if len(text) > MaxBytes-8 {
			return
		}
		// Its negation is the opposite, if there is room for one more level.
		if not, err := Parse("not ("+text+")", now); err == nil {
			if no, err := not.Match(t.Context(), s); err != nil || no == yes {
				t.Fatalf("%q and its negation: %v, %v, %v", text, yes, no, err)
			}
		}
		if product, ok := q.Product(); ok && product != s.Device.Product && yes {
			t.Fatalf("%q: of product %q, and matches one of %q", text, product, s.Device.Product)
		}
	})
}
