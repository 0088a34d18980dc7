package storetest

import (
	"context"
	"time"

	"github.com/assay-pki/assay/store"
)

// Authority implements store.Reader.
func (f *Faulty) Authority(ctx context.Context) (store.Authority, error) {
	return ask(f, "Authority", func() (store.Authority, error) { return f.inner.Authority(ctx) })
}

// Issuers implements store.Reader.
func (f *Faulty) Issuers(ctx context.Context) ([]store.Issuer, error) {
	return ask(f, "Issuers", func() ([]store.Issuer, error) { return f.inner.Issuers(ctx) })
}

// Blocks implements store.Reader.
func (f *Faulty) Blocks(ctx context.Context) ([]store.Block, error) {
	return ask(f, "Blocks", func() ([]store.Block, error) { return f.inner.Blocks(ctx) })
}

// Certificate implements store.Reader.
func (f *Faulty) Certificate(ctx context.Context, ref store.Ref) (store.Certificate, error) {
	return ask(f, "Certificate", func() (store.Certificate, error) { return f.inner.Certificate(ctx, ref) })
}

// CertificateBySPKI implements store.Reader.
func (f *Faulty) CertificateBySPKI(ctx context.Context, spki []byte) (store.Certificate, error) {
	return ask(f, "CertificateBySPKI", func() (store.Certificate, error) { return f.inner.CertificateBySPKI(ctx, spki) })
}

// Certificates implements store.Reader.
func (f *Faulty) Certificates(ctx context.Context, after store.Ref, limit int) ([]store.Certificate, error) {
	return ask(f, "Certificates", func() ([]store.Certificate, error) { return f.inner.Certificates(ctx, after, limit) })
}

// ExpiringBefore implements store.Reader.
func (f *Faulty) ExpiringBefore(ctx context.Context, after store.Expiry, before store.Day, limit int) ([]store.Expiry, error) {
	return ask(f, "ExpiringBefore", func() ([]store.Expiry, error) { return f.inner.ExpiringBefore(ctx, after, before, limit) })
}

// KeyBlocked implements store.Reader.
func (f *Faulty) KeyBlocked(ctx context.Context, spki []byte) (bool, error) {
	return ask(f, "KeyBlocked", func() (bool, error) { return f.inner.KeyBlocked(ctx, spki) })
}

// Device implements store.Reader.
func (f *Faulty) Device(ctx context.Context, id store.DeviceID) (store.Device, error) {
	return ask(f, "Device", func() (store.Device, error) { return f.inner.Device(ctx, id) })
}

// Devices implements store.Reader.
func (f *Faulty) Devices(ctx context.Context, after store.DeviceID, limit int) ([]store.Device, error) {
	return ask(f, "Devices", func() ([]store.Device, error) { return f.inner.Devices(ctx, after, limit) })
}

// Token implements store.Reader.
func (f *Faulty) Token(ctx context.Context, hash [32]byte) (store.Token, error) {
	return ask(f, "Token", func() (store.Token, error) { return f.inner.Token(ctx, hash) })
}

// Tokens implements store.Reader.
func (f *Faulty) Tokens(ctx context.Context, after [32]byte, limit int) ([]store.Token, error) {
	return ask(f, "Tokens", func() ([]store.Token, error) { return f.inner.Tokens(ctx, after, limit) })
}

// Document implements store.Reader.
func (f *Faulty) Document(ctx context.Context, kind store.DocumentKind, name string) (store.Document, error) {
	return ask(f, "Document", func() (store.Document, error) { return f.inner.Document(ctx, kind, name) })
}

// DocumentRevision implements store.Reader.
func (f *Faulty) DocumentRevision(ctx context.Context, kind store.DocumentKind, name string, revision uint32) (store.Document, error) {
	return ask(f, "DocumentRevision", func() (store.Document, error) { return f.inner.DocumentRevision(ctx, kind, name, revision) })
}

// Documents implements store.Reader.
func (f *Faulty) Documents(ctx context.Context, kind store.DocumentKind, after string, limit int) ([]store.Document, error) {
	return ask(f, "Documents", func() ([]store.Document, error) { return f.inner.Documents(ctx, kind, after, limit) })
}

// Operator implements store.Reader.
func (f *Faulty) Operator(ctx context.Context, name string) (store.Operator, error) {
	return ask(f, "Operator", func() (store.Operator, error) { return f.inner.Operator(ctx, name) })
}

// Operators implements store.Reader.
func (f *Faulty) Operators(ctx context.Context, after string, limit int) ([]store.Operator, error) {
	return ask(f, "Operators", func() ([]store.Operator, error) { return f.inner.Operators(ctx, after, limit) })
}

// Revocations implements store.Reader.
func (f *Faulty) Revocations(ctx context.Context, issuer store.IssuerID, from, to uint64, limit int) ([]store.Revocation, error) {
	return ask(f, "Revocations", func() ([]store.Revocation, error) { return f.inner.Revocations(ctx, issuer, from, to, limit) })
}

// RevokedSince implements store.Reader.
func (f *Faulty) RevokedSince(ctx context.Context, after uint64, limit int) ([]store.FeedEntry, error) {
	return ask(f, "RevokedSince", func() ([]store.FeedEntry, error) { return f.inner.RevokedSince(ctx, after, limit) })
}

// FeedHead implements store.Reader.
func (f *Faulty) FeedHead(ctx context.Context) (uint64, error) {
	return ask(f, "FeedHead", func() (uint64, error) { return f.inner.FeedHead(ctx) })
}

// WaitFeed implements store.Reader.
func (f *Faulty) WaitFeed(ctx context.Context, after uint64) error {
	return f.act("WaitFeed", func() error { return f.inner.WaitFeed(ctx, after) })
}

// CRLs implements store.Reader.
func (f *Faulty) CRLs(ctx context.Context) ([]store.CRL, error) {
	return ask(f, "CRLs", func() ([]store.CRL, error) { return f.inner.CRLs(ctx) })
}

// Events implements store.Reader.
func (f *Faulty) Events(ctx context.Context, after uint64, limit int) ([]store.Event, error) {
	return ask(f, "Events", func() ([]store.Event, error) { return f.inner.Events(ctx, after, limit) })
}

// Log implements store.Reader.
func (f *Faulty) Log(ctx context.Context) (store.LogHead, error) {
	return ask(f, "Log", func() (store.LogHead, error) { return f.inner.Log(ctx) })
}

// LogHashes implements store.Reader.
func (f *Faulty) LogHashes(ctx context.Context, indexes []int64) ([][32]byte, error) {
	return ask(f, "LogHashes", func() ([][32]byte, error) { return f.inner.LogHashes(ctx, indexes) })
}

// Checkpoint implements store.Reader.
func (f *Faulty) Checkpoint(ctx context.Context) ([]byte, error) {
	return ask(f, "Checkpoint", func() ([]byte, error) { return f.inner.Checkpoint(ctx) })
}

// ClockMark implements store.Reader.
func (f *Faulty) ClockMark(ctx context.Context) (time.Time, error) {
	return ask(f, "ClockMark", func() (time.Time, error) { return f.inner.ClockMark(ctx) })
}
