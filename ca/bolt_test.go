package ca

import (
	"context"
	"log/slog"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/bolt"
)

// leaser leases from a store as the publisher of CRLs does, without the CRLs.
type leaser struct {
	store.Store
	clock *clock
}

func (l leaser) Lease(ctx context.Context, issuer store.IssuerID, class store.Class) (store.Block, error) {
	shard, err := l.NextShard(ctx, issuer)
	if err != nil {
		return store.Block{}, err
	}
	return l.LeaseBlock(ctx, store.Lease{Issuer: issuer, Class: class, Shard: shard, By: store.Actor{Principal: "node", At: l.clock.now()}})
}

// A day in the life, over the real store: found, serve, enrol, restart.
func TestAnAuthorityOverBolt(t *testing.T) {
	b := foundOn(t, onDisk(t), publicURL, epoch)
	dir := t.TempDir()
	path := filepath.Join(dir, "assay.db")
	config := bolt.Config{Path: path, InitialMmapSize: 1 << 24}
	st, err := bolt.Create(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Found(t.Context(), b.memory.founding); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	open := func() (*bolt.Store, *Authority, *Credentials) {
		st, err := bolt.Open(config)
		if err != nil {
			t.Fatal(err)
		}
		a, err := New(t.Context(), Config{Store: st, Keys: b.ring, Blocks: leaser{st, b.clock}, Now: b.clock.now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		c, err := OpenCredentials(t.Context(), CredentialConfig{
			Authority: a, Store: st, Keys: b.ring, Dir: filepath.Join(dir, "ca"), Hosts: []string{"localhost"},
			Now: b.clock.now, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		return st, a, c
	}
	var last profile.Made
	var before map[string]string
	for range 2 {
		st, a, c := open()
		made, err := a.Sign(t.Context(), order(t, `{}`))
		if err != nil {
			t.Fatal(err)
		}
		id := store.DeviceID{Product: "sensor-s1", Serial: made.Issuer + "-" + strconv.FormatUint(made.Index, 10)}
		if _, err := st.Issue(t.Context(), store.Issuance{
			Certificate: store.Certificate{
				Ref: store.Ref{Issuer: store.IssuerID(made.IssuerID), Index: made.Index}, DER: made.DER,
				Holder: store.Holder{Kind: store.HolderDevice, Name: id.String()}, Profile: store.ProfileOperational,
				Operation: store.OpSimpleEnroll, Principal: "token:0011223344556677", IssuedAt: epoch,
			},
			Device: id, By: store.Actor{Principal: "token:0011223344556677", At: epoch},
		}); err != nil {
			t.Fatal(err)
		}
		if last.DER != nil && (made.Index <= last.Index || profile.Shard(made.Index) != profile.Shard(last.Index)) {
			t.Errorf("index %d after %d", made.Index, last.Index)
		}
		last = made
		now := served(c)
		for name, der := range before {
			if now[name] != der {
				t.Errorf("%s: made anew at a restart", name)
			}
		}
		before = now
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
