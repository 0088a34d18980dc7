package agent

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"

	"github.com/assay-pki/assay/enroll/client"
)

// operation is what a pending request asks for.
type operation string

const (
	opEnroll operation = "enroll"
	opRenew  operation = "renew"
)

const (
	requestFile = "request.csr"
	aboutFile   = "request.json"
)

// pending is a request that was or will be sent and has no answer on disk.
// Key and CSR stay until the answer is installed: a signature of ECDSA is not
// made twice alike, and only equal octets are answered alike.
type pending struct {
	about
	key crypto.Signer
	csr []byte
}

type about struct {
	Operation operation `json:"operation"`
	Product   string    `json:"product"`
	Serial    string    `json:"serial"`
}

func (p *pending) hash() string {
	sum := sha256.Sum256(p.csr)
	return hex.EncodeToString(sum[:])
}

// loadPending returns nil when there is none.
func (d disk) loadPending() (*pending, error) {
	b, err := d.read(filepath.Join(pendingDir, aboutFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &pending{}
	if err := json.Unmarshal(b, &p.about); err != nil {
		return nil, fmt.Errorf("%s: %w", aboutFile, err)
	}
	if p.csr, err = d.read(filepath.Join(pendingDir, requestFile)); err != nil {
		return nil, err
	}
	if b, err = d.read(filepath.Join(pendingDir, keyFile)); err != nil {
		return nil, err
	}
	if p.key, err = ParseKey(b); err != nil {
		return nil, fmt.Errorf("%s of the pending request: %w", keyFile, err)
	}
	return p, nil
}

// save makes the request durable, in the place of an older one; nothing may
// be sent before it returns.
func (d disk) save(p *pending) error {
	key, err := encodeKey(p.key)
	if err != nil {
		return err
	}
	what, err := json.Marshal(p.about)
	if err != nil {
		return err
	}
	if err := d.remove(pendingDir); err != nil {
		return err
	}
	return d.writeDir(pendingDir, []file{
		{name: keyFile, secret: true, data: key},
		{name: requestFile, data: p.csr},
		{name: aboutFile, data: what},
	})
}

// hopeless says whether a refusal is about the request itself, so that the
// same octets will never be answered: it is thrown away, and the next attempt
// makes a new key. Any other refusal (a token, a batch, a hold) can be mended
// without, and an answer may still be waiting.
func hopeless(err error) bool {
	refusal, ok := errors.AsType[*client.Refusal](err)
	if !ok {
		return false
	}
	switch refusal.Reason {
	case "key-of-another-device", "key-blocked", "rekey-required", "name-not-allowed",
		"subject-mismatch", "claimed-serial-mismatch", "csr-breaks-attrs":
		return true
	case "product-ambiguous":
		return false
	}
	return refusal.Status == http.StatusBadRequest || outdated(refusal)
}
