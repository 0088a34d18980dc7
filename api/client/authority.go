package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	v1 "github.com/assay-pki/assay/api/v1"
)

// Whoami says how the server knows the caller.
func (c *Client) Whoami(ctx context.Context) (v1.Whoami, error) {
	return get[v1.Whoami](ctx, c, "/whoami")
}

// Version says what the server runs.
func (c *Client) Version(ctx context.Context) (v1.Version, error) {
	return get[v1.Version](ctx, c, "/version")
}

// Authority reads the installation's facts.
func (c *Client) Authority(ctx context.Context) (v1.Authority, error) {
	return get[v1.Authority](ctx, c, "/authority")
}

// Issuers lists the CA certificates, the root first.
func (c *Client) Issuers(ctx context.Context) iter.Seq2[v1.Issuer, error] {
	return pages[v1.Issuer](ctx, c, "/issuers", nil, pageSize)
}

// Issuer reads one by name, with its anchor.
func (c *Client) Issuer(ctx context.Context, name string) (v1.Issuer, error) {
	return get[v1.Issuer](ctx, c, "/issuers"+segment(name))
}

// CRLs lists what was last published of every list.
func (c *Client) CRLs(ctx context.Context) iter.Seq2[v1.CRLInfo, error] {
	return pages[v1.CRLInfo](ctx, c, "/crls", nil, pageSize)
}

// PublishCRLs signs and publishes every list now.
func (c *Client) PublishCRLs(ctx context.Context) (v1.Published, error) {
	return post[v1.Published](ctx, c, "/crls/publish", nil, nil)
}

// Doctor asks the server how it is.
func (c *Client) Doctor(ctx context.Context) (v1.Diagnosis, error) {
	return get[v1.Diagnosis](ctx, c, "/doctor")
}

// EventFilter narrows Events; the zero value: the whole log.
type EventFilter struct {
	// After is a sequence number; events come strictly after it.
	After uint64
	// Name is an event's name, as device.held.
	Name string
	// Object is PRODUCT/SERIAL, or another object's name.
	Object string
}

// Events reads the audit log to its present end.
func (c *Client) Events(ctx context.Context, f EventFilter) iter.Seq2[v1.Event, error] {
	return pages[v1.Event](ctx, c, "/audit/events", after(f.After, filter("name", f.Name, "object", f.Object)), pageSize)
}

// Leaves reads the audit log as it is hashed, for an export.
func (c *Client) Leaves(ctx context.Context, afterSeq uint64) iter.Seq2[v1.Leaf, error] {
	return pages[v1.Leaf](ctx, c, "/audit/leaves", after(afterSeq, url.Values{}), exportPageSize)
}

func after(seq uint64, q url.Values) url.Values {
	if seq != 0 {
		q.Set("after", strconv.FormatUint(seq, 10))
	}
	return q
}

// Checkpoint reads the log's newest signed head.
func (c *Client) Checkpoint(ctx context.Context) (v1.Checkpoint, error) {
	return get[v1.Checkpoint](ctx, c, "/audit/checkpoint")
}

// OpenAPI reads the API's description, JSON.
func (c *Client) OpenAPI(ctx context.Context) ([]byte, error) {
	var raw rawJSON
	err := c.do(ctx, call{method: http.MethodGet, path: "/openapi.json"}, &raw)
	return raw, err
}

// rawJSON keeps an answer as it came.
type rawJSON []byte

// UnmarshalJSON copies.
func (r *rawJSON) UnmarshalJSON(b []byte) error {
	*r = append((*r)[:0], b...)
	return nil
}
