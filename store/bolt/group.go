package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/assay-pki/assay/store"
)

// act is one business act on its way through the writer.
type act struct {
	ctx context.Context
	// run makes all checks, then all writes. An error before the first write
	// refuses the act alone; one after it fails the whole group.
	run  func(*writeTx) error
	err  error
	done chan struct{}
}

// queue holds the acts that wait for the next commit. Its callers block until
// they are answered, so it is never longer than they are many.
type queue struct {
	mu      sync.Mutex
	waiting []*act
	closed  bool
	// ready holds one token while something waits or the queue is closed.
	ready chan struct{}
}

func (q *queue) push(a *act) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, a)
	q.signal()
	return true
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take waits for acts and, when one is there, for others up to pause. It returns
// at most maxGroup of them; none after close, when all are taken.
func (q *queue) take(group []*act, pause time.Duration) []*act {
	for {
		<-q.ready
		// Last in the line of what can run now: requests that are about to be
		// queued join this group. On an idle node this returns at once.
		runtime.Gosched()
		if pause > 0 {
			time.Sleep(pause)
		}
		q.mu.Lock()
		n := min(len(q.waiting), maxGroup)
		group = append(group[:0], q.waiting[:n]...)
		rest := copy(q.waiting, q.waiting[n:])
		clear(q.waiting[rest:])
		q.waiting = q.waiting[:rest]
		closed := q.closed
		if rest > 0 || closed {
			q.signal()
		}
		q.mu.Unlock()
		if n > 0 || closed {
			return group
		}
	}
}

// do hands an act to the writer and waits for its commit. The act is not given
// up when ctx ends after it was queued: its outcome would be unknown.
func (s *Store) do(ctx context.Context, run func(*writeTx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.readOnly {
		return fmt.Errorf("the store was opened for reading only: %w", store.ErrUnavailable)
	}
	a := &act{ctx: ctx, run: run, done: make(chan struct{})}
	if !s.queue.push(a) {
		return errClosed()
	}
	<-a.done
	return a.err
}

func errClosed() error { return fmt.Errorf("the store is closed: %w", store.ErrUnavailable) }

// maxPause bounds what a slow disk adds to an act's own commit.
const maxPause = 2 * time.Millisecond

// write is the one writer. It ends when the queue is closed and empty.
//
// A group that was shared is followed by a pause of half its commit: those it
// answered are on their way back, and one commit for all costs less than two.
// Who writes alone never waits.
func (s *Store) write() {
	defer close(s.writerDone)
	debug.SetPanicOnFault(true)
	group := make([]*act, 0, maxGroup)
	var pause time.Duration
	for {
		group = s.queue.take(group, pause)
		if len(group) == 0 {
			return
		}
		began := time.Now()
		if err := s.commit(group); err != nil {
			for _, a := range group {
				a.err = err
			}
		}
		pause = 0
		if len(group) > 1 {
			pause = min(time.Since(began)/2, maxPause)
		}
		for _, a := range group {
			close(a.done)
		}
	}
}

// commit runs a group in one transaction. Its error is that of every act in the
// group; without one, each has its own. Until it returns nobody was answered: a
// refusal may rest on what a neighbour wrote.
func (s *Store) commit(group []*act) (err error) {
	if s.broken != nil {
		return s.broken
	}
	btx, err := s.db.Begin(true)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", errors.Join(store.ErrUnavailable, err))
	}
	w := &writeTx{tx: tx{bolt: btx}, state: s.state}
	// If we crash before Commit has written the meta page, the file is as it
	// was; the tree and the counters of w are discarded here as well.
	defer func() {
		if err != nil {
			rollback(btx)
		}
	}()
	var acts, refused uint64
	for _, a := range group {
		a.err = w.try(a)
		if a.err != nil && w.wrote {
			return fmt.Errorf("act failed while it was written: %w", errors.Join(store.ErrUnavailable, a.err))
		}
		acts++
		if a.err != nil {
			refused++
		}
		w.dirty = w.dirty || w.wrote
	}
	s.stats.acts.Add(acts)
	s.stats.refused.Add(refused)
	if !w.dirty {
		rollback(btx)
		return nil
	}
	if err := s.finish(w); err != nil {
		return err
	}
	s.state = w.state
	if w.ruled {
		s.version.Add(1)
	}
	s.stats.commits.Add(1)
	s.feed.announce(w.state.feed)
	return nil
}

// finish writes the head and commits.
func (s *Store) finish(w *writeTx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = s.giveUp(fmt.Errorf("commit: %v", r))
		}
	}()
	if err := w.put(metaBucket, []byte(headKey), w.state.encode()); err != nil {
		return fmt.Errorf("write the head: %w", errors.Join(store.ErrUnavailable, err))
	}
	if err := w.bolt.Commit(); err != nil {
		if fullDisk(err) {
			// Nothing but unused pages was written: the next commit may try again.
			return fmt.Errorf("commit, free some disk space: %w", errors.Join(store.ErrUnavailable, err))
		}
		return s.giveUp(fmt.Errorf("commit: %w", err))
	}
	return nil
}

// giveUp stops all acts. After a failed fsync the kernel may have dropped the
// pages and marked them clean: what the file holds is known only after it was
// read back from the disk by a new process.
func (s *Store) giveUp(cause error) error {
	s.broken = fmt.Errorf("the store failed, restart the node to read it back: %w", errors.Join(store.ErrUnavailable, cause))
	return s.broken
}

// fullDisk tells whether a write or a resize, and not an fsync, found no room.
func fullDisk(err error) bool {
	if errors.Is(err, berrors.ErrMaxSizeReached) {
		return true
	}
	var failed *fs.PathError
	written := errors.As(err, &failed) && failed.Op == "write"
	// bbolt keeps only the text of the cause of a resize.
	resized := strings.HasPrefix(err.Error(), "file resize error")
	for _, full := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if written && errors.Is(err, full) || resized && strings.HasSuffix(err.Error(), full.Error()) {
			return true
		}
	}
	return false
}

// rollback must not panic: it runs after damage was met.
func rollback(btx *bbolt.Tx) {
	defer func() { _ = recover() }()
	_ = btx.Rollback()
}

// try runs one act. Damage that it meets is its own error.
func (w *writeTx) try(a *act) (err error) {
	w.wrote = false
	if err := a.ctx.Err(); err != nil {
		return err
	}
	defer recoverCorrupt(&err)
	return a.run(w)
}

// recoverCorrupt turns a panic of bbolt, or a fault in mapped memory, into
// ErrCorrupt. The goroutine must have called debug.SetPanicOnFault.
func recoverCorrupt(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the file is damaged (%v); stop the node, then restore a backup: %w", r, store.ErrCorrupt)
	}
}

// view runs a read in a transaction of its own.
func (s *Store) view(ctx context.Context, fn func(*tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer recoverCorrupt(&err)
	btx, err := s.db.Begin(false)
	if err != nil {
		return fmt.Errorf("begin a read: %w", errors.Join(store.ErrUnavailable, err))
	}
	defer rollback(btx)
	return fn(&tx{bolt: btx})
}
