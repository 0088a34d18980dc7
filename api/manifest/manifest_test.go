package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/assay-pki/assay/store"
	"github.com/google/go-cmp/cmp"
)

var (
	digest = strings.Repeat("0a", 32)
	akName = "000b" + strings.Repeat("1f", 32)
	eatID  = "01" + strings.Repeat("2e", 32)
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rules() Rules {
	return Rules{
		SerialOK: regexp.MustCompile(`\ASN-[0-9]{8}\z`).MatchString, Product: "sensor-s1", Batch: "w47",
		Site: "leipzig",
	}
}

func device(serial string) store.Expectation { return store.Expectation{Serial: serial} }

func TestFilesThatAreGood(t *testing.T) {
	all := device("SN-00000001")
	all.VendorID, all.KeySHA256, all.AKName, all.DICEKeySHA256, all.EATID = "V 1", unhex(t, digest), unhex(t, akName), unhex(t, digest), unhex(t, eatID)
	all.Site, all.Line = "leipzig", "l3"
	all.Attributes = []store.Attribute{{Name: "customer", Value: "ACME, \"Inc.\" Köln"}}
	two := []store.Expectation{device("SN-00000001"), device("SN-00000002")}
	attr := device("SN-00000001")
	attr.Attributes = []store.Attribute{{Name: "customer", Value: "ACME"}}
	for _, row := range []struct {
		name, format, text string
		want               []store.Expectation
	}{
		{"the example of the page", CSV, "serial,ak_name,attr.customer\nSN-00000001,,ACME\n", []store.Expectation{attr}},
		{"every column", CSV, "serial,vendor_id,public_key_sha256,ak_name,dice_key_sha256,eat_id,site,line,attr.customer\n" +
			"SN-00000001,V 1," + digest + "," + akName + "," + digest + "," + eatID + ",leipzig,l3,\"ACME, \"\"Inc.\"\" Köln\"\n", []store.Expectation{all}},
		{"any order, upper-case digits", CSV, "line,site,attr.customer,eat_id,dice_key_sha256,ak_name,public_key_sha256,vendor_id,serial\n" +
			"l3,leipzig,\"ACME, \"\"Inc.\"\" Köln\"," + strings.ToUpper(eatID+","+digest+","+akName+","+digest) + ",V 1,SN-00000001", []store.Expectation{all}},
		{"BOM and CRLF", CSV, "\ufeffserial\r\nSN-00000001\r\nSN-00000002\r\n", two},
		{"no final line end", CSV, "serial\nSN-00000001\nSN-00000002", two},
		{"quoted", CSV, "\"serial\"\n\"SN-00000001\"\r\n\"SN-00000002\"", two},
		{"JSON", JSON, `{"manifest":"assay/v1","product":"sensor-s1","batch":"w47","devices":[{"serial":"SN-00000001","vendor_id":"V 1","public_key_sha256":"` + digest +
			`","ak_name":"` + akName + `","dice_key_sha256":"` + digest + `","eat_id":"` + strings.ToUpper(eatID) + `","site":"leipzig","line":"l3","attr":{"customer":"ACME, \"Inc.\" K\u00f6ln"}}]}`, []store.Expectation{all}},
		{"JSON in another order, without batch", JSON, "\ufeff \n{ \"devices\" : [ {\"serial\":\"SN-00000001\"} ,\n{\"serial\":\"SN-00000002\",\"ak_name\":\"\"}\n] , \"product\":\"sensor-s1\",\n \"manifest\":\"assay/v1\" }\n", two},
	} {
		for _, format := range []string{row.format, ""} {
			got, err := Read(strings.NewReader(row.text), format, rules())
			if err != nil {
				t.Errorf("%s: %v", row.name, err)
				continue
			}
			if diff := cmp.Diff(row.want, got.Rows); diff != "" {
				t.Errorf("%s (-want +got):\n%s", row.name, diff)
			}
			if got.Format != row.format || got.SHA256 != sha256.Sum256([]byte(row.text)) {
				t.Errorf("%s: format %s, hash %x", row.name, got.Format, got.SHA256)
			}
			if row.format == JSON && got.Product != "sensor-s1" {
				t.Errorf("%s: product %q", row.name, got.Product)
			}
		}
	}
}

func TestLinesOfRows(t *testing.T) {
	m, err := Read(strings.NewReader("{\"manifest\":\"assay/v1\",\"product\":\"sensor-s1\",\"devices\":[\n\n{\"serial\":\n\"SN-00000001\"}, {\"serial\":\"SN-00000002\"},\n {\"serial\":\"SN-00000003\"}]}"), "", rules())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{0, 3, 4, 5, 0}, []int{m.Line(-1), m.Line(0), m.Line(1), m.Line(2), m.Line(3)}); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	if m, err = Read(strings.NewReader("serial\nSN-00000001\nSN-00000002"), "", rules()); err != nil || m.Line(1) != 3 {
		t.Errorf("CSV: %v", err)
	}
}

type want struct {
	at     string // as Fault.String begins
	reason string
}

func checkFaults(t *testing.T, name, text string, rules Rules, wants ...want) {
	t.Helper()
	m, err := Read(strings.NewReader(text), "", rules)
	e, ok := errors.AsType[*FaultsError](err)
	if !ok || m != nil {
		t.Errorf("%s: got %v, want faults", name, err)
		return
	}
	if len(e.Faults) != len(wants) || e.Total != len(wants) {
		t.Errorf("%s: got %d faults, want %d: %v", name, e.Total, len(wants), e)
		return
	}
	for i, w := range wants {
		if got := e.Faults[i].String(); !strings.HasPrefix(got, w.at+": ") || !strings.Contains(got, w.reason) {
			t.Errorf("%s: got %q, want %s: ...%s...", name, got, w.at, w.reason)
		}
	}
}

func TestFaultsOfCSV(t *testing.T) {
	one := func(column, value string) string {
		if column == "serial" {
			return "serial\n" + value + "\n"
		}
		return "serial," + column + "\nSN-00000001," + value + "\n"
	}
	for _, row := range []struct {
		name, text string
		want       want
	}{
		{"an empty file", "", want{"line 1", "the file is empty"}},
		{"no rows", "serial\n", want{"line 1", "no device"}},
		{"no serial column", "vendor_id\nx\n", want{"line 1, serial", "missing"}},
		{"an unknown column", "serial,colour\nSN-00000001,red\n", want{"line 1, column 2", `"colour" is not a column`}},
		{"an upper-case column", "serial,Site\nSN-00000001,x\n", want{"line 1, column 2", "not a column"}},
		{"a space in the header", "serial, site\nSN-00000001,x\n", want{"line 1, column 2", "not a column"}},
		{"a column twice", "serial,serial\nSN-00000001,SN-00000002\n", want{"line 1, column 2 (serial)", "twice"}},
		{"an attribute without a name", "serial,attr.\nSN-00000001,x\n", want{"line 1, column 2", "not a column"}},
		{"an attribute's name", "serial,attr.A\nSN-00000001,x\n", want{"line 1, column 2", "not a column"}},
		{"an attribute's long name", "serial,attr." + strings.Repeat("a", 33) + "\nSN-00000001,x\n", want{"line 1, column 2", "not a column"}},
		{"nine attributes", "serial,attr.1,attr.2,attr.3,attr.4,attr.5,attr.6,attr.7,attr.8,attr.9\n", want{"line 1", "at most 8 attributes"}},
		{"a broken header", "serial,\"site\n", want{"line 1, column 2", "not closed"}},
		{"too many columns", strings.Repeat("serial,", 20) + "serial\n", want{"line 1", "more than 16 columns"}},

		{"a value too few", "serial,site\nSN-00000001\n", want{"line 2", "1 values, and the header has 2 columns"}},
		{"a value too many", "serial\nSN-00000001,\n", want{"line 2", "2 values"}},
		{"an empty line", "serial\nSN-00000001\n\n", want{"line 3, column 1 (serial)", "required"}},
		{"no serial", "site,serial\nleipzig,\n", want{"line 2, column 2 (serial)", "required"}},
		{"a serial of another form", one("serial", "SN-1"), want{"line 2, column 1 (serial)", "serial_pattern"}},
		{"case counts", one("serial", "sn-00000001"), want{"line 2, column 1 (serial)", "serial_pattern"}},
		{"a serial twice", "serial\nSN-00000001\nSN-00000002\nSN-00000001\n", want{"line 4, column 1 (serial)", "on line 2"}},
		{"a vendor id twice", "serial,vendor_id\nSN-00000001,a\nSN-00000002,b\nSN-00000003,a\n", want{"line 4, column 2 (vendor_id)", "on line 2"}},
		{"space before", one("serial", " SN-00000001"), want{"line 2, column 1 (serial)", "spaces around"}},
		{"space after", one("attr.x", "a "), want{"line 2, column 2 (attr.x)", "spaces around"}},
		{"a space of another kind", one("attr.x", "\u00a0a"), want{"line 2, column 2 (attr.x)", "spaces around"}},
		{"space alone", one("site", " "), want{"line 2, column 2 (site)", "spaces around"}},
		{"a control character", one("attr.x", "a\x1b[0m"), want{"line 2, column 2 (attr.x)", "U+001B"}},
		{"text from right to left", one("attr.x", "a\u202eb"), want{"line 2, column 2 (attr.x)", "U+202E"}},
		{"a line end in a value", one("attr.x", "\"a\nb\""), want{"line 2, column 2 (attr.x)", "U+000A"}},
		{"not UTF-8", one("attr.x", "a\xff"), want{"line 2, column 2 (attr.x)", "not UTF-8"}},
		{"a vendor id of 129", one("vendor_id", strings.Repeat("x", 129)), want{"line 2, column 2 (vendor_id)", "128"}},
		{"a vendor id not ASCII", one("vendor_id", "ä"), want{"line 2, column 2 (vendor_id)", "ASCII"}},
		{"an attribute of 129", one("attr.x", strings.Repeat("ä", 129)), want{"line 2, column 2 (attr.x)", "128"}},
		{"a short digest", one("public_key_sha256", digest[2:]), want{"line 2, column 2 (public_key_sha256)", "64 hexadecimal"}},
		{"a digest with a prefix", one("dice_key_sha256", "sha256:"+digest), want{"line 2, column 2 (dice_key_sha256)", "64 hexadecimal"}},
		{"a TPM name without its algorithm", one("ak_name", akName[4:]), want{"line 2, column 2 (ak_name)", "nameAlg 1f1f"}},
		{"a TPM name of SHA-1", one("ak_name", "0004"+strings.Repeat("00", 20)), want{"line 2, column 2 (ak_name)", "nameAlg 0004"}},
		{"a short TPM name", one("ak_name", akName[:66]), want{"line 2, column 2 (ak_name)", "68 digits, not 66"}},
		{"no hexadecimal TPM name", one("ak_name", "x"), want{"line 2, column 2 (ak_name)", "68 digits"}},
		{"a short EAT id", one("eat_id", "010203040506"), want{"line 2, column 2 (eat_id)", "UEID"}},
		{"a long EAT id", one("eat_id", eatID+"00"), want{"line 2, column 2 (eat_id)", "UEID"}},
		{"an odd EAT id", one("eat_id", eatID[1:]), want{"line 2, column 2 (eat_id)", "UEID"}},
		{"another site", one("site", "dresden"), want{"line 2, column 2 (site)", "not the batch's site, leipzig"}},
		{"not a line", one("line", "L3"), want{"line 2, column 2 (line)", "a-z"}},

		{"quotes left open", "serial\n\"SN-00000001\nSN-00000002\n", want{"line 2, column 1", "not closed"}},
		{"text after quotes", "serial\n\"SN-0000000\"1\n", want{"line 2, column 1", "after the closing quotes"}},
		{"quotes within", "serial\nSN-\"00000001\"\n", want{"line 2, column 1", "not in quotes"}},
		{"CR alone", "serial\nSN-00000001\rSN-00000002\n", want{"line 2, column 1", "a CR without LF"}},
		{"CR at the end", "serial\nSN-00000001\r", want{"line 2, column 1", "a CR without LF"}},
		{"a long row", "serial,attr.x\nSN-00000001," + strings.Repeat("x", MaxRowBytes) + "\nSN-00000002,\n", want{"line 2, column 2", "longer than 4096 bytes"}},
		{"a row of commas", "serial\n" + strings.Repeat(",", 10*MaxRowBytes) + "\nSN-00000002\n", want{"line 2, column 4097", "longer than 4096 bytes"}},
		{"a long row in quotes", "serial,attr.x\nSN-00000001,\"" + strings.Repeat("x", MaxRowBytes) + "\"\nSN-00000002,\n", want{"line 2, column 2", "longer than 4096 bytes"}},
	} {
		checkFaults(t, row.name, row.text, rules(), row.want)
	}
	batch := rules()
	batch.Site, batch.Line = "", "l3"
	checkFaults(t, "places", "serial,site,line\nSN-00000001,Leipzig,l3\nSN-00000002,leipzig,l4\n", batch,
		want{"line 2, column 2 (site)", "a-z"}, want{"line 3, column 3 (line)", "not the batch's line, l3"})
	checkFaults(t, "all at once", "serial,eat_id,site\nSN-1,x,y\n,,\nSN-00000001,,\nSN-00000001,,\n", rules(),
		want{"line 2, column 1 (serial)", "serial_pattern"}, want{"line 2, column 2 (eat_id)", "UEID"}, want{"line 2, column 3 (site)", "leipzig"},
		want{"line 3, column 1 (serial)", "required"}, want{"line 5, column 1 (serial)", "on line 4"})
	checkFaults(t, "after a faulty row the next is read", "serial\na\"b\nSN-1\n", rules(),
		want{"line 2, column 1", "not in quotes"}, want{"line 3, column 1 (serial)", "serial_pattern"})
	checkFaults(t, "semicolons", "serial;site\nSN-00000001;x\n", rules(), want{"line 1, column 1", "not a column"}, want{"line 1, serial", "missing"})
	checkFaults(t, "an empty line for a header", "\nSN-00000001\n", rules(), want{"line 1, column 1", `"" is not a column`}, want{"line 1, serial", "missing"})
	checkFaults(t, "the header, all at once", "colour,site,site\n", rules(),
		want{"line 1, column 1", "not a column"}, want{"line 1, column 3 (site)", "twice"}, want{"line 1, serial", "missing"})
}

func TestFaultsOfJSON(t *testing.T) {
	envelope := func(devices string) string {
		return `{"manifest":"assay/v1","product":"sensor-s1","devices":[` + devices + `]}`
	}
	for _, row := range []struct {
		name, text string
		want       want
	}{
		{"no members", `{}`, want{}},
		{"another version", strings.Replace(envelope(`{"serial":"SN-00000001"}`), "v1", "v2", 1), want{"line 1, manifest", `assay/v1 is wanted`}},
		{"another product", strings.Replace(envelope(`{"serial":"SN-00000001"}`), "sensor-s1", "x", 1), want{"line 1, product", "sensor-s1 is wanted"}},
		{"another batch", `{"batch":"w48",` + envelope(`{"serial":"SN-00000001"}`)[1:], want{"line 1, batch", "w47 is wanted"}},
		{"no product", `{"manifest":"assay/v1","devices":[{"serial":"SN-00000001"}]}`, want{"line 1, product", "missing"}},
		{"an unknown member", `{"x":1,` + envelope(``)[1:], want{"line 1", `no member "x"`}},
		{"a member twice", `{"product":"sensor-s1",` + envelope(``)[1:], want{"line 1", "twice"}},
		{"devices twice", `{"devices":[],` + envelope(``)[1:], want{"line 1", "twice"}},
		{"devices as an object", `{"devices":{}}`, want{"line 1", `'[' is wanted`}},
		{"product as a number", `{"product":1}`, want{"line 1", "text in quotes"}},
		{"a key without quotes", `{product:"x"}`, want{"line 1", "text in quotes"}},
		{"a comma too many", envelope(`{"serial":"SN-00000001"},`), want{"line 1, devices[1]", "not JSON"}},
		{"a comma too few", envelope(`{"serial":"SN-00000001"}{"serial":"SN-00000002"}`), want{"line 1", `',' is wanted`}},
		{"cut", envelope(`{"serial":"SN-00000001"}`)[:70], want{"line 1", "ends early"}},
		{"cut between", `{"manifest":"assay/v1",`, want{"line 1", "ends early"}},
		{"something after", envelope(`{"serial":"SN-00000001"}`) + "{}", want{"line 1", "something follows"}},
		{"NUL after", envelope(`{"serial":"SN-00000001"}`) + "\x00", want{"line 1", "control"}},
		{"no devices", envelope(``), want{"line 1", "no device"}},

		{"a device that is text", envelope(`"SN-00000001"`), want{"line 1, devices[0]", "an object"}},
		{"a device that is no JSON", envelope("\n{\"serial\" \"x\"}"), want{"line 2, devices[0]", "not JSON"}},
		{"a device that is not UTF-8", envelope("{\"serial\":\"\xff\"}"), want{"line 1, devices[0]", "not UTF-8"}},
		{"half a character", envelope(`{"serial":"SN-00000001","attr":{"x":"\ud800"}}`), want{"line 1, devices[0].attr.x", "U+FFFD"}},
		{"no serial", envelope(`{}`), want{"line 1, devices[0].serial", "required"}},
		{"an empty serial", envelope(`{"serial":""}`), want{"line 1, devices[0].serial", "required"}},
		{"a serial twice", envelope("{\"serial\":\"SN-00000001\"},\n{\"serial\":\"SN-00000001\"}"), want{"line 2, devices[1].serial", "on line 1"}},
		{"a serial number that is a number", envelope(`{"serial":1}`), want{"line 1, devices[0].serial", "text is wanted"}},
		{"null", envelope(`{"serial":"SN-00000001","site":null}`), want{"line 1, devices[0].site", "text is wanted"}},
		{"a list", envelope(`{"serial":["SN-00000001"]}`), want{"line 1, devices[0]", "serial: text is wanted"}},
		{"an unknown member of a device", envelope(`{"serial":"SN-00000001","colour":"red"}`), want{"line 1, devices[0].colour", "no such member"}},
		{"an attribute beside attr", envelope(`{"serial":"SN-00000001","attr.x":"y","attr":{"x":"y"}}`), want{"line 1, devices[0]", "stand in the object attr"}},
		{"a member of a device twice", envelope(`{"serial":"SN-00000001","site":"leipzig","site":"leipzig"}`), want{"line 1, devices[0].site", "twice"}},
		{"attr as text", envelope(`{"serial":"SN-00000001","attr":"x"}`), want{"line 1, devices[0]", "attr is one object"}},
		{"attr twice", envelope(`{"serial":"SN-00000001","attr":{},"attr":{"x":"y"}}`), want{"line 1, devices[0]", "attr is one object"}},
		{"attr in attr", envelope(`{"serial":"SN-00000001","attr":{"attr":{"x":"y"}}}`), want{"line 1, devices[0]", "attr.attr: text is wanted"}},
		{"an attribute twice", envelope(`{"serial":"SN-00000001","attr":{"x":"y","x":"y"}}`), want{"line 1, devices[0].attr.x", "twice"}},
		{"an attribute's name", envelope(`{"serial":"SN-00000001","attr":{"X":"y"}}`), want{"line 1, devices[0].attr.X", "no such member"}},
		{"nine attributes", envelope(`{"serial":"SN-00000001","attr":{"1":"","2":"","3":"","4":"","5":"","6":"","7":"","8":"","9":""}}`), want{"line 1, devices[0].attr", "at most 8"}},
		{"a long device", envelope(`{"serial":"` + strings.Repeat("x", MaxRowBytes) + `"}`), want{"line 1", "longer than 4096"}},
		{"deep", envelope(strings.Repeat("[", 2000) + strings.Repeat("]", 2000)), want{"line 1, devices[0]", "an object"}},
		{"a long key", `{"` + strings.Repeat("x", MaxRowBytes), want{"line 1", "longer than 4096"}},
	} {
		if row.name == "no members" {
			checkFaults(t, row.name, row.text, rules(), want{"line 1, manifest", "missing"}, want{"line 1, product", "missing"}, want{"line 1, devices", "missing"})
			continue
		}
		checkFaults(t, row.name, row.text, rules(), row.want)
	}
}

func TestAHundredFaultsAndACount(t *testing.T) {
	_, err := Read(strings.NewReader("serial\n"+strings.Repeat("x\n", 250)), "", rules())
	e, ok := errors.AsType[*FaultsError](err)
	if !ok || len(e.Faults) != MaxFaults || e.Total != 250 || !strings.HasSuffix(err.Error(), "; and 150 more") {
		t.Errorf("got %d faults of %d", len(e.Faults), e.Total)
	}
}

func TestTheReadersErrorIsReturned(t *testing.T) {
	gone := errors.New("connection gone")
	for _, text := range []string{"", "serial\nSN-0000", "{\"manifest\":\"assay/v1\"", `{"devices":[{"serial"`, "serial\n\"SN"} {
		for _, format := range []string{CSV, JSON, ""} {
			if m, err := Read(io.MultiReader(strings.NewReader(text), iotest.ErrReader(gone)), format, rules()); m != nil || err == nil {
				t.Errorf("%q as %q: %v", text, format, err)
			} else if _, faulty := errors.AsType[*FaultsError](err); !faulty && !errors.Is(err, gone) {
				t.Errorf("%q as %q: got %v", text, format, err)
			}
		}
	}
	if _, err := Read(iotest.ErrReader(gone), "", rules()); !errors.Is(err, gone) {
		t.Errorf("at once: %v", err)
	}
	if _, err := Read(strings.NewReader(""), "xml", rules()); err == nil {
		t.Error("XML is accepted")
	}
}

func TestTheFileIsBounded(t *testing.T) {
	for _, text := range []string{"serial\nSN-00000001\nSN-00000002\n", `{"manifest":"assay/v1","product":"sensor-s1","devices":[{"serial":"SN-00000001"}]}`} {
		if _, err := read(strings.NewReader(text), "", rules(), bounds{int64(len(text)), 2}); err != nil {
			t.Errorf("as long as may be: %v", err)
		}
		_, err := read(iotest.OneByteReader(strings.NewReader(text)), "", rules(), bounds{int64(len(text)) - 1, 2})
		if e, ok := errors.AsType[*FaultsError](err); !ok || !strings.Contains(e.Error(), "the file is longer than") {
			t.Errorf("an octet longer: %v", err)
		}
	}
}

// rowsReader makes a file of n rows.
type rowsReader struct {
	n, at int
	head  string
	row   func(int) string
	rest  []byte
}

func (r *rowsReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.at > r.n {
			return 0, io.EOF
		}
		if r.at == 0 {
			r.rest = []byte(r.head)
		} else {
			r.rest = []byte(r.row(r.at))
		}
		r.at++
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Len is what is left; all rows have the same length.
func (r *rowsReader) Len() int {
	if r.at == 0 {
		return len(r.head) + r.n*len(r.row(1))
	}
	return len(r.rest) + (r.n-r.at+1)*len(r.row(1))
}

// A million rows would take five times what these do.
func TestMemoryIsForTheRows(t *testing.T) {
	const n, mostMiB = MaxRows / 5, 80
	file := &rowsReader{n: n, head: "serial,site,public_key_sha256,attr.customer\n", row: func(i int) string {
		return fmt.Sprintf("SN-%08d,leipzig,%064x,ACME\n", i, i)
	}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m, err := Read(file, "", rules())
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if len(m.Rows) != n || m.Rows[n-1].Serial != "SN-00200000" || m.Line(n-1) != n+1 {
		t.Errorf("%d rows", len(m.Rows))
	}
	if held := (after.HeapAlloc - before.HeapAlloc) >> 20; held > mostMiB {
		t.Errorf("%d rows hold %d MiB", n, held)
	}
	// What was thrown away on the way, the reading of the rows apart.
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 3*mostMiB {
		t.Errorf("%d rows took %d MiB in all", n, used)
	}
	runtime.KeepAlive(m)
}

func TestTheRowsAreBounded(t *testing.T) {
	for _, text := range []string{
		"serial\nSN-00000001\nSN-00000002\nSN-00000003\n",
		"{\"devices\":[\n{\"serial\":\"SN-00000001\"},\n{\"serial\":\"SN-00000002\"},\n{\"serial\":\"SN-00000003\"}],\"product\":\"sensor-s1\",\"manifest\":\"assay/v1\"}",
	} {
		if _, err := read(strings.NewReader(text), "", rules(), bounds{MaxBytes, 3}); err != nil {
			t.Errorf("as many as may be: %v", err)
		}
		_, err := read(strings.NewReader(text), "", rules(), bounds{MaxBytes, 2})
		if e, ok := errors.AsType[*FaultsError](err); !ok || e.Faults[0].String() != "line 4: more than 2 devices" {
			t.Errorf("one more: %v", err)
		}
	}
}

// A reader that knows its length lets the rows be kept in one piece.
func TestRoomIsMadeOnce(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("serial\n")
	const n = 50_000
	for i := range n {
		fmt.Fprintf(&b, "SN-%08d\n", i)
	}
	m, err := Read(&b, "", rules())
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Rows) != n || cap(m.Rows) > n+n/10 {
		t.Errorf("%d rows, room for %d", len(m.Rows), cap(m.Rows))
	}
}

func TestWriteCSV(t *testing.T) {
	rows := []store.Expectation{device("SN-00000001"), device("=cmd|'/C calc'!A0"), device("-1")}
	rows[0].AKName = unhex(t, strings.ToUpper(akName))
	rows[1].Attributes = []store.Attribute{{Name: "x", Value: "@SUM(1,2)"}}
	rows[2].Attributes = []store.Attribute{{Name: "b", Value: "+49"}, {Name: "x", Value: "\tq\"\r"}}
	var b strings.Builder
	if err := WriteCSV(&b, rows); err != nil {
		t.Fatal(err)
	}
	want := "serial,ak_name,attr.b,attr.x\n" +
		"SN-00000001," + akName + ",,\n" +
		"'=cmd|'/C calc'!A0,,,\"'@SUM(1,2)\"\n" +
		"'-1,,'+49,\"'\tq\"\"\r\"\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for s, want := range map[string]string{"": "", "a=b": "a=b", "\rx": "'\rx", "\tx": "'\tx", "'": "'", "+": "'+"} {
		if got := EscapeCell(s); got != want {
			t.Errorf("EscapeCell(%q) = %q", s, got)
		}
	}
	if err := WriteCSV(failing{}, rows); err == nil {
		t.Error("a writer that fails is no error")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"serial,ak_name,attr.customer\nSN-00000001,,ACME\n", "\ufeffserial\r\nSN-00000001\r\n", "serial\n\"SN-00000001\"\"\n", "serial\nSN-1\r", "",
		"site,line,serial,vendor_id\nleipzig,l3,SN-00000001,V\n", "serial,eat_id\nSN-00000001," + eatID, "serial,public_key_sha256\nSN-00000001," + digest,
		`{"manifest":"assay/v1","product":"sensor-s1","batch":"w47","devices":[{"serial":"SN-00000001","ak_name":"` + akName + `","attr":{"customer":"ACME"}}]}`,
		`{"devices":[{},{"serial":1},[],"x",]}`, `{"manifest":"assay/v1","product":"sensor-s1","devices":[{"serial":"SN-00000001","attr":{"attr":{"x":"\ud800\\"}}}]} `,
		"serial\n" + strings.Repeat(",", 5000), "{\"\\u0000", "serial\nSN-00000001\n\n", "serial,attr.x\nSN-00000001,\"a\nb\"\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Read(bytes.NewReader(b), "", rules())
		if err != nil {
			e, ok := errors.AsType[*FaultsError](err)
			if !ok || len(e.Faults) == 0 || len(e.Faults) > MaxFaults || e.Total < len(e.Faults) {
				t.Fatalf("got %v, want faults", err)
			}
			return
		}
		if len(m.Rows) == 0 || m.SHA256 != sha256.Sum256(b) || m.Line(len(m.Rows)-1) < 1 {
			t.Fatalf("%d rows, hash %x", len(m.Rows), m.SHA256)
		}
		var out bytes.Buffer
		if err := WriteCSV(&out, m.Rows); err != nil {
			t.Fatal(err)
		}
		again, err := Read(&out, CSV, rules())
		if err != nil {
			t.Fatalf("what was written does not read: %v\n%s", err, out.String())
		}
		for i := range again.Rows { // escaped cells differ, serials of this product are never escaped
			if again.Rows[i].Serial != m.Rows[i].Serial || !bytes.Equal(again.Rows[i].AKName, m.Rows[i].AKName) {
				t.Fatalf("row %d: got %+v, want %+v", i, again.Rows[i], m.Rows[i])
			}
		}
	})
}
