package bolt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"github.com/assay-pki/assay/store"
)

// Config says where the store is. The zero value is refused: Path is required.
type Config struct {
	// Path of the file. Its directory must exist, on a local file system.
	Path string
	// InitialMmapSize is the address space to reserve, in octets; 1 GiB when 0.
	// While the file fits, no read ever waits for a remapping.
	InitialMmapSize int
	// MaxSize bounds the file, in octets; 0 for no bound. At the bound acts
	// fail with store.ErrUnavailable and reads go on.
	MaxSize int
	// AcceptOlderMeta opens a file of which one of the two meta pages is
	// damaged, from the other one: the acts of the last commit may be missing.
	AcceptOlderMeta bool
	// Log gets what was found while opening; nil for none.
	Log *slog.Logger
}

func (c *Config) complete() error {
	if c.Path == "" || c.InitialMmapSize < 0 || c.MaxSize < 0 {
		return fmt.Errorf("bolt: path %q, mmap size %d, max size %d: name the file, sizes are not negative", c.Path, c.InitialMmapSize, c.MaxSize)
	}
	if c.InitialMmapSize == 0 {
		c.InitialMmapSize = defaultMmap
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Errors of opening, beside store.ErrCorrupt. Test with errors.Is.
var (
	// ErrInUse: another process holds the file.
	ErrInUse = errors.New("store is in use")
	// ErrNewerSchema: the file was written by a newer version of this program.
	ErrNewerSchema = errors.New("store has a newer schema")
	// ErrNetworkFS: locks and mapped memory cannot be trusted on a network file
	// system.
	ErrNetworkFS = errors.New("store is on a network file system")
)

// Store is an open file. It implements store.Store.
type Store struct {
	db       *bbolt.DB
	readOnly bool

	queue      queue
	writerDone chan struct{}
	closing    chan struct{}
	closeOnce  sync.Once
	closeErr   error

	// state and broken belong to the writer.
	state  state
	broken error

	feed feed
	// version is what Version tells.
	version atomic.Uint64
	stats   struct{ commits, acts, refused atomic.Uint64 }
}

var _ store.Store = (*Store)(nil)

// Stats are counters since the file was opened.
type Stats struct {
	// Commits is the number of transactions that were written: two fsyncs each.
	Commits uint64
	// Acts is the number of acts that reached the writer, Refused how many of
	// them failed their checks.
	Acts, Refused uint64
}

// Stats is safe for concurrent use.
func (s *Store) Stats() Stats {
	return Stats{
		Commits: s.stats.commits.Load(),
		Acts:    s.stats.acts.Load(),
		Refused: s.stats.refused.Load(),
	}
}

// Version implements store.Reader.
func (s *Store) Version(ctx context.Context) (uint64, error) {
	select {
	case <-s.closing:
		return 0, errClosed()
	default:
		return s.version.Load(), ctx.Err()
	}
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		s.queue.close()
		<-s.writerDone
		s.closeErr = s.db.Close()
	})
	return s.closeErr
}
