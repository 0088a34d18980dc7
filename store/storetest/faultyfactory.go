package storetest

import (
	"context"

	"github.com/assay-pki/assay/store"
)

// Version implements store.Store.
func (f *Faulty) Version(ctx context.Context) (uint64, error) {
	return ask(f, "Version", func() (uint64, error) { return f.inner.Version(ctx) })
}

// Batch implements store.Store.
func (f *Faulty) Batch(ctx context.Context, name string) (store.Batch, error) {
	return ask(f, "Batch", func() (store.Batch, error) { return f.inner.Batch(ctx, name) })
}

// Batches implements store.Store.
func (f *Faulty) Batches(ctx context.Context, after string, limit int) ([]store.Batch, error) {
	return ask(f, "Batches", func() ([]store.Batch, error) { return f.inner.Batches(ctx, after, limit) })
}

// Station implements store.Store.
func (f *Faulty) Station(ctx context.Context, name string) (store.Station, error) {
	return ask(f, "Station", func() (store.Station, error) { return f.inner.Station(ctx, name) })
}

// Stations implements store.Store.
func (f *Faulty) Stations(ctx context.Context, after string, limit int) ([]store.Station, error) {
	return ask(f, "Stations", func() ([]store.Station, error) { return f.inner.Stations(ctx, after, limit) })
}

// NonceKeys implements store.Store.
func (f *Faulty) NonceKeys(ctx context.Context) ([]store.NonceKey, error) {
	return ask(f, "NonceKeys", func() ([]store.NonceKey, error) { return f.inner.NonceKeys(ctx) })
}

// Redeemed implements store.Store.
func (f *Faulty) Redeemed(ctx context.Context, nonce []byte) ([32]byte, error) {
	return ask(f, "Redeemed", func() ([32]byte, error) { return f.inner.Redeemed(ctx, nonce) })
}

// Incident implements store.Store.
func (f *Faulty) Incident(ctx context.Context, id uint64) (store.Incident, error) {
	return ask(f, "Incident", func() (store.Incident, error) { return f.inner.Incident(ctx, id) })
}

// Incidents implements store.Store.
func (f *Faulty) Incidents(ctx context.Context, before uint64, limit int) ([]store.Incident, error) {
	return ask(f, "Incidents", func() ([]store.Incident, error) { return f.inner.Incidents(ctx, before, limit) })
}

// EventsAt implements store.Store.
func (f *Faulty) EventsAt(ctx context.Context, seqs []uint64) ([]store.Event, error) {
	return ask(f, "EventsAt", func() ([]store.Event, error) { return f.inner.EventsAt(ctx, seqs) })
}

// CreateBatch implements store.Store.
func (f *Faulty) CreateBatch(ctx context.Context, n store.NewBatch) (store.Batch, error) {
	return ask(f, "CreateBatch", func() (store.Batch, error) { return f.inner.CreateBatch(ctx, n) })
}

// ChangeBatch implements store.Store.
func (f *Faulty) ChangeBatch(ctx context.Context, c store.ChangeBatch) (store.Batch, error) {
	return ask(f, "ChangeBatch", func() (store.Batch, error) { return f.inner.ChangeBatch(ctx, c) })
}

// PutStation implements store.Store.
func (f *Faulty) PutStation(ctx context.Context, p store.PutStation) (store.Station, error) {
	return ask(f, "PutStation", func() (store.Station, error) { return f.inner.PutStation(ctx, p) })
}

// RevokeStation implements store.Store.
func (f *Faulty) RevokeStation(ctx context.Context, name string, reason uint8, by store.Actor) (store.StatusChange, error) {
	return ask(f, "RevokeStation", func() (store.StatusChange, error) { return f.inner.RevokeStation(ctx, name, reason, by) })
}

// Rework implements store.Store.
func (f *Faulty) Rework(ctx context.Context, a store.DeviceAct) (store.StatusChange, error) {
	return ask(f, "Rework", func() (store.StatusChange, error) { return f.inner.Rework(ctx, a) })
}

// Scrap implements store.Store.
func (f *Faulty) Scrap(ctx context.Context, a store.DeviceAct) (store.StatusChange, error) {
	return ask(f, "Scrap", func() (store.StatusChange, error) { return f.inner.Scrap(ctx, a) })
}

// AddNonceKey implements store.Store.
func (f *Faulty) AddNonceKey(ctx context.Context, key store.NonceKey) error {
	return f.act("AddNonceKey", func() error { return f.inner.AddNonceKey(ctx, key) })
}

// CloseIncident implements store.Store.
func (f *Faulty) CloseIncident(ctx context.Context, c store.CloseIncident) (store.Incident, error) {
	return ask(f, "CloseIncident", func() (store.Incident, error) { return f.inner.CloseIncident(ctx, c) })
}
