package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
)

// Expect says what a PUT or DELETE rests on; the zero value: whatever is there.
type Expect struct {
	// Revision that the caller saw; 0 for any. changed-meanwhile if it differs.
	Revision uint32
	// New: it must not be there yet, else exists.
	New bool
	// DryRun changes nothing and answers as if.
	DryRun bool
}

func (e Expect) header() http.Header {
	h := http.Header{}
	switch {
	case e.New:
		h.Set("If-None-Match", "*")
	case e.Revision != 0:
		h.Set("If-Match", strconv.Quote(strconv.FormatUint(uint64(e.Revision), 10)))
	}
	return h
}

func (e Expect) query() url.Values { return dry(e.DryRun) }

// dry is the query of a dry run.
func dry(run bool) url.Values {
	if !run {
		return nil
	}
	return url.Values{"dry_run": {"true"}}
}

// Apply puts a document of any kind where it belongs. A batch goes with the
// text of its manifest, and has longer.
func (c *Client) Apply(ctx context.Context, d v1.Document, e Expect) (v1.Applied, error) {
	path, err := documentPath(d.Kind, d.Name)
	if err != nil {
		return v1.Applied{}, err
	}
	var out v1.Applied
	err = c.do(ctx, call{
		method: http.MethodPut, path: path,
		query: e.query(), header: e.header(), body: d, long: d.Kind == v1.KindBatch,
	}, &out)
	return out, err
}

// documentPath is where a document of a kind is.
func documentPath(kind, name string) (string, error) {
	switch kind {
	case v1.KindProduct:
		return "/products" + segment(name), nil
	case v1.KindPolicy:
		return "/policy" + segment(name), nil
	case v1.KindOperator:
		return "/operators" + segment(name), nil
	case v1.KindFirmware:
		product, version, ok := strings.Cut(name, "/")
		if !ok || product == "" || version == "" {
			return "", fmt.Errorf("a %s is named PRODUCT/VERSION, not %q", kind, name)
		}
		return firmwarePath(product, version), nil
	case v1.KindBatch:
		return batchPath(name), nil
	case v1.KindStation:
		return stationPath(name), nil
	}
	return "", fmt.Errorf("kind %q is not one of %s, %s, %s, %s, %s, %s", kind,
		v1.KindPolicy, v1.KindProduct, v1.KindFirmware, v1.KindBatch, v1.KindStation, v1.KindOperator)
}

// Products lists the products by name.
func (c *Client) Products(ctx context.Context) iter.Seq2[v1.Product, error] {
	return pages[v1.Product](ctx, c, "/products", nil, pageSize)
}

// Product reads one.
func (c *Client) Product(ctx context.Context, name string) (v1.Product, error) {
	return get[v1.Product](ctx, c, "/products"+segment(name))
}

// Policy reads the policy; revision 0 says that it was never set and the
// defaults hold.
func (c *Client) Policy(ctx context.Context) (v1.Policy, error) {
	return get[v1.Policy](ctx, c, "/policy"+segment(v1.PolicyName))
}

// Operators lists the operators by name, removed ones included.
func (c *Client) Operators(ctx context.Context) iter.Seq2[v1.Operator, error] {
	return pages[v1.Operator](ctx, c, "/operators", nil, pageSize)
}

// Operator reads one.
func (c *Client) Operator(ctx context.Context, name string) (v1.Operator, error) {
	return get[v1.Operator](ctx, c, "/operators"+segment(name))
}

// RemoveOperator ends an operator's right and revokes its certificates.
func (c *Client) RemoveOperator(ctx context.Context, name string, e Expect) (v1.StatusChange, error) {
	var out v1.StatusChange
	err := c.do(ctx, call{
		method: http.MethodDelete, path: "/operators" + segment(name),
		query: e.query(), header: e.header(),
	}, &out)
	return out, err
}

// CertifyOperator gets an operator a certificate for the key of a PKCS#10
// request in PEM.
func (c *Client) CertifyOperator(ctx context.Context, name string, csrPEM []byte, dryRun bool) (v1.Credential, error) {
	return post[v1.Credential](ctx, c, "/operators"+segment(name)+"/certificate", dry(dryRun), v1.CSR{CSR: string(csrPEM)})
}

// CreateToken makes an enrolment secret; only this answer carries it.
func (c *Client) CreateToken(ctx context.Context, r v1.TokenRequest) (v1.Token, error) {
	return post[v1.Token](ctx, c, "/tokens", nil, r)
}

// Tokens lists the tokens in no useful order.
func (c *Client) Tokens(ctx context.Context) iter.Seq2[v1.Token, error] {
	return pages[v1.Token](ctx, c, "/tokens", nil, pageSize)
}

// VoidToken ends a token by its id.
func (c *Client) VoidToken(ctx context.Context, id string, dryRun bool) (v1.Token, error) {
	var out v1.Token
	err := c.do(ctx, call{method: http.MethodDelete, path: "/tokens" + segment(id), query: dry(dryRun)}, &out)
	return out, err
}
