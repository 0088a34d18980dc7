package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"github.com/assay-pki/assay/api/rbac"
	v1 "github.com/assay-pki/assay/api/v1"
)

// actionKey is where an operation's metadata holds its one action.
const actionKey = "action"

// spec is a route: where it is, what it does, and the one action it needs.
type spec struct {
	method, path string
	id           string
	action       rbac.Action
	summary      string
	status       int
	timeout      time.Duration
	// maxBody bounds the body; 0: maxBodyBytes.
	maxBody int64
}

func (s spec) bodyLimit() int64 { return max(s.maxBody, maxBodyBytes) }

// handle registers a route. The handler's error becomes a problem.
func handle[I, O any](a *API, h huma.API, s spec, f func(ctx context.Context, who *caller, in *I) (*O, error)) {
	tag, _, _ := strings.Cut(strings.TrimPrefix(s.path, "/v1/"), "/")
	op := huma.Operation{
		OperationID: s.id, Method: s.method, Path: s.path, Summary: s.summary,
		Description:   "Needs the right `" + string(s.action) + "`.",
		DefaultStatus: s.status, Tags: []string{tag},
		// The body was read, bounded and timed before huma sees it; huma counts
		// its own limit as one too many.
		MaxBodyBytes: s.bodyLimit() + 1, BodyReadTimeout: -1,
		Metadata:   map[string]any{actionKey: s.action, "timeout": s.timeout, "maxBody": s.bodyLimit()},
		Extensions: map[string]any{"x-assay-action": string(s.action)},
		Security:   []map[string][]string{{"mtls": {}}},
		Responses:  map[string]*huma.Response{"default": problemResponse(h)},
	}
	huma.Register(h, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := f(ctx, callerOf(ctx), in)
		if err != nil {
			a.logProblem(ctx, err)
			return nil, problemOf(err)
		}
		return out, nil
	})
}

// problemResponse is what every operation may answer instead.
func problemResponse(h huma.API) *huma.Response {
	return &huma.Response{
		Description: "A problem document with a reason and the next step",
		Content: map[string]*huma.MediaType{
			v1.ProblemType: {Schema: h.OpenAPI().Components.Schemas.Schema(problemType, true, "Problem")},
		},
	}
}

// adapter puts huma's operations on chi, each behind guard.
type adapter struct {
	mux   chi.Router
	guard func(op *huma.Operation, next http.HandlerFunc) http.HandlerFunc
}

// Handle registers an operation.
func (d adapter) Handle(op *huma.Operation, next func(huma.Context)) {
	d.mux.MethodFunc(op.Method, op.Path, d.guard(op, func(w http.ResponseWriter, r *http.Request) {
		next(&exchange{humaContext: humachi.NewContext(op, r, w)})
	}))
}

// ServeHTTP is not used: the mux is served.
func (d adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

// humaContext lets exchange embed a huma.Context, which has a method Context.
type humaContext huma.Context

// exchange is huma's view of a request. It lets a problem that was made of
// huma's own error change the status as well.
type exchange struct {
	humaContext
	override int
}

// Unwrap is for humachi.Unwrap.
func (e *exchange) Unwrap() huma.Context { return e.humaContext }

// SetStatus is huma's, unless a problem decided.
func (e *exchange) SetStatus(status int) {
	if e.override != 0 {
		status = e.override
	}
	e.humaContext.SetStatus(status)
}

// SetReadDeadline does nothing: the body is in memory, and a deadline that
// passed while a handler works would end it.
func (e *exchange) SetReadDeadline(time.Time) error { return nil }

// transform replaces huma's own errors.
func (a *API) transform(ctx huma.Context, _ string, v any) (any, error) {
	switch v := v.(type) {
	case *problemError:
		return about(ctx, v.Problem), nil
	case *huma.ErrorModel:
		p := humaProblem(v)
		if e, ok := ctx.(*exchange); ok {
			e.override = p.Status
		}
		if p.Status == http.StatusInternalServerError {
			a.logProblem(ctx.Context(), fmt.Errorf("huma: %s", v.Detail))
		}
		return p.Problem, nil
	}
	return v, nil
}

// about names what a path asks for, where the problem says only that it is not
// there, or is there.
func about(ctx huma.Context, p v1.Problem) v1.Problem {
	if p.Detail != "" || (p.Reason != v1.NotFound && p.Reason != v1.Exists) {
		return p
	}
	_, rest, _ := strings.Cut(ctx.Operation().Path, "/v1/")
	words := strings.Split(rest, "/")
	noun, known := nouns[words[0]]
	var names []string
	for _, word := range words {
		if key, ok := strings.CutPrefix(word, "{"); ok {
			names = append(names, ctx.Param(strings.TrimSuffix(key, "}")))
		}
	}
	if !known || len(names) == 0 {
		return p
	}
	name := printable(noun.word + " " + strings.Join(names, "/"))
	if p.Reason == v1.Exists {
		p.Detail = name + " exists already"
		return p
	}
	p.Detail, p.Next = "there is no "+name+" here", "list what there is: assay "+noun.command+" list"
	return p
}

// nouns are the words for what stands at /v1/KEY, and the commands about it.
var nouns = map[string]struct{ word, command string }{
	"products":     {"product", "product"},
	"firmware":     {"firmware release", "firmware"},
	"batches":      {"batch", "batch"},
	"stations":     {"station", "station"},
	"operators":    {"operator", "operator"},
	"devices":      {"device", "device"},
	"incidents":    {"incident", "incident"},
	"certificates": {"certificate", "cert"},
	"tokens":       {"token", "token"},
	"issuers":      {"issuer", "ca"},
}

// guard is what stands before each operation, in this order: the body's limits
// and media type, the credential, the right, the repeat of an earlier answer.
func (a *API) guard(op *huma.Operation, next http.HandlerFunc) http.HandlerFunc {
	action, ok := op.Metadata[actionKey].(rbac.Action)
	if !ok || rbac.Of(rbac.Admin, action) == rbac.None {
		panic("route " + op.Method + " " + op.Path + " names no action that an admin has")
	}
	timeout, _ := op.Metadata["timeout"].(time.Duration)
	if timeout == 0 {
		timeout = handlerTimeout
	}
	limit, _ := op.Metadata["maxBody"].(int64)
	return func(w http.ResponseWriter, r *http.Request) {
		if err := announced(r, limit); err != nil {
			a.refuse(w, r, err)
			return
		}
		who, err := a.admit(r, action)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		if limit > maxBodyBytes && (r.ContentLength < 0 || r.ContentLength > maxBodyBytes) {
			done, err := a.takeLarge(w)
			if err != nil {
				a.refuse(w, r, err)
				return
			}
			defer done()
		}
		body, err := readBody(r, limit)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		if answer, ok := w.(*answerWriter); ok {
			answer.operator = who.name
		}
		ctx, cancel := context.WithTimeout(withCaller(r.Context(), who), timeout)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.Method == http.MethodPost {
			a.once(w, r, who, body, next)
			return
		}
		next(w, r)
	}
}

// takeLarge lets one large body in at a time, of an operator who was admitted,
// and gives it longer than the server's own deadlines.
func (a *API) takeLarge(w http.ResponseWriter) (done func(), err error) {
	select {
	case a.large <- struct{}{}:
	default:
		return nil, v1.Refuse(v1.Overloaded, "another manifest is being imported")
	}
	// The deadlines are the connection's, by the wall. Whatever does not support
	// them keeps the server's own.
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(largeReadTimeout))
	_ = c.SetWriteDeadline(time.Now().Add(largeReadTimeout + manifestTimeout + writeTimeout))
	return func() { <-a.large }, nil
}

// announced judges a body by its header. One that is there must be JSON by name,
// which also keeps forms of foreign pages out.
func announced(r *http.Request, limit int64) error {
	switch {
	case r.Method == http.MethodGet || r.ContentLength == 0:
		return nil
	case r.ContentLength > limit:
		return tooLarge(limit)
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return v1.Refuse(v1.MediaType, "send application/json")
	}
	return nil
}

func tooLarge(limit int64) error {
	return v1.Refuse(v1.TooLarge, fmt.Sprintf("the body is over %d MiB", limit>>20))
}

// readBody reads a body up to its limit, of an operator only.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.Method == http.MethodGet {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	switch {
	case err != nil && errors.Is(err, context.Canceled):
		return nil, err
	case err != nil:
		return nil, badDocument("the body did not arrive whole")
	case int64(len(body)) > limit:
		return nil, tooLarge(limit)
	}
	return body, nil
}

// describe renders the OpenAPI document, once every route is in it.
func describe(h huma.API) ([]byte, error) {
	delete(h.OpenAPI().Components.Schemas.Map(), "ErrorModel")
	delete(h.OpenAPI().Components.Schemas.Map(), "ErrorDetail")
	b, err := json.Marshal(h.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("describe the admin API: %w", err)
	}
	return b, nil
}
