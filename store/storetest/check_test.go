package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/assay-pki/assay/store"
)

// recorder is a test that may fail without failing this one.
type recorder struct {
	testing.TB
	faults []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...) }
func (r *recorder) Failed() bool                      { return false }

// liar is a store that answers some questions wrongly.
type liar struct {
	store.Store
	certificate func(*store.Certificate)
	device      func(*store.Device)
	operator    func(*store.Operator)
	token       func(*store.Token)
	revocation  func(*store.Revocation)
	feed        func(*store.FeedEntry)
	event       func(*store.Event)
	block       func(*store.Block)
	head        func(*store.LogHead)
	expiry      func(*store.Expiry)
	document    func(*store.Document)
	batch       func(*store.Batch)
	station     func(*store.Station)
	incident    func(*store.Incident)
	blocked     func(bool) bool
}

// bend applies a lie, if there is one, to an answer.
func bend[T any](list []T, err error, lie func(*T)) ([]T, error) {
	for i := range list {
		if lie != nil {
			lie(&list[i])
		}
	}
	return list, err
}

func (l *liar) Certificates(ctx context.Context, after store.Ref, n int) ([]store.Certificate, error) {
	list, err := l.Store.Certificates(ctx, after, n)
	return bend(list, err, l.certificate)
}

func (l *liar) Devices(ctx context.Context, after store.DeviceID, n int) ([]store.Device, error) {
	list, err := l.Store.Devices(ctx, after, n)
	return bend(list, err, l.device)
}

func (l *liar) Operators(ctx context.Context, after string, n int) ([]store.Operator, error) {
	list, err := l.Store.Operators(ctx, after, n)
	return bend(list, err, l.operator)
}

func (l *liar) Tokens(ctx context.Context, after [32]byte, n int) ([]store.Token, error) {
	list, err := l.Store.Tokens(ctx, after, n)
	return bend(list, err, l.token)
}

func (l *liar) Documents(ctx context.Context, kind store.DocumentKind, after string, n int) ([]store.Document, error) {
	list, err := l.Store.Documents(ctx, kind, after, n)
	return bend(list, err, l.document)
}

func (l *liar) Batches(ctx context.Context, after string, n int) ([]store.Batch, error) {
	list, err := l.Store.Batches(ctx, after, n)
	return bend(list, err, l.batch)
}

func (l *liar) Stations(ctx context.Context, after string, n int) ([]store.Station, error) {
	list, err := l.Store.Stations(ctx, after, n)
	return bend(list, err, l.station)
}

func (l *liar) Incidents(ctx context.Context, before uint64, n int) ([]store.Incident, error) {
	list, err := l.Store.Incidents(ctx, before, n)
	return bend(list, err, l.incident)
}

func (l *liar) Revocations(ctx context.Context, id store.IssuerID, from, to uint64, n int) ([]store.Revocation, error) {
	list, err := l.Store.Revocations(ctx, id, from, to, n)
	return bend(list, err, l.revocation)
}

func (l *liar) RevokedSince(ctx context.Context, after uint64, n int) ([]store.FeedEntry, error) {
	list, err := l.Store.RevokedSince(ctx, after, n)
	return bend(list, err, l.feed)
}

func (l *liar) ExpiringBefore(ctx context.Context, after store.Expiry, before store.Day, n int) ([]store.Expiry, error) {
	list, err := l.Store.ExpiringBefore(ctx, after, before, n)
	return bend(list, err, l.expiry)
}

func (l *liar) Events(ctx context.Context, after uint64, n int) ([]store.Event, error) {
	list, err := l.Store.Events(ctx, after, n)
	return bend(list, err, l.event)
}

func (l *liar) Blocks(ctx context.Context) ([]store.Block, error) {
	list, err := l.Store.Blocks(ctx)
	return bend(list, err, l.block)
}

func (l *liar) Log(ctx context.Context) (store.LogHead, error) {
	h, err := l.Store.Log(ctx)
	if l.head != nil {
		l.head(&h)
	}
	return h, err
}

func (l *liar) KeyBlocked(ctx context.Context, spki []byte) (bool, error) {
	blocked, err := l.Store.KeyBlocked(ctx, spki)
	if l.blocked != nil {
		blocked = l.blocked(blocked)
	}
	return blocked, err
}

// TestCheckFinds: each lie about a sound store is found.
func TestCheckFinds(t *testing.T) {
	s := engine(t)
	defer s.Close()
	w := newWorld(t, s)
	w.fill()
	_, err := w.lease(store.ShortLived, 0)
	w.must(err)
	w.issue(order{serial: "d"})
	w.revoke("a", store.ReasonKeyCompromise)
	w.issueTo(operations, store.Holder{Kind: store.HolderOperator, Name: "a"}, store.ProfileOperator)
	w.createBatch(w.manifest("w47", "E1", "E2"))
	w.putStation("s1", store.StationSpec{Site: site})
	w.issue(order{serial: "E1", station: "s1"})
	w.scrap("E1")
	w.must(w.Record(w.Context(), w.opened("renewal-fork", "sensor/E1", "")))
	Check(t, s)

	for name, l := range map[string]*liar{
		"status":                 {certificate: func(c *store.Certificate) { c.Status = store.Good }},
		"reason":                 {certificate: func(c *store.Certificate) { c.Reason++ }},
		"closed":                 {certificate: func(c *store.Certificate) { c.Closed = true }},
		"presented":              {certificate: func(c *store.Certificate) { c.Presented = true }},
		"certificate":            {certificate: func(c *store.Certificate) { c.DER = []byte{1} }},
		"serial":                 {certificate: func(c *store.Certificate) { c.Serial = [16]byte{1} }},
		"holder":                 {certificate: func(c *store.Certificate) { c.Holder.Name = "sensor/z" }},
		"one key for all":        {certificate: func(c *store.Certificate) { c.SPKI = w.certificate(store.Ref{Issuer: devices, Index: 1}).SPKI }},
		"lineage":                {device: func(d *store.Device) { d.Lineage = nil }},
		"state of a device":      {device: func(d *store.Device) { d.State = store.DeviceActive }},
		"activation":             {device: func(d *store.Device) { d.ActivatedAt = time.Time{} }},
		"operator's certificate": {operator: func(o *store.Operator) { o.Certificates = nil }},
		"operator's revision":    {operator: func(o *store.Operator) { o.Revision++ }},
		"uses of a token":        {token: func(t *store.Token) { t.Used++ }},
		"voided token":           {token: func(t *store.Token) { t.Voided = true }},
		"document":               {document: func(d *store.Document) { d.Revision++ }},
		"used of a batch":        {batch: func(b *store.Batch) { b.Used++ }},
		"scrapped of a batch":    {batch: func(b *store.Batch) { b.Scrapped-- }},
		"state of a batch":       {batch: func(b *store.Batch) { b.State = store.BatchHasClosed }},
		"revision of a batch":    {batch: func(b *store.Batch) { b.Revision++ }},
		"manifest of a batch":    {batch: func(b *store.Batch) { b.Manifest = store.Manifest{}; b.Quota = 9 }},
		"used of a station":      {station: func(s *store.Station) { s.Used = 0 }},
		"station's end":          {station: func(s *store.Station) { s.Revoked = true }},
		"count of an incident":   {incident: func(i *store.Incident) { i.Count++ }},
		"device's batch":         {device: func(d *store.Device) { d.Batch = "" }},
		"device's events":        {device: func(d *store.Device) { d.Events = nil }},
		"revocation":             {revocation: func(r *store.Revocation) { r.NotAfter = w.now }},
		"feed status":            {feed: func(e *store.FeedEntry) { e.Status = store.Held }},
		"feed sequence":          {feed: func(e *store.FeedEntry) { e.Seq += 1 << 32 }},
		"expiry":                 {expiry: func(e *store.Expiry) { e.Day++ }},
		"bytes of an event":      {event: func(e *store.Event) { e.Bytes = append([]byte{1}, e.Bytes...) }},
		"event":                  {event: func(e *store.Event) { e.Name = store.NodeStarted }},
		"digest":                 {event: func(e *store.Event) { e.Digest = nil }},
		"block":                  {block: func(b *store.Block) { b.Next++ }},
		"size of the log":        {head: func(h *store.LogHead) { h.Size++ }},
		"root of the log":        {head: func(h *store.LogHead) { h.Root[0]++ }},
		"blocked key":            {blocked: func(bool) bool { return false }},
	} {
		l.Store = s
		r := &recorder{TB: t}
		Check(r, l)
		if len(r.faults) == 0 {
			t.Errorf("a lie about the %s was not found", name)
		}
	}
}
