package line

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Station is the credential of a station and what it knows of its line.
type Station struct {
	Info
	// Certificate is that of station.crt with the key of station.key.
	Certificate tls.Certificate
	// Roots are those of ca.crt.
	Roots *x509.CertPool
}

// Info is station.json; members that it does not know are let be.
type Info struct {
	EST       string   `json:"est"`
	Authority string   `json:"authority"`
	Station   string   `json:"station"`
	Site      string   `json:"site"`
	Line      string   `json:"line"`
	Products  []string `json:"products"`
	Batches   []string `json:"batches"`
}

// OpenStation reads the directory that 'assay station create' wrote.
func OpenStation(dir string) (*Station, error) {
	s := &Station{Roots: x509.NewCertPool()}
	text, err := readFile(filepath.Join(dir, "station.json"), maxFile)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &s.Info); err != nil {
		return nil, fmt.Errorf("read station.json: %w", err)
	}
	if s.EST == "" || s.Station == "" {
		return nil, fmt.Errorf("%w: station.json names no est or no station", ErrConfig)
	}
	cert, err1 := readFile(filepath.Join(dir, "station.crt"), maxFile)
	key, err2 := readFile(filepath.Join(dir, "station.key"), maxFile)
	roots, err3 := readFile(filepath.Join(dir, "ca.crt"), maxFile)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	if s.Certificate, err = tls.X509KeyPair(cert, key); err != nil {
		return nil, fmt.Errorf("read station.crt and station.key: %w", err)
	}
	if !s.Roots.AppendCertsFromPEM(roots) {
		return nil, errors.New("read ca.crt: no certificate in PEM")
	}
	return s, nil
}

// Product is the one to enrol: the named one, else the only one of the station,
// else ErrNoProduct.
func (s *Station) Product(named string) (string, error) {
	switch {
	case named != "":
		return named, nil
	case len(s.Products) == 1:
		return s.Products[0], nil
	case len(s.Products) == 0:
		return "", fmt.Errorf("%w: station %s is for every product", ErrNoProduct, s.Station)
	}
	return "", fmt.Errorf("%w: station %s is for %s", ErrNoProduct, s.Station, strings.Join(s.Products, ", "))
}

// Key signs what the station says.
func (s *Station) Key() (crypto.Signer, error) {
	key, ok := s.Certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: the station's key cannot sign", ErrConfig)
	}
	return key, nil
}

// readFile reads a whole file of bounded size.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is longer than %d octets", path, limit)
	}
	return b, err
}

// block is the first PEM block of one of the types; the octets themselves when
// there is no armour at all.
func block(text []byte, types ...string) []byte {
	for rest := text; ; {
		var b *pem.Block
		b, rest = pem.Decode(rest)
		if b == nil {
			return text
		}
		for _, t := range types {
			if b.Type == t {
				return b.Bytes
			}
		}
	}
}
