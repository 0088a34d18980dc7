package client

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/assay-pki/assay/enroll/wire"
)

// Config says whom to talk to, whom to trust and who we are. URL and one of
// Roots and Fingerprint are required.
type Config struct {
	// URL of the server, https://HOST[:PORT]; the well-known path may follow.
	URL string
	// Label is the product, or empty (RFC 7030 §3.2.2).
	Label string
	// Roots are the only roots that the server's certificate may chain to.
	Roots *x509.CertPool
	// Fingerprint is the SHA-256 of a root's DER in hex, colons allowed. The
	// root is fetched from /cacerts and must be the one the server's
	// certificate chains to. Not together with Roots.
	Fingerprint string
	// Certificate is shown to a server that asks. The connection keeps it:
	// make a new Client after a renewal.
	Certificate *tls.Certificate
	// GetCertificate is asked on each new connection instead, and switches
	// TLS resumption off, which would show the old one.
	GetCertificate func() (*tls.Certificate, error)
	// Token is a one-time secret, sent as the password of HTTP Basic with
	// User (the claimed serial or empty); empty: none is sent.
	User, Token string
	// Proxy is as in http.Transport; nil: none.
	Proxy func(*http.Request) (*url.URL, error)
	// Timeout bounds one exchange, not the waiting between retries; 0: 30 s.
	Timeout time.Duration
	// Retries is how often 503 and 429 with Retry-After are tried again;
	// 0: 4 times; negative: never.
	Retries int
	// UserAgent is sent; empty: "assay".
	UserAgent string
	// Now is the clock that certificates are judged by; nil: time.Now.
	Now func() time.Time
}

// ErrConfig: the Config cannot work; its text lists all faults.
var ErrConfig = errors.New("configuration of the EST client")

// checked is what a Config means.
type checked struct {
	Config
	base string // up to the operation, without a final slash
	host string // the name that the server must have
	pin  []byte
}

func (c Config) check() (checked, error) {
	out := checked{Config: c}
	var faults []error
	add := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	add(out.setURL())
	add(out.setTrust())
	if c.Certificate != nil && c.GetCertificate != nil {
		add(errors.New("certificate and function for it exclude each other"))
	}
	if strings.Contains(c.User, ":") {
		add(errors.New("user must not hold a colon (RFC 7617)"))
	}
	if len(faults) > 0 {
		return checked{}, fmt.Errorf("%w: %w", ErrConfig, errors.Join(faults...))
	}
	out.setDefaults()
	return out, nil
}

func (c *checked) setURL() error {
	u, err := url.Parse(c.URL)
	if err == nil && u.User != nil {
		return errors.New("url holds a user: use User and Token")
	}
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("url %q is not https://HOST[:PORT]", c.URL)
	}
	path := strings.TrimSuffix(u.Path, "/")
	if path != "" && path != wire.PathPrefix {
		return fmt.Errorf("url %q: the path is %s, with no label behind it", c.URL, wire.PathPrefix)
	}
	c.host, c.base = u.Hostname(), "https://"+u.Host+wire.PathPrefix
	if c.Label == "" {
		return nil
	}
	if strings.ContainsAny(c.Label, "/?#%\\") || c.Label == "." || c.Label == ".." || isOperation(c.Label) {
		return fmt.Errorf("label %q cannot be a product", c.Label)
	}
	c.base += "/" + url.PathEscape(c.Label)
	return nil
}

func isOperation(label string) bool {
	switch label {
	case wire.OpCACerts, wire.OpSimpleEnroll, wire.OpSimpleReenroll, wire.OpCSRAttrs, wire.OpServerKeygen, wire.OpFullCMC, wire.OpNonce:
		return true
	}
	return false
}

func (c *checked) setTrust() error {
	switch {
	case c.Roots == nil && c.Fingerprint == "":
		return errors.New("roots or the fingerprint of a root are needed: a server is not trusted on first use")
	case c.Roots != nil && c.Fingerprint != "":
		return errors.New("roots and fingerprint exclude each other")
	case c.Roots != nil:
		return nil
	}
	pin, err := ParseFingerprint(c.Fingerprint)
	c.pin = pin
	return err
}

func (c *checked) setDefaults() {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Retries == 0 {
		c.Retries = defaultRetries
	}
	if c.UserAgent == "" {
		c.UserAgent = "assay"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// ParseFingerprint reads a SHA-256 fingerprint as programs print it: hex in
// either case, with or without colons, with or without "sha256:" before.
func ParseFingerprint(s string) ([]byte, error) {
	digits := strings.TrimPrefix(strings.ToLower(strings.TrimSpace(s)), "sha256:")
	b, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	if err != nil || len(b) != sha256.Size {
		return nil, fmt.Errorf("fingerprint %q is not the SHA-256 of a certificate in 64 hex digits", s)
	}
	return b, nil
}
