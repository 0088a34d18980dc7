package est

import (
	"net/http"
	"strings"

	"github.com/assay-pki/assay/enroll/wire"
)

// route is a request's path: /.well-known/est/[LABEL/]OPERATION. The zero value
// is a path that there is not.
type route struct{ label, operation string }

// parsePath reads the path without cleaning, redirects or escapes: what is
// spelled in another way is another resource, and there is none.
func parsePath(r *http.Request) route {
	if r.URL.RawPath != "" { // an escaped slash or the like
		return route{}
	}
	rest, ok := strings.CutPrefix(r.URL.Path, wire.PathPrefix+"/")
	if !ok {
		return route{}
	}
	label, operation, labelled := strings.Cut(rest, "/")
	if !labelled {
		label, operation = "", rest
	}
	if labelled && !isLabel(label) || methodsOf(operation) == nil {
		return route{}
	}
	return route{label, operation}
}

// methodsOf are the methods of an operation, nil for what is not served.
func methodsOf(operation string) []string {
	switch operation {
	case wire.OpCACerts, wire.OpCSRAttrs:
		return []string{http.MethodGet}
	case wire.OpSimpleEnroll, wire.OpSimpleReenroll:
		return []string{http.MethodPost}
	case wire.OpNonce:
		return []string{http.MethodGet, http.MethodPost}
	}
	return nil
}

// isLabel is ^[a-z0-9-]{1,32}(\.birth)?$ (threats row 27). A label is only ever
// a key of a map.
func isLabel(s string) bool {
	s = strings.TrimSuffix(s, ".birth")
	if s == "" || len(s) > maxLabel {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
