package wire_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/assay-pki/assay/enroll/wire"
	"github.com/google/go-cmp/cmp"
	"github.com/smallstep/pkcs7"
)

func twoCertificates(t testing.TB) [][]byte {
	t.Helper()
	var certs [][]byte
	rest := golden(t, "two.pem")
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return certs
		}
		certs = append(certs, block.Bytes)
	}
}

func TestCertsOnlyIsWhatOpensslWrites(t *testing.T) {
	certs := twoCertificates(t)
	if diff := cmp.Diff(golden(t, "two.p7"), wire.CertsOnly(certs...)); diff != "" {
		t.Errorf("EST-037 two certificates (-openssl +ours):\n%s", diff)
	}
	if diff := cmp.Diff(golden(t, "none.p7"), wire.CertsOnly()); diff != "" {
		t.Errorf("no certificate (-openssl +ours):\n%s", diff)
	}
	for _, name := range []string{"two.p7", "none.p7"} {
		got, err := wire.ParseCertsOnly(golden(t, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := certs
		if name == "none.p7" {
			want = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestCertsOnlyIsReadBySmallstep(t *testing.T) {
	certs := twoCertificates(t)
	p7, err := pkcs7.Parse(wire.CertsOnly(certs...))
	if err != nil {
		t.Fatal(err)
	}
	if len(p7.Certificates) != 2 || !bytes.Equal(p7.Certificates[1].Raw, certs[1]) {
		t.Errorf("pkcs7 read %d certificates, want our two in order", len(p7.Certificates))
	}
	var all []byte
	for _, c := range certs {
		all = append(all, c...)
	}
	theirs, err := pkcs7.DegenerateCertificate(all)
	if err != nil {
		t.Fatal(err)
	}
	got, err := wire.ParseCertsOnly(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(certs, got); diff != "" {
		t.Errorf("read from pkcs7's message (-want +got):\n%s", diff)
	}
}

func TestCertsOnlyIsReadByOpenssl(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed: apt-get install openssl")
	}
	file := filepath.Join(t.TempDir(), "certs.p7")
	if err := os.WriteFile(file, wire.CertsOnly(twoCertificates(t)...), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(openssl, "pkcs7", "-inform", "DER", "-in", file, "-print_certs").CombinedOutput()
	if err != nil || bytes.Count(out, []byte("BEGIN CERTIFICATE")) != 2 {
		t.Errorf("openssl pkcs7: %v\n%s", err, out)
	}
}

func TestParseCertsOnlyRefuses(t *testing.T) {
	cert := twoCertificates(t)[0]
	good := wire.CertsOnly(cert)
	many := make([][]byte, wire.MaxCertificates+1)
	for i := range many {
		many[i] = cert
	}
	indefinite := append([]byte{0x30, 0x80}, good[4:]...)
	for name, c := range map[string]struct {
		der  []byte
		want error
	}{
		"empty":            {nil, wire.ErrMalformed},
		"trailing":         {append(bytes.Clone(good), 0), wire.ErrMalformed},
		"cut":              {good[:len(good)-1], wire.ErrMalformed},
		"BER":              {append(indefinite, 0, 0), wire.ErrMalformed},
		"a certificate":    {cert, wire.ErrMalformed},
		"not signed data":  {bytes.Replace(good, []byte("\x01\x07\x02"), []byte("\x01\x07\x03"), 1), wire.ErrMalformed},
		"not data":         {bytes.Replace(good, []byte("\x01\x07\x01"), []byte("\x01\x07\x05"), 1), wire.ErrMalformed},
		"not certificates": {wire.CertsOnly([]byte{0x04, 0x00}), wire.ErrMalformed},
		"too many":         {wire.CertsOnly(many...), wire.ErrTooComplex},
		"too long":         {make([]byte, wire.MaxResponseBody+1), wire.ErrTooComplex},
	} {
		if got, err := wire.ParseCertsOnly(c.der); !errors.Is(err, c.want) {
			t.Errorf("%s: got %d certificates, %v; want %v", name, len(got), err, c.want)
		}
	}
}
