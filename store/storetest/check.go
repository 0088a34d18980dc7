package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/store"
)

// Check reports every invariant of the contract that does not hold. It reads
// through the contract alone, the whole store, so it is for small ones that
// nobody writes to meanwhile.
func Check(t testing.TB, s store.Reader) {
	t.Helper()
	c := &checker{TB: t, s: s, certificates: map[store.Ref]store.Certificate{}}
	c.read()
	if t.Failed() {
		return
	}
	c.checkOwners()
	c.checkLineages()
	c.checkFeed()
	c.checkRevocations()
	c.checkCalendar()
	c.checkBlocks()
	c.checkEvents()
	c.checkFactory()
	c.checkStories()
	c.checkIncidents()
	c.checkLog()
}

type checker struct {
	testing.TB
	s            store.Reader
	certificates map[store.Ref]store.Certificate
	order        []store.Ref
	devices      []store.Device
	operators    []store.Operator
	tokens       []store.Token
	batches      []store.Batch
	stations     []store.Station
	issuers      []store.Issuer
	feed         []store.FeedEntry
	events       []store.Event
}

// pages reads a list to its end.
func pages[T, C any](c *checker, what string, cursor C, next func(T) C, list func(C, int) ([]T, error)) (all []T) {
	c.Helper()
	for {
		got, err := list(cursor, page)
		if err != nil {
			c.Errorf("list %s: %v", what, err)
			return all
		}
		if len(got) == 0 {
			return all
		}
		all = append(all, got...)
		cursor = next(got[len(got)-1])
	}
}

func (c *checker) read() {
	c.Helper()
	ctx := c.Context()
	for _, v := range pages(c, "certificates", store.Ref{}, func(v store.Certificate) store.Ref { return v.Ref },
		func(after store.Ref, n int) ([]store.Certificate, error) { return c.s.Certificates(ctx, after, n) }) {
		c.certificates[v.Ref] = v
		c.order = append(c.order, v.Ref)
	}
	c.devices = pages(c, "devices", store.DeviceID{}, func(v store.Device) store.DeviceID { return v.DeviceID },
		func(after store.DeviceID, n int) ([]store.Device, error) { return c.s.Devices(ctx, after, n) })
	c.operators = pages(c, "operators", "", func(v store.Operator) string { return v.Name },
		func(after string, n int) ([]store.Operator, error) { return c.s.Operators(ctx, after, n) })
	c.tokens = pages(c, "tokens", [32]byte{}, func(v store.Token) [32]byte { return v.Hash },
		func(after [32]byte, n int) ([]store.Token, error) { return c.s.Tokens(ctx, after, n) })
	c.feed = pages(c, "feed", 0, func(v store.FeedEntry) uint64 { return v.Seq },
		func(after uint64, n int) ([]store.FeedEntry, error) { return c.s.RevokedSince(ctx, after, n) })
	c.events = pages(c, "events", 0, func(v store.Event) uint64 { return v.Seq },
		func(after uint64, n int) ([]store.Event, error) { return c.s.Events(ctx, after, n) })
	c.batches = pages(c, "batches", "", func(v store.Batch) string { return v.Name },
		func(after string, n int) ([]store.Batch, error) { return c.s.Batches(ctx, after, n) })
	c.stations = pages(c, "stations", "", func(v store.Station) string { return v.Name },
		func(after string, n int) ([]store.Station, error) { return c.s.Stations(ctx, after, n) })
	var err error
	if c.issuers, err = c.s.Issuers(ctx); err != nil {
		c.Errorf("issuers: %v", err)
	}
}

// same reports a difference.
func (c *checker) same(got, want any, format string, args ...any) {
	c.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		c.Errorf("invariant: %s (-want +got):\n%s", fmt.Sprintf(format, args...), diff)
	}
}

// checkOwners: a serial has one certificate, a key one holder.
func (c *checker) checkOwners() {
	c.Helper()
	serials := map[[16]byte]store.Ref{}
	keys := map[string]store.Holder{}
	for ref, v := range c.certificates {
		if other, twice := serials[v.Serial]; twice {
			c.Errorf("invariant: serial %x belongs to %v and %v", v.Serial, ref, other)
		}
		serials[v.Serial] = ref
		holder, known := keys[string(v.SPKI)]
		if known && holder != v.Holder {
			c.Errorf("invariant: one key for %v and %v", holder, v.Holder)
		}
		keys[string(v.SPKI)] = v.Holder
		newest, err := c.s.CertificateBySPKI(c.Context(), v.SPKI)
		if err != nil || !bytes.Equal(newest.SPKI, v.SPKI) || newest.IssuedAt.Before(v.IssuedAt) {
			c.Errorf("invariant: newest certificate of the key of %v is %v (%v)", ref, newest.Ref, err)
		}
	}
}

// checkLineages: devices, operators and stations name exactly their certificates.
func (c *checker) checkLineages() {
	c.Helper()
	got, want := map[store.Holder][]store.Ref{}, map[store.Holder][]store.Ref{}
	for _, d := range c.devices {
		got[store.Holder{Kind: store.HolderDevice, Name: d.String()}] = d.Lineage
	}
	for _, o := range c.operators {
		got[store.Holder{Kind: store.HolderOperator, Name: o.Name}] = o.Certificates
	}
	for _, st := range c.stations {
		got[store.Holder{Kind: store.HolderStation, Name: st.Name}] = st.Certificates
	}
	for holder, refs := range got {
		sorted := slices.Clone(refs)
		slices.SortFunc(sorted, compareRefs)
		got[holder] = sorted
		want[holder] = nil
	}
	for _, ref := range c.order {
		holder := c.certificates[ref].Holder
		if holder.Kind != store.HolderServer {
			want[holder] = append(want[holder], ref)
		}
	}
	c.same(got, want, "lineages and certificates")
}

func compareRefs(a, b store.Ref) int {
	if a.Issuer != b.Issuer {
		return int(a.Issuer) - int(b.Issuer)
	}
	return int(a.Index) - int(b.Index)
}

// checkFeed: sequences have no gap, and the last entry of a certificate is its
// status.
func (c *checker) checkFeed() {
	c.Helper()
	status := map[store.Ref]store.Status{}
	for i, e := range c.feed {
		c.same(e.Seq, uint64(i+1), "sequence of the feed")
		if e.Status == status[e.Ref] {
			c.Errorf("invariant: feed entry %d changes nothing", e.Seq)
		}
		status[e.Ref] = e.Status
	}
	for ref, v := range c.certificates {
		c.same(status[ref], v.Status, "status of %v by the feed", ref)
	}
	head, err := c.s.FeedHead(c.Context())
	if err != nil || head != uint64(len(c.feed)) {
		c.Errorf("invariant: feed head is %d (%v), the feed has %d entries", head, err, len(c.feed))
	}
}

// checkRevocations: what is not good, and nothing else, stands in the
// revocations of its issuer.
func (c *checker) checkRevocations() {
	c.Helper()
	var got, want []store.Revocation
	for _, i := range c.issuers {
		got = append(got, pages(c, "revocations", 0, func(v store.Revocation) uint64 { return v.Index + 1 },
			func(from uint64, n int) ([]store.Revocation, error) {
				return c.s.Revocations(c.Context(), i.ID, from, store.MaxIndex+1, n)
			})...)
	}
	for _, ref := range c.order {
		if v := c.certificates[ref]; v.Status != store.Good {
			want = append(want, v.Revocation())
		}
	}
	c.same(got, want, "revocations and certificates")
}

func (c *checker) checkCalendar() {
	c.Helper()
	got := map[store.Ref]store.Day{}
	for _, e := range pages(c, "expiries", store.Expiry{}, func(v store.Expiry) store.Expiry { return v },
		func(after store.Expiry, n int) ([]store.Expiry, error) {
			return c.s.ExpiringBefore(c.Context(), after, ^store.Day(0), n)
		}) {
		got[e.Ref] = e.Day
	}
	want := map[store.Ref]store.Day{}
	for ref, v := range c.certificates {
		want[ref] = store.DayOf(v.NotAfter)
	}
	c.same(got, want, "calendar of expiries")
}

// checkBlocks: a block is a shard, and goes on above what is stored in it.
func (c *checker) checkBlocks() {
	c.Helper()
	blocks, err := c.s.Blocks(c.Context())
	if err != nil {
		c.Errorf("blocks: %v", err)
	}
	taken := map[store.Ref]bool{}
	for _, b := range blocks {
		first := store.Ref{Issuer: b.Issuer, Index: b.First}
		if b.First%store.ShardSize != 0 || b.End != b.First+store.ShardSize || taken[first] {
			c.Errorf("invariant: block %+v", b)
		}
		taken[first] = true
		next := b.First
		for ref := range c.certificates {
			if ref.Issuer == b.Issuer && ref.Index >= b.First && ref.Index < b.End {
				next = max(next, ref.Index+1)
			}
		}
		c.same(b.Next, next, "next index of block %d", b.First)
	}
}
