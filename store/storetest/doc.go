// Package storetest is the suite that every engine of package store must pass,
// and a store that fails on order for the tests of other packages.
//
// Run states each promise of the contract as a named subtest. After each of
// them Check looks at the whole store, through the contract alone, for the
// invariants that no act may break: a serial has one owner and a key one
// holder, status, feed and revocations agree, lineages and certificates agree,
// every change of state has its event, and the Merkle root recomputes from the
// bytes of the events.
//
// An engine's test is:
//
//	func TestContract(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store { return openEmpty(t) })
//	}
package storetest
