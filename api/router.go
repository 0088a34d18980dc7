package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	v1 "github.com/assay-pki/assay/api/v1"
)

// router puts the routes behind what holds for all of them.
func (a *API) router(healthz, readyz http.Handler) (http.Handler, error) {
	mux := chi.NewRouter()
	mux.NotFound(func(w http.ResponseWriter, r *http.Request) {
		a.refuse(w, r, v1.Refuse(v1.NotFound, "there is no such path"))
	})
	mux.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", strings.Join(allowed(mux, r), ", "))
		a.refuse(w, r, v1.Refuse(v1.MethodNotAllowed, ""))
	})
	if healthz != nil {
		mux.Method(http.MethodGet, "/healthz", healthz)
	}
	if readyz != nil {
		mux.Method(http.MethodGet, "/readyz", readyz)
	}
	if err := a.routes(mux); err != nil {
		return nil, err
	}
	// A browser that holds an operator's certificate sends it with every page's
	// requests: only our own may ask.
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.refuse(w, r, v1.Refuse(v1.NotAuthorized, "requests of another origin are refused"))
	}))
	return a.outermost(origin.Handler(mux)), nil
}

// allowed lists the methods that a path has.
func allowed(mux *chi.Mux, r *http.Request) []string {
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	var methods []string
	for _, m := range []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete} {
		if mux.Match(chi.NewRouteContext(), m, path) {
			methods = append(methods, m)
		}
	}
	return methods
}

// outermost bounds what is under way, turns a panic into a 500, sets the fields
// of every answer, and logs.
func (a *API) outermost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := a.now()
		answer := &answerWriter{ResponseWriter: w}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		defer func() {
			if p := recover(); p != nil {
				a.panicked(answer, r, p)
			}
			a.logRequest(r, answer, began)
		}()
		select {
		case a.inFlight <- struct{}{}:
			defer func() { <-a.inFlight }()
			next.ServeHTTP(answer, r)
		default:
			a.refuse(answer, r, v1.Refuse(v1.Overloaded, "too many requests are under way"))
		}
	})
}

// panicked answers for a fault of ours. net/http's own way to abort goes on.
func (a *API) panicked(w *answerWriter, r *http.Request, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	a.log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String(keyError, fmt.Sprint(p)),
		slog.String("stack", string(debug.Stack())))
	if w.status == 0 {
		a.refuse(w, r, &v1.Refusal{Reason: v1.Internal, Err: errors.New("panic")})
	}
}

func (a *API) logRequest(r *http.Request, w *answerWriter, began time.Time) {
	level := slog.LevelInfo
	if r.Method == http.MethodGet && w.status < 400 {
		level = slog.LevelDebug
	}
	a.log.LogAttrs(r.Context(), level, "admin request",
		slog.String(keyMethod, r.Method),
		slog.String(keyPath, printable(r.URL.Path)),
		slog.Int(keyStatus, w.status),
		slog.String(keyOperator, w.operator),
		slog.String(keySource, source(r)),
		slog.Duration(keyTook, a.now().Sub(began)))
}

// answerWriter remembers the status, and who asked, for the log.
type answerWriter struct {
	http.ResponseWriter
	status   int
	operator string
}

// WriteHeader keeps the first status.
func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write is net/http's, with its implied 200.
func (w *answerWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
