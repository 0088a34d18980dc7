package ca

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

var hostPattern = regexp.MustCompile(`\A[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\z`)

// hostNames are the names of a TLS server.
type hostNames struct {
	dns       []string
	addresses []net.IP
}

// parseHosts sorts DNS names from addresses; no wildcards.
func parseHosts(hosts []string) (hostNames, error) {
	var names hostNames
	if len(hosts) == 0 || len(hosts) > maxHosts {
		return names, fmt.Errorf("1 to %d hosts, not %d: %w: give --host", maxHosts, len(hosts), ErrConfig)
	}
	for _, h := range hosts {
		address, err := netip.ParseAddr(h)
		switch {
		case err == nil && address.Zone() == "":
			names.addresses = append(names.addresses, net.IP(address.Unmap().AsSlice()))
		case len(h) <= 253 && hostPattern.MatchString(h):
			names.dns = append(names.dns, h)
		default:
			return names, fmt.Errorf("host %q is neither a DNS name nor an IP address: %w", h, ErrConfig)
		}
	}
	return names, nil
}

// der is the GeneralNames (RFC 5280 §4.2.1.6).
func (n hostNames) der() []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, d := range n.dns {
			b.AddASN1(asn1.Tag(2).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(d)) })
		}
		for _, a := range n.addresses {
			b.AddASN1(asn1.Tag(7).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(a) })
		}
	})
	return b.BytesOrPanic()
}

// checkBaseURL: PUB-08 wants plain http, since a status check that needs TLS
// needs a status check.
func checkBaseURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" || u.Host == "" || u.Opaque != "":
		return fmt.Errorf("URL %q: write http://HOST[:PORT][/PATH], plain http: %w", s, ErrConfig)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(s, "/") || strings.ContainsAny(s, "?#"):
		return fmt.Errorf("URL %q: no user, query, fragment or final slash: %w", s, ErrConfig)
	case len(s) > maxBaseURL:
		return fmt.Errorf("URL %q is longer than %d characters: %w", s, maxBaseURL, ErrConfig)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return fmt.Errorf("URL %q: ASCII only: %w", s, ErrConfig)
		}
	}
	if _, err := parseHosts([]string{u.Hostname()}); err != nil {
		return fmt.Errorf("URL %q: %w", s, err)
	}
	return nil
}
