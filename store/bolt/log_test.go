package bolt

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-pki/assay/store"
)

// TestTree compares the right edge with tlog at every size.
func TestTree(t *testing.T) {
	var edge tree
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for n := range int64(300) {
		want, err := tlog.TreeHash(n, reader)
		if err != nil || edge.root() != want {
			t.Fatalf("root of %d leaves is %v, want %v (%v)", n, edge.root(), want, err)
		}
		leaf := fmt.Appendf(nil, "leaf %d", n)
		hashes, err := tlog.StoredHashes(n, leaf, reader)
		if err != nil {
			t.Fatal(err)
		}
		if got := edge.add(tlog.RecordHash(leaf)); fmt.Sprint(got) != fmt.Sprint(hashes) {
			t.Fatalf("leaf %d completes %v, want %v", n, got, hashes)
		}
		stored = append(stored, hashes...)
	}
}

// TestKeyOrder: the order of keys is the order of what they stand for.
func TestKeyOrder(t *testing.T) {
	refs := []store.Ref{{Issuer: 1}, {Issuer: 1, Index: 1}, {Issuer: 1, Index: 255}, {Issuer: 1, Index: 256}, {Issuer: 1, Index: store.MaxIndex}, {Issuer: 2}, {Issuer: 256}}
	ids := []store.DeviceID{{Product: "a", Serial: "z"}, {Product: "a-b", Serial: "a"}, {Product: "a.b", Serial: "a"}, {Product: "ab", Serial: "a"}, {Product: "ab", Serial: "b"}}
	var keys, deviceKeys [][]byte
	for _, r := range refs {
		keys = append(keys, refKey(r))
		if back, ok := parseRefKey(refKey(r)); !ok || back != r {
			t.Errorf("key of %v reads as %v", r, back)
		}
		e := store.Expiry{Day: 20000, Ref: r}
		if back, ok := parseExpiryKey(expiryKey(e)); !ok || back != e {
			t.Errorf("key of %v reads as %v", e, back)
		}
	}
	for _, id := range ids {
		deviceKeys = append(deviceKeys, deviceKey(id))
		if back, ok := parseDeviceKey(deviceKey(id)); !ok || back != id {
			t.Errorf("key of %v reads as %v", id, back)
		}
	}
	for _, list := range [][][]byte{keys, deviceKeys} {
		for i := 1; i < len(list); i++ {
			if bytes.Compare(list[i-1], list[i]) >= 0 {
				t.Errorf("key %x is not before %x", list[i-1], list[i])
			}
		}
	}
}
