package client

import (
	"context"
	"iter"

	v1 "github.com/assay-pki/assay/api/v1"
)

// DeviceFilter narrows Devices; empty fields match all.
type DeviceFilter struct {
	Product, State string
	// Query is in the query language; bad-query when it is not.
	Query string
}

// Devices lists devices by product and serial, without their certificates.
func (c *Client) Devices(ctx context.Context, f DeviceFilter) iter.Seq2[v1.Device, error] {
	return pages[v1.Device](ctx, c, "/devices", filter("product", f.Product, "state", f.State, "query", f.Query), pageSize)
}

// Device reads one with its certificates.
func (c *Client) Device(ctx context.Context, product, serial string) (v1.Device, error) {
	return get[v1.Device](ctx, c, devicePath(product, serial))
}

// Hold suspends a device and all its certificates.
func (c *Client) Hold(ctx context.Context, product, serial string, a v1.Act, dryRun bool) (v1.StatusChange, error) {
	return c.act(ctx, product, serial, "/hold", a, dryRun)
}

// Release undoes a hold.
func (c *Client) Release(ctx context.Context, product, serial string, a v1.Act, dryRun bool) (v1.StatusChange, error) {
	return c.act(ctx, product, serial, "/release", a, dryRun)
}

// Decommission ends a device, reason cessationOfOperation.
func (c *Client) Decommission(ctx context.Context, product, serial string, a v1.Act, dryRun bool) (v1.StatusChange, error) {
	return c.act(ctx, product, serial, "/decommission", a, dryRun)
}

// Rework lets a station give the device a new key once.
func (c *Client) Rework(ctx context.Context, product, serial string, a v1.Act, dryRun bool) (v1.StatusChange, error) {
	return c.act(ctx, product, serial, "/rework", a, dryRun)
}

// Scrap ends a device that never left the factory.
func (c *Client) Scrap(ctx context.Context, product, serial string, a v1.Act, dryRun bool) (v1.StatusChange, error) {
	return c.act(ctx, product, serial, "/scrap", a, dryRun)
}

// Timeline reads what happened to a device, oldest first.
func (c *Client) Timeline(ctx context.Context, product, serial string) (v1.Timeline, error) {
	return get[v1.Timeline](ctx, c, devicePath(product, serial)+"/timeline")
}

func (c *Client) act(ctx context.Context, product, serial, verb string, a v1.Act, dryRun bool) (v1.StatusChange, error) {
	return post[v1.StatusChange](ctx, c, devicePath(product, serial)+verb, dry(dryRun), a)
}

func devicePath(product, serial string) string {
	return "/devices" + segment(product) + segment(serial)
}

// Revoke ends a device, or with Only one certificate.
func (c *Client) Revoke(ctx context.Context, r v1.RevocationRequest) (v1.StatusChange, error) {
	return post[v1.StatusChange](ctx, c, "/revocations", nil, r)
}

// CertificateFilter narrows Certificates; empty fields match all.
type CertificateFilter struct {
	Product string
	// Device is PRODUCT/SERIAL.
	Device string
	// Status is one of v1.StatusGood and its like.
	Status string
	// Issuer is a name, as devices-1.
	Issuer string
}

// Certificates lists certificates by issuer and order of issuance, without PEM.
func (c *Client) Certificates(ctx context.Context, f CertificateFilter) iter.Seq2[v1.Certificate, error] {
	return pages[v1.Certificate](ctx, c, "/certificates",
		filter("product", f.Product, "device", f.Device, "status", f.Status, "issuer", f.Issuer), pageSize)
}

// Certificate reads one by its serial number in hex.
func (c *Client) Certificate(ctx context.Context, serial string) (v1.Certificate, error) {
	return get[v1.Certificate](ctx, c, "/certificates"+segment(serial))
}
