package storetest

import (
	"context"
	"time"

	"github.com/assay-pki/assay/store"
)

// Found implements store.Writer.
func (f *Faulty) Found(ctx context.Context, founding store.Founding) error {
	return f.act("Found", func() error { return f.inner.Found(ctx, founding) })
}

// LeaseBlock implements store.Writer.
func (f *Faulty) LeaseBlock(ctx context.Context, l store.Lease) (store.Block, error) {
	return ask(f, "LeaseBlock", func() (store.Block, error) { return f.inner.LeaseBlock(ctx, l) })
}

// NextShard implements store.Writer.
func (f *Faulty) NextShard(ctx context.Context, issuer store.IssuerID) (uint64, error) {
	return ask(f, "NextShard", func() (uint64, error) { return f.inner.NextShard(ctx, issuer) })
}

// Issue implements store.Writer.
func (f *Faulty) Issue(ctx context.Context, i store.Issuance) (store.Issued, error) {
	return ask(f, "Issue", func() (store.Issued, error) { return f.inner.Issue(ctx, i) })
}

// Present implements store.Writer.
func (f *Faulty) Present(ctx context.Context, p store.Presentation) error {
	return f.act("Present", func() error { return f.inner.Present(ctx, p) })
}

// Revoke implements store.Writer.
func (f *Faulty) Revoke(ctx context.Context, r store.Revoke) (store.StatusChange, error) {
	return ask(f, "Revoke", func() (store.StatusChange, error) { return f.inner.Revoke(ctx, r) })
}

// Hold implements store.Writer.
func (f *Faulty) Hold(ctx context.Context, h store.Hold) (store.StatusChange, error) {
	return ask(f, "Hold", func() (store.StatusChange, error) { return f.inner.Hold(ctx, h) })
}

// Release implements store.Writer.
func (f *Faulty) Release(ctx context.Context, h store.Hold) (store.StatusChange, error) {
	return ask(f, "Release", func() (store.StatusChange, error) { return f.inner.Release(ctx, h) })
}

// PutDocument implements store.Writer.
func (f *Faulty) PutDocument(ctx context.Context, p store.PutDocument) (store.Document, error) {
	return ask(f, "PutDocument", func() (store.Document, error) { return f.inner.PutDocument(ctx, p) })
}

// CreateToken implements store.Writer.
func (f *Faulty) CreateToken(ctx context.Context, t store.Token, by store.Actor) error {
	return f.act("CreateToken", func() error { return f.inner.CreateToken(ctx, t, by) })
}

// VoidToken implements store.Writer.
func (f *Faulty) VoidToken(ctx context.Context, hash [32]byte, by store.Actor) (store.Token, error) {
	return ask(f, "VoidToken", func() (store.Token, error) { return f.inner.VoidToken(ctx, hash, by) })
}

// PutOperator implements store.Writer.
func (f *Faulty) PutOperator(ctx context.Context, p store.PutOperator) (store.Operator, error) {
	return ask(f, "PutOperator", func() (store.Operator, error) { return f.inner.PutOperator(ctx, p) })
}

// RemoveOperator implements store.Writer.
func (f *Faulty) RemoveOperator(ctx context.Context, name string, expect uint32, by store.Actor) (store.StatusChange, error) {
	return ask(f, "RemoveOperator", func() (store.StatusChange, error) { return f.inner.RemoveOperator(ctx, name, expect, by) })
}

// NextCRL implements store.Writer.
func (f *Faulty) NextCRL(ctx context.Context, c store.CRL) (store.CRL, error) {
	return ask(f, "NextCRL", func() (store.CRL, error) { return f.inner.NextCRL(ctx, c) })
}

// PutCheckpoint implements store.Writer.
func (f *Faulty) PutCheckpoint(ctx context.Context, checkpoint []byte) error {
	return f.act("PutCheckpoint", func() error { return f.inner.PutCheckpoint(ctx, checkpoint) })
}

// Record implements store.Writer.
func (f *Faulty) Record(ctx context.Context, events ...store.Event) error {
	return f.act("Record", func() error { return f.inner.Record(ctx, events...) })
}

// LowerClockMark implements store.Writer.
func (f *Faulty) LowerClockMark(ctx context.Context, to time.Time, by store.Actor) error {
	return f.act("LowerClockMark", func() error { return f.inner.LowerClockMark(ctx, to, by) })
}
