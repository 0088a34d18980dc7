package main

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// readSmall reads a file of limited size; "-" is standard input.
func (a *app) readSmall(path string, most int64) ([]byte, error) {
	if path == "-" {
		return readLimited(a.in, "standard input", most)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	defer f.Close()
	return readLimited(f, path, most)
}

func readLimited(r io.Reader, name string, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("read %s: %s", name, tooLarge(most))
	}
	return text, nil
}

// derOf returns the DER of the first PEM block of a type, or the bytes
// themselves when they are not PEM.
func derOf(text []byte, kind string) ([]byte, error) {
	if !bytes.Contains(text, []byte("-----BEGIN")) {
		return text, nil
	}
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, fmt.Errorf("no PEM block of type %s", kind)
		}
		if block.Type == kind {
			return block.Bytes, nil
		}
	}
}

// parseCertificates reads every certificate of PEM text, or one of DER.
func parseCertificates(text []byte) ([]*x509.Certificate, error) {
	if !bytes.Contains(text, []byte("-----BEGIN")) {
		c, err := x509.ParseCertificate(text)
		if err != nil {
			return nil, fmt.Errorf("parse the certificate: %w", err)
		}
		return []*x509.Certificate{c}, nil
	}
	var certs []*x509.Certificate
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parse the certificate: %w", err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("no certificate in it")
	}
	return certs, nil
}

func pemCertificate(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// serialText is a serial number as it is shown and asked for: 32 hex digits.
func serialText(c *x509.Certificate) string {
	return hex.EncodeToString(c.SerialNumber.FillBytes(make([]byte, max(16, (c.SerialNumber.BitLen()+7)/8))))
}

// parseSerial reads a serial number in hex, with or without colons.
func parseSerial(text string) (string, bool) {
	digits := strings.ToLower(strings.ReplaceAll(text, ":", ""))
	raw, err := hex.DecodeString(digits)
	return digits, err == nil && len(raw) == 16
}

// subject is what an ID argument names: a device, or a certificate.
type subject struct {
	device string
	serial string
	// certificate is set when the argument was a file.
	certificate *x509.Certificate
}

// readSubject understands PRODUCT/SERIAL, a serial number in hex, and the name
// of a certificate file. A file that is there wins over PRODUCT/SERIAL.
func (a *app) readSubject(id string) (subject, error) {
	if serial, ok := parseSerial(id); ok {
		return subject{serial: serial}, nil
	}
	info, err := os.Stat(id)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !strings.Contains(id, "/") {
		return subject{}, fmt.Errorf("read %s: %w", id, err)
	}
	if (err == nil && info.Mode().IsRegular()) || id == "-" {
		return a.subjectOfFile(id)
	}
	if product, serial, ok := strings.Cut(id, "/"); ok && product != "" && serial != "" && !strings.HasPrefix(id, ".") {
		return subject{device: id}, nil
	}
	return subject{}, failID(id)
}

func (a *app) subjectOfFile(path string) (subject, error) {
	text, err := a.readSmall(path, maxSmallFile)
	if err != nil {
		return subject{}, err
	}
	certs, err := parseCertificates(text)
	if err != nil {
		return subject{}, fmt.Errorf("%s: %w", path, err)
	}
	return subject{serial: serialText(certs[0]), certificate: certs[0]}, nil
}
