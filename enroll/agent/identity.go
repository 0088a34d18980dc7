package agent

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Names in the directory and in each generation.
const (
	certFile    = "device.crt"
	keyFile     = "device.key"
	chainFile   = "chain.crt"
	rootsFile   = "roots.crt"
	stateFile   = "state.json"
	serverFile  = "server-ca.crt"
	currentLink = "current"
	pendingDir  = "pending"
	genPrefix   = "gen-"
)

// linked are the names that lead into the current generation.
func linked() []string { return []string{certFile, keyFile, chainFile, rootsFile, stateFile} }

func isGeneration(name string) bool {
	_, ok := generationNumber(name)
	return ok
}

func generationNumber(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, genPrefix)
	n, err := strconv.ParseUint(digits, 10, 31)
	return int(n), ok && err == nil && len(digits) == 6
}

func generationName(n int) string { return fmt.Sprintf("%s%06d", genPrefix, n) }

// identity is one generation, read or to be written.
type identity struct {
	generation string
	key        crypto.Signer
	cert       *x509.Certificate
	chain      []*x509.Certificate
	roots      []*x509.Certificate
	// serverCAs are trusted for the EST server besides roots.
	serverCAs []*x509.Certificate
	state     State
}

// current is the name of the current generation; empty without one.
func (d disk) current() (string, error) {
	target, err := os.Readlink(d.path(currentLink))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("%w: %s: %w", ErrDirectory, currentLink, err)
	case !isGeneration(target):
		return "", fmt.Errorf("%w: %s leads to %q", ErrDirectory, currentLink, target)
	}
	return target, nil
}

// load reads the current generation, resolving the link once. One that two
// renewals replaced and removed meanwhile is not damaged: the newer one is read.
// The error is ErrNotEnrolled without one, ErrDamaged when it says nothing that
// we know.
func (d disk) load() (*identity, error) {
	name, err := d.current()
	for err == nil && name != "" {
		id, failed := d.loadGeneration(name)
		if failed == nil {
			return id, nil
		}
		before := name
		if name, err = d.current(); name != before {
			continue
		}
		if errors.Is(failed, fs.ErrPermission) {
			return nil, fmt.Errorf("read %s: %w", d.path(name), failed)
		}
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, d.path(name), failed)
	}
	if err == nil {
		err = ErrNotEnrolled
	}
	return nil, err
}

func (d disk) loadGeneration(name string) (*identity, error) {
	id := &identity{generation: name}
	cert, err := d.certificates(name, certFile)
	if err != nil {
		return nil, err
	}
	id.cert = cert[0]
	if id.roots, err = d.certificates(name, rootsFile); err != nil {
		return nil, err
	}
	if id.chain, err = d.maybeCertificates(name, chainFile); err != nil {
		return nil, err
	}
	if id.serverCAs, err = d.maybeCertificates(name, serverFile); err != nil {
		return nil, err
	}
	b, err := d.read(filepath.Join(name, keyFile))
	if err != nil {
		return nil, err
	}
	if id.key, err = ParseKey(b); err != nil {
		return nil, fmt.Errorf("%s: %w", keyFile, err)
	}
	if !samePublicKey(id.cert, id.key) {
		return nil, fmt.Errorf("%w: %s is not the key of %s", ErrDirectory, keyFile, certFile)
	}
	if b, err = d.read(filepath.Join(name, stateFile)); err != nil {
		return nil, err
	}
	id.state, err = decodeState(b)
	return id, err
}

func (d disk) certificates(generation, name string) ([]*x509.Certificate, error) {
	b, err := d.read(filepath.Join(generation, name))
	if err != nil {
		return nil, err
	}
	certs, err := ParseCertificates(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return certs, nil
}

// maybeCertificates are those of a file that may be missing or empty.
func (d disk) maybeCertificates(generation, name string) ([]*x509.Certificate, error) {
	b, err := d.read(filepath.Join(generation, name))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(b) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return d.certificates(generation, name)
}

// files are the generation's files.
func (id *identity) files() ([]file, error) {
	key, err := encodeKey(id.key)
	if err != nil {
		return nil, err
	}
	state, err := id.state.encode()
	if err != nil {
		return nil, err
	}
	files := []file{
		{name: keyFile, secret: true, data: key},
		{name: certFile, data: encodeCertificates(id.cert)},
		{name: chainFile, data: encodeCertificates(id.chain...)},
		{name: rootsFile, data: encodeCertificates(id.roots...)},
		{name: stateFile, data: state},
	}
	if len(id.serverCAs) > 0 {
		files = append(files, file{name: serverFile, data: encodeCertificates(id.serverCAs...)})
	}
	return files, nil
}

// install makes id the current identity. If we stop before its last step, the
// pending request fetches the same certificate again.
func (d disk) install(id *identity) error {
	if err := d.stage(id); err != nil {
		return err
	}
	return d.activate(id)
}

// stage writes id as a generation that is not the current one.
func (d disk) stage(id *identity) error {
	newest, err := d.newest()
	if err != nil {
		return err
	}
	id.generation = generationName(newest + 1)
	files, err := id.files()
	if err != nil {
		return err
	}
	return d.writeDir(id.generation, files)
}

// activate makes a staged generation the current one, in its last step.
func (d disk) activate(id *identity) error {
	// At the first enrolment these lead nowhere until the last line.
	for _, name := range linked() {
		if err := d.link(filepath.Join(currentLink, name), name); err != nil {
			return err
		}
	}
	return d.link(id.generation, currentLink)
}

// candidate is the certificate that a pending renewal was answered with and
// that is not proved yet; nil without one.
func (d disk) candidate(current string, p *pending) *identity {
	if current == "" || p == nil || p.Operation != opRenew || p.csr == nil {
		return nil
	}
	newest, err := d.newest()
	name := generationName(newest)
	if err != nil || name <= current {
		return nil
	}
	id, err := d.loadGeneration(name)
	if err != nil || id.state.Request != p.hash() {
		return nil
	}
	return id
}

// newest is the number of the newest generation, current or not; 0 for none.
func (d disk) newest() (int, error) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return 0, err
	}
	newest := 0
	for _, e := range entries {
		if n, ok := generationNumber(e.Name()); ok {
			newest = max(newest, n)
		}
	}
	return newest, nil
}

// tls is the credential for the next request.
func (id *identity) tls() *tls.Certificate {
	c := &tls.Certificate{PrivateKey: id.key, Leaf: id.cert}
	for _, cert := range append([]*x509.Certificate{id.cert}, id.chain...) {
		c.Certificate = append(c.Certificate, cert.Raw)
	}
	return c
}

// serverRoots are whom the EST server may chain to.
func (id *identity) serverRoots() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, list := range [][]*x509.Certificate{id.roots, id.serverCAs} {
		for _, cert := range list {
			pool.AddCert(cert)
		}
	}
	return pool
}
