package storetest

import (
	"testing"

	"github.com/assay-pki/assay/store"
)

// promise is one sentence of the contract and its test.
type promise struct {
	name string
	test func(*world)
}

// Run tests every promise against stores that open makes, each empty and for
// one subtest. Run closes them; open may check them after that by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, room := range []struct {
		name     string
		promises []promise
	}{
		{"Found", foundPromises()},
		{"Issue", issuePromises()},
		{"Repeat", repeatPromises()},
		{"Identity", identityPromises()},
		{"Present", presentPromises()},
		{"Batch", batchPromises()},
		{"Manifest", manifestPromises()},
		{"Station", stationPromises()},
		{"Line", linePromises()},
		{"Nonce", noncePromises()},
		{"Evidence", evidencePromises()},
		{"Factory", factoryPromises()},
		{"Incident", incidentPromises()},
		{"Story", storyPromises()},
		{"Revoke", revokePromises()},
		{"Hold", holdPromises()},
		{"Token", tokenPromises()},
		{"Document", documentPromises()},
		{"Operator", operatorPromises()},
		{"Lease", leasePromises()},
		{"CRL", crlPromises()},
		{"Feed", feedPromises()},
		{"Log", logPromises()},
		{"Clock", clockPromises()},
		{"List", listPromises()},
		{"Race", racePromises()},
		{"FactoryRace", factoryRacePromises()},
		{"Close", closePromises()},
	} {
		t.Run(room.name, func(t *testing.T) {
			for _, p := range room.promises {
				t.Run(p.name, func(t *testing.T) {
					s := open(t)
					w := newWorld(t, s)
					defer func() {
						if err := s.Close(); err != nil {
							t.Errorf("close: %v", err)
						}
					}()
					p.test(w)
					if room.name != "Close" {
						Check(t, s)
					}
				})
			}
		})
	}
}
