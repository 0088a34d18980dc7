package crl

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/assay-pki/assay/store"
)

// publication is a list as it is on disk. It never changes.
type publication struct {
	key        key
	path       string // below /crl/, without ".crl"
	file       string
	url        string
	number     uint64
	thisUpdate time.Time
	nextUpdate time.Time
	signedAt   time.Time
	period     time.Duration
	entries    int
	size       int64
	etag       string
	// der is the list itself when it is small; nil: read the file.
	der []byte
}

// newPublication describes a list that was checked.
func (p *Publisher) newPublication(i *issuer, k key, l *list, der []byte, entries int) *publication {
	period, life := i.timing(k)
	pub := &publication{
		key:        k,
		path:       i.path(k),
		file:       filepath.Join(p.cfg.Dir, "crl", filepath.FromSlash(i.path(k))+".crl"),
		url:        p.url(i, k),
		number:     l.number,
		thisUpdate: l.thisUpdate,
		nextUpdate: l.nextUpdate,
		signedAt:   l.nextUpdate.Add(-life),
		period:     period,
		entries:    entries,
		size:       int64(len(der)),
		// The number is given once; the signature's end tells apart what a
		// restored store might number again.
		etag: fmt.Sprintf("%x-%x", l.number, der[len(der)-8:]),
	}
	if len(der) <= maxInMemory {
		pub.der = bytes.Clone(der)
	}
	return pub
}

// modified is the list's Last-Modified: the number is never below the Unix
// seconds of signing and rises with each list, so that two lists of one second
// differ. One that lies in the future is not said (RFC 9110 §8.8.2.1).
func (pub *publication) modified(now time.Time) time.Time {
	if at := time.Unix(int64(pub.number), 0); !at.After(now) {
		return at
	}
	return time.Time{}
}

// open returns the list's bytes. Call it under p.mu: a file is replaced and its
// publication changed in one step.
func (pub *publication) open() (io.ReaderAt, io.Closer, error) {
	if pub.der != nil {
		return bytes.NewReader(pub.der), io.NopCloser(nil), nil
	}
	f, err := os.Open(pub.file)
	if err != nil {
		return nil, nil, fmt.Errorf("open a list: %w", err)
	}
	return f, f, nil
}

// read returns the whole list, for the comparison with its successor.
func (pub *publication) read() ([]byte, error) {
	if pub.der != nil {
		return pub.der, nil
	}
	b, err := os.ReadFile(pub.file)
	if err != nil {
		return nil, fmt.Errorf("read the list published before: %w", err)
	}
	return b, nil
}

// Published describes a list that is being served.
type Published struct {
	IssuerID store.IssuerID
	// Issuer is its name, as "devices-1".
	Issuer string
	// Scope is "complete" or a shard number in decimal.
	Scope      string
	Number     uint64
	ThisUpdate time.Time
	NextUpdate time.Time
	Entries    int
	// Size is in octets of DER.
	Size int64
	URL  string
}

// List returns what is published, the complete list of each issuer before its
// shards.
func (p *Publisher) List() []Published {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var all []Published
	for _, pub := range sortedPublications(p.published) {
		name, _, _ := strings.Cut(pub.path, "/")
		all = append(all, Published{
			IssuerID: pub.key.issuer, Issuer: name, Scope: pub.key.scope(), Number: pub.number,
			ThisUpdate: pub.thisUpdate, NextUpdate: pub.nextUpdate,
			Entries: pub.entries, Size: pub.size, URL: pub.url,
		})
	}
	return all
}
