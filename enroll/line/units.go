package line

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/wire"
)

// Source is what is to be enrolled. Its methods may be called concurrently.
type Source interface {
	// Units are the serials, each once, in the order of work.
	Units() []string
	// Request is what to ask for one of them: always the same CSR, once one
	// was saved.
	Request(serial string) (client.Request, error)
}

// Fault is a file that cannot be worked, and why.
type Fault struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// Directory is a Source of CSRs that were made elsewhere, one a file.
type Directory struct {
	dir     string
	serials []string
	file    map[string]string
	state   func(ctx context.Context, serial string, nonce, csr []byte) ([]byte, error)
}

// OpenDirectory finds the CSRs of a directory, PEM or DER, in the order of
// their serials. What is no CSR, and all but the first of one serial, are
// faults; names that begin with a dot and directories are passed over.
func OpenDirectory(dir string) (*Directory, []Fault, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	d := &Directory{dir: dir, file: map[string]string{}}
	var faults []Fault
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || e.IsDir() {
			continue
		}
		if len(d.serials) == maxUnits {
			return nil, nil, fmt.Errorf("%w: more than %d requests in %s", ErrConfig, maxUnits, dir)
		}
		serial, err := d.serialIn(e) // the rest again when its turn comes: a million are large
		if err == nil && d.file[serial] != "" {
			err = fmt.Errorf("serial %s stands in %s already", serial, d.file[serial])
		}
		if err != nil {
			faults = append(faults, Fault{e.Name(), err.Error()})
			continue
		}
		d.file[serial] = e.Name()
		d.serials = append(d.serials, serial)
	}
	slices.Sort(d.serials)
	return d, faults, nil
}

// Statement makes d send a station's statement about each CSR.
func (d *Directory) Statement(state func(ctx context.Context, serial string, nonce, csr []byte) ([]byte, error)) {
	d.state = state
}

// serialIn is whose request an entry of the directory is. What opening would
// wait for, as a pipe, is not opened.
func (d *Directory) serialIn(e os.DirEntry) (string, error) {
	info, err := os.Stat(filepath.Join(d.dir, e.Name())) // where a link leads
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errNoFile
	}
	_, serial, err := d.read(e.Name())
	return serial, err
}

func (d *Directory) read(name string) (csr []byte, serial string, err error) {
	text, err := readFile(filepath.Join(d.dir, name), maxCSRFile)
	if err != nil {
		return nil, "", err
	}
	csr = block(text, "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
	request, err := wire.ParseCSR(csr)
	if err != nil {
		return nil, "", err
	}
	if serial, err = request.SubjectSerial(); err != nil {
		return nil, "", err
	}
	return csr, serial, checkSerial(serial)
}

// Units are the serials of the CSRs, sorted.
func (d *Directory) Units() []string { return d.serials }

// Request is the CSR of a unit.
func (d *Directory) Request(serial string) (client.Request, error) {
	csr, got, err := d.read(d.file[serial])
	if err != nil {
		return client.Request{}, fmt.Errorf("read the request of %s: %w", serial, err)
	}
	if got != serial {
		return client.Request{}, fmt.Errorf("%s is now the request of %q, it was of %q", d.file[serial], got, serial)
	}
	r := client.Request{CSR: csr}
	if d.state != nil {
		r.Statement = func(ctx context.Context, nonce, csr []byte) ([]byte, error) { return d.state(ctx, serial, nonce, csr) }
	}
	return r, nil
}

var (
	errNoFile = errors.New("not a file")
	errSerial = errors.New("serial is empty, longer than 64 octets or not printable ASCII")
)

func checkSerial(serial string) error {
	if serial == "" || len(serial) > maxSerial || strings.ContainsFunc(serial, func(r rune) bool { return r < 0x20 || r >= 0x7f }) {
		return errSerial
	}
	return nil
}

// fileName is a serial as the name of a file: what is no letter, digit or one
// of "._:-" is written %XX, and so is a dot at the beginning.
func fileName(serial string) string {
	var b strings.Builder
	for i := range len(serial) {
		switch c := serial[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			c == '_', c == ':', c == '-', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
