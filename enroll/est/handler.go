package est

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/wire"
)

// Service decides. *enroll.Service is one. Errors are *v1.Refusal that may be
// shown as they are; any other error is answered as internal. It is safe for
// concurrent use.
type Service interface {
	Catalogue
	Enroll(ctx context.Context, r enroll.Request) (enroll.Answer, error)
	Nonce(ctx context.Context, r enroll.NonceRequest) (enroll.NonceAnswer, error)
	// Refused is told of refusals that this package made by itself.
	Refused(operation string, reason v1.Reason, source netip.Addr)
}

// Catalogue is what anybody may know of a label.
type Catalogue interface {
	CACerts(ctx context.Context, label string) ([][]byte, error)
	CSRAttrs(ctx context.Context, label string) ([]byte, error)
}

// Limits of a handler; the zero value means the defaults of limits.go.
type Limits struct {
	// InFlight bounds the requests that are decided at once; others get 503.
	InFlight int
}

// Config of a handler.
type Config struct {
	Service Service      // required
	Log     *slog.Logger // required; gets faults only
	Limits  Limits
}

// Handler serves every EST operation, for one listener of its own. It answers
// nothing on a plain connection (EST-007). It panics without Service and Log: a
// programmer's mistake.
func Handler(c Config) http.Handler {
	if c.Service == nil || c.Log == nil {
		panic("est: Config needs Service and Log")
	}
	if c.Limits.InFlight <= 0 {
		c.Limits.InFlight = defaultInFlight
	}
	return &handler{service: c.Service, log: c.Log, slots: make(chan struct{}, c.Limits.InFlight)}
}

type handler struct {
	service Service
	log     *slog.Logger
	slots   chan struct{} // one for each request that is decided
}

// ServeHTTP prepares the whole answer before the first octet is written, so that
// a fault on the way can still become a whole answer.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rt := parsePath(r)
	h.safely(rt, w, r).send(w)
}

func (h *handler) safely(rt route, w http.ResponseWriter, r *http.Request) (a answer) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		h.log.Error("est handler failed", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		a = refusal(v1.Refuse(v1.Internal, ""))
	}()
	return h.answer(rt, w, r)
}

func (h *handler) answer(rt route, w http.ResponseWriter, r *http.Request) answer {
	if r.TLS == nil || rt.operation == "" {
		return h.refused(rt, r, v1.Refuse(v1.NotFound, ""))
	}
	if methods := methodsOf(rt.operation); !slices.Contains(methods, r.Method) {
		a := h.refused(rt, r, v1.Refuse(v1.MethodNotAllowed, ""))
		a.allow = strings.Join(methods, ", ")
		return a
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		return h.refused(rt, r, &v1.Refusal{Reason: v1.Overloaded, RetryAfter: retryOverload})
	}
	switch rt.operation {
	case wire.OpCACerts:
		return h.cacerts(rt, r)
	case wire.OpCSRAttrs:
		return h.csrattrs(rt, r)
	case wire.OpNonce:
		return h.nonce(rt, w, r)
	}
	return h.enroll(rt, w, r)
}

// refused answers a refusal of this package.
func (h *handler) refused(rt route, r *http.Request, why *v1.Refusal) answer {
	h.service.Refused(rt.operation, why.Reason, source(r))
	return refusal(why)
}

// failed answers an error of the service.
func (h *handler) failed(err error) answer {
	why, ok := err.(*v1.Refusal)
	if !ok {
		h.log.Error("est request failed", slog.Any("err", err))
		why = v1.Refuse(v1.Internal, "")
	}
	return refusal(why)
}

// source is the client's address.
func source(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}
