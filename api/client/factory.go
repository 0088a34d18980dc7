package client

import (
	"context"
	"iter"

	v1 "github.com/assay-pki/assay/api/v1"
)

// BatchFilter narrows Batches; empty fields match all.
type BatchFilter struct{ Product, Site, State string }

// Batches lists production orders by name.
func (c *Client) Batches(ctx context.Context, f BatchFilter) iter.Seq2[v1.Batch, error] {
	return pages[v1.Batch](ctx, c, "/batches", filter("product", f.Product, "site", f.Site, "state", f.State), pageSize)
}

// Batch reads one; a closed one with its end-of-batch certificate.
func (c *Client) Batch(ctx context.Context, name string) (v1.Batch, error) {
	return get[v1.Batch](ctx, c, batchPath(name))
}

// PauseBatch stops first certificates for a while.
func (c *Client) PauseBatch(ctx context.Context, name string, dryRun bool) (v1.Batch, error) {
	return post[v1.Batch](ctx, c, batchPath(name)+"/pause", dry(dryRun), nil)
}

// ResumeBatch undoes PauseBatch.
func (c *Client) ResumeBatch(ctx context.Context, name string, dryRun bool) (v1.Batch, error) {
	return post[v1.Batch](ctx, c, batchPath(name)+"/resume", dry(dryRun), nil)
}

// CloseBatch ends an order for ever. The answer has its end-of-batch
// certificate; a dry run has none.
func (c *Client) CloseBatch(ctx context.Context, name string, dryRun bool) (v1.Batch, error) {
	return post[v1.Batch](ctx, c, batchPath(name)+"/close", dry(dryRun), nil)
}

// NonceBatch gives the batch's nonce, which is made by the first call.
func (c *Client) NonceBatch(ctx context.Context, name string, dryRun bool) (v1.BatchNonce, error) {
	return post[v1.BatchNonce](ctx, c, batchPath(name)+"/nonce", dry(dryRun), nil)
}

func batchPath(name string) string { return "/batches" + segment(name) }

// StationFilter narrows Stations; empty fields match all.
type StationFilter struct{ Site, State string }

// Stations lists factory stations by name, revoked ones included.
func (c *Client) Stations(ctx context.Context, f StationFilter) iter.Seq2[v1.Station, error] {
	return pages[v1.Station](ctx, c, "/stations", filter("site", f.Site, "state", f.State), pageSize)
}

// Station reads one.
func (c *Client) Station(ctx context.Context, name string) (v1.Station, error) {
	return get[v1.Station](ctx, c, stationPath(name))
}

// CertifyStation gets a station a certificate for the key of a PKCS#10 request
// in PEM, and what it has to know.
func (c *Client) CertifyStation(ctx context.Context, name string, csrPEM []byte, dryRun bool) (v1.StationCredential, error) {
	return post[v1.StationCredential](ctx, c, stationPath(name)+"/certificate", dry(dryRun), v1.CSR{CSR: string(csrPEM)})
}

// RevokeStation ends a station and revokes its certificates.
func (c *Client) RevokeStation(ctx context.Context, name string, r v1.StationRevocation) (v1.StatusChange, error) {
	return post[v1.StatusChange](ctx, c, stationPath(name)+"/revoke", nil, r)
}

func stationPath(name string) string { return "/stations" + segment(name) }
