// Package bolt keeps a store in one bbolt file: the engine for one node, up to
// about ten million certificates.
//
// It promises what package store does. Acts that arrive while a commit runs are
// committed together by one writer: each is checked against the same
// transaction, so that a refused act leaves its neighbours untouched, and all
// are answered after one fsync of data and one of the meta page. The leaves of
// the Merkle log are written in the same transaction as what they tell.
//
// It refuses: a file that another process holds, network file systems, a schema
// that is newer than this program, and a file that is damaged where it can tell.
// A damaged file never ends the process by a panic or a fault in mapped memory,
// neither when it is opened nor later: the reading or the act fails with
// store.ErrCorrupt.
//
//	s, err := bolt.Open(bolt.Config{Path: "/var/lib/assay/store.db"})
//	if err != nil {
//		return err
//	}
//	defer s.Close()
//
// No promise of a stable API, except for store.Store, which it implements.
package bolt
