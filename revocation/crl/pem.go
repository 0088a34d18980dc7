package crl

import (
	"encoding/base64"
	"io"
)

const (
	pemBegin = "-----BEGIN X509 CRL-----\n"
	pemEnd   = "-----END X509 CRL-----\n"
	// A line of PEM is 64 characters, 48 octets (RFC 7468 §2).
	pemLineOctets = 48
	pemLine       = 64 + 1
)

// pemReader is the PEM form of a list, made where it is read: a bundle of large
// lists takes no memory, and ranges of it cost what they hold.
type pemReader struct {
	der  io.ReaderAt
	size int64 // of the DER
}

// bodySize is the size of the base64 lines.
func (p pemReader) bodySize() int64 {
	characters := (p.size + 2) / 3 * 4
	return characters + (characters+pemLine-2)/(pemLine-1)
}

// length is the size of the PEM form.
func (p pemReader) length() int64 {
	return int64(len(pemBegin)) + p.bodySize() + int64(len(pemEnd))
}

// ReadAt implements io.ReaderAt.
func (p pemReader) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	body, begin := p.bodySize(), int64(len(pemBegin))
	for n < len(b) {
		at := off + int64(n)
		switch {
		case at < begin:
			n += copy(b[n:], pemBegin[at:])
		case at < begin+body:
			lines, err := p.lines(at-begin, len(b)-n)
			if err != nil {
				return n, err
			}
			n += copy(b[n:], lines)
		case at < begin+body+int64(len(pemEnd)):
			n += copy(b[n:], pemEnd[at-begin-body:])
		default:
			return n, io.EOF
		}
	}
	return n, nil
}

// lines returns up to about want characters of the body from off.
func (p pemReader) lines(off int64, want int) ([]byte, error) {
	first := off / pemLine
	count := int64(min(want, pemChunk))/pemLine + 2
	octets := min(count*pemLineOctets, p.size-first*pemLineOctets)
	der := make([]byte, octets)
	// io.ReaderAt may say io.EOF with the last octets.
	if n, err := p.der.ReadAt(der, first*pemLineOctets); int64(n) < octets {
		return nil, unexpected(err)
	}
	text := make([]byte, 0, (octets/pemLineOctets+1)*pemLine)
	for len(der) > 0 {
		n := min(len(der), pemLineOctets)
		text = base64.StdEncoding.AppendEncode(text, der[:n])
		text = append(text, '\n')
		der = der[n:]
	}
	return text[off-first*pemLine:], nil
}

func unexpected(err error) error {
	if err == io.EOF { //nolint:errorlint // io.ReaderAt returns it bare
		return io.ErrUnexpectedEOF
	}
	return err
}

// chain is several readers one after the other.
type chain []*io.SectionReader

func (c chain) length() int64 {
	var n int64
	for _, part := range c {
		n += part.Size()
	}
	return n
}

// ReadAt implements io.ReaderAt.
func (c chain) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	for _, part := range c {
		if off >= part.Size() {
			off -= part.Size()
			continue
		}
		read, err := part.ReadAt(b[n:], off)
		n += read
		if n == len(b) {
			return n, nil
		}
		if err != nil && err != io.EOF { //nolint:errorlint // as above
			return n, err
		}
		off = 0
	}
	return n, io.EOF
}
