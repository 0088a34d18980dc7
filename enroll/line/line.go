package line

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/assay-pki/assay/enroll/client"
)

// Config of a Line. Station, Product, Batch, Source and Out are required.
type Config struct {
	Station *Station
	// Product is the EST label; Batch is where the server must count.
	Product, Batch string
	Source         Source
	// Out is the directory of certificates, journal and receipt.
	Out string
	// Workers is how many units are worked at a time, 1 to 256; 0: 8.
	Workers int
	// RetryRefused asks again for units that were refused in earlier runs.
	RetryRefused bool
	// Patience is how long nothing may succeed; 0: 10 minutes.
	Patience time.Duration
	// Timeout bounds one exchange; 0: that of enroll/client.
	Timeout time.Duration
	// Progress is called after each unit that got an answer, by one goroutine
	// at a time; nil: nobody.
	Progress func(Count)
	// Waiting is called when the line has to wait, once until a unit gets an
	// answer again, by one goroutine at a time; nil: nobody.
	Waiting func(cause error)
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Count says how far a run has come, earlier runs included.
type Count struct {
	Done, Refused, Left int
	// BatchLeft is how many devices the server still takes in the batch, as
	// of its last answer.
	BatchLeft uint64
}

// Line works the units of one batch.
type Line struct {
	config  Config
	client  *client.Client
	heading heading
	wait    func(context.Context, time.Duration) error

	journal *journal
	mu      sync.Mutex
	count   Count
	// moved is when a unit last got an answer; told: Waiting was called since.
	moved time.Time
	told  bool
}

// New checks the configuration; it touches nothing. The error is ErrConfig.
func New(config Config) (*Line, error) {
	if config.Station == nil || config.Source == nil || config.Product == "" || config.Batch == "" || config.Out == "" {
		return nil, fmt.Errorf("%w: station, units, product, batch and directory are needed", ErrConfig)
	}
	if config.Workers == 0 {
		config.Workers = defaultWorkers
	}
	if config.Workers < 0 || config.Workers > maxWorkers {
		return nil, fmt.Errorf("%w: %d workers, want 1 to %d", ErrConfig, config.Workers, maxWorkers)
	}
	if config.Patience == 0 {
		config.Patience = defaultPatience
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	s := config.Station
	c, err := client.New(client.Config{
		URL: s.EST, Label: config.Product, Roots: s.Roots, Certificate: &s.Certificate,
		Timeout: config.Timeout, Retries: -1, UserAgent: "assay-line", Now: config.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return &Line{
		config: config, client: c, wait: sleep,
		heading: heading{journalFormat, config.Batch, config.Product, s.Station, s.Site, s.Line},
	}, nil
}

// Run works all units that are not done, and writes the receipt, also when it
// is stopped. Besides the error of ctx it returns ErrStopped, ErrUnavailable,
// ErrOtherBatch, ErrJournal and what the disk says; the receipt is nil only
// when the directory could not be opened.
func (l *Line) Run(ctx context.Context) (*Receipt, error) {
	if err := os.MkdirAll(l.config.Out, dirMode); err != nil {
		return nil, err
	}
	release, err := lock(l.path("lock"))
	if err != nil {
		return nil, err
	}
	defer release()
	defer l.client.CloseIdle()
	if l.journal, err = openJournal(l.path(journalName), l.heading); err != nil {
		return nil, err
	}
	err = l.work(ctx)
	if closed := l.journal.close(); closed != nil {
		err = errors.Join(err, closed)
	}
	receipt, failed := l.receipt()
	return receipt, errors.Join(err, failed)
}

// Names in the directory besides those of certificates, which end in .crt.
const (
	journalName = "journal.jsonl"
	tableName   = "certificates.csv"
	receiptName = "receipt.json"
)

func (l *Line) path(name string) string { return filepath.Join(l.config.Out, name) }

// work works the units one by one until the first has a certificate, and the
// rest by all workers. So a batch that was mistaken for another costs one unit.
func (l *Line) work(ctx context.Context) error {
	todo := l.todo()
	before := l.count.Done
	for len(todo) > 0 && l.count.Done == before {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := l.unit(ctx, todo[0]); err != nil {
			return err
		}
		todo = todo[1:]
	}
	return l.workers(ctx, todo)
}

// workers gives the units to the workers and waits for them. The first error
// stops all.
func (l *Line) workers(ctx context.Context, todo []string) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	units := make(chan string)
	var workers sync.WaitGroup
	for range min(l.config.Workers, len(todo)) {
		workers.Go(func() {
			for serial := range units {
				if err := l.unit(ctx, serial); err != nil {
					stop(err)
					return
				}
			}
		})
	}
feed:
	for _, serial := range todo {
		select {
		case units <- serial:
		case <-ctx.Done():
			break feed
		}
	}
	close(units)
	workers.Wait()
	return context.Cause(ctx)
}

// todo are the units to work, and sets the count.
func (l *Line) todo() []string {
	l.moved = l.config.Now()
	l.count = Count{}
	var todo []string
	for _, serial := range l.config.Source.Units() {
		switch l.journal.unit(serial).State {
		case stateDone:
			l.count.Done++
			continue
		case stateRefused:
			if !l.config.RetryRefused {
				l.count.Refused++
				continue
			}
		}
		todo = append(todo, serial)
	}
	l.count.Left = len(todo)
	return todo
}

// record writes what became of a unit, and tells it.
func (l *Line) record(e entry, batchLeft uint64) error {
	e.At = l.config.Now().UTC().Truncate(time.Millisecond)
	if err := l.journal.add(e); err != nil {
		return err
	}
	if e.State == stateSent {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moved, l.told = l.config.Now(), false
	switch e.State {
	case stateDone:
		l.count.Done++
		l.count.Left--
		l.count.BatchLeft = batchLeft
	case stateRefused:
		l.count.Refused++
		l.count.Left--
	}
	if l.config.Progress != nil {
		l.config.Progress(l.count)
	}
	return nil
}

// patience is how much longer nothing may succeed.
func (l *Line) patience() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.config.Patience - l.config.Now().Sub(l.moved)
}

// waiting tells that the line waits.
func (l *Line) waiting(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.told && l.config.Waiting != nil {
		l.config.Waiting(cause)
	}
	l.told = true
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
