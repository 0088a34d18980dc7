package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/assay-pki/assay/store"
)

// Record implements store.Writer.
func (s *Store) Record(ctx context.Context, events ...store.Event) error {
	if len(events) == 0 {
		return nil
	}
	if len(events) > store.MaxEventsPerRecord {
		return fmt.Errorf("record %d events at once: %w", len(events), store.ErrLimit)
	}
	leaves, err := sealAll(events...)
	if err != nil {
		return err
	}
	err = s.do(ctx, func(w *writeTx) error {
		known, err := w.knownDevices(events)
		if err != nil {
			return err
		}
		open, err := w.openIncidents(events)
		if err != nil {
			return err
		}
		return w.record(events, leaves, known, open)
	})
	if err != nil {
		return fmt.Errorf("record %s: %w", events[0].Name, err)
	}
	return nil
}

// knownDevices are those that the events are about.
func (t *tx) knownDevices(events []store.Event) (map[store.DeviceID]*store.Device, error) {
	known := map[store.DeviceID]*store.Device{}
	for i := range events {
		id, ok := events[i].OfDevice()
		if !ok || known[id] != nil {
			continue
		}
		d, err := t.device(id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		known[id] = &d
	}
	return known, nil
}

// record appends events, notes them in the devices that they are about, and in
// the incidents that they open or that go on with them.
func (w *writeTx) record(events []store.Event, leaves []leaf, known map[store.DeviceID]*store.Device, open map[string]store.Incident) error {
	for i := range events {
		e := &events[i]
		w.touch(e.Time)
		if err := w.log(leaves[i]); err != nil {
			return err
		}
		seq := uint64(w.state.log.size)
		if id, ok := e.OfDevice(); ok && known[id] != nil {
			known[id].AddEvent(seq)
		}
		if e.Name == store.IncidentOpened {
			if err := w.openIncident(e, seq, open); err != nil {
				return err
			}
		}
	}
	for _, d := range known {
		if err := w.putDevice(d); err != nil {
			return err
		}
	}
	return nil
}

// PutCheckpoint implements store.Writer.
func (s *Store) PutCheckpoint(ctx context.Context, checkpoint []byte) error {
	if len(checkpoint) == 0 || len(checkpoint) > store.MaxCheckpointBytes {
		return fmt.Errorf("checkpoint of %d octets: %w", len(checkpoint), store.ErrLimit)
	}
	value := append([]byte{format}, checkpoint...)
	err := s.do(ctx, func(w *writeTx) error { return w.put(metaBucket, []byte(checkpointKey), value) })
	if err != nil {
		return fmt.Errorf("put checkpoint: %w", err)
	}
	return nil
}

// Checkpoint implements store.Reader.
func (s *Store) Checkpoint(ctx context.Context) (checkpoint []byte, err error) {
	err = s.view(ctx, func(t *tx) error {
		v := t.get(metaBucket, []byte(checkpointKey))
		if v == nil {
			return notFound("checkpoint", "of the log")
		}
		if v[0] != format {
			return badKey(metaBucket, []byte(checkpointKey))
		}
		checkpoint = bytes.Clone(v[1:])
		return nil
	})
	return checkpoint, err
}

// ClockMark implements store.Reader. It is zero before the first act.
func (s *Store) ClockMark(ctx context.Context) (mark time.Time, err error) {
	err = s.view(ctx, func(t *tx) error {
		h, err := t.head()
		if h.mark > 0 {
			mark = time.UnixMicro(h.mark).UTC()
		}
		return err
	})
	return mark, err
}

// LowerClockMark implements store.Writer.
func (s *Store) LowerClockMark(ctx context.Context, to time.Time, by store.Actor) error {
	if err := by.Validate(); err != nil {
		return err
	}
	err := s.do(ctx, func(w *writeTx) error {
		lower := store.StoredTime(to).UnixMicro()
		if to.IsZero() || lower > w.state.mark {
			return fmt.Errorf("the mark is %v: %w", time.UnixMicro(w.state.mark).UTC(), store.ErrConflict)
		}
		leaves, err := sealAll(store.ClockResetEvent(time.UnixMicro(w.state.mark), to, by))
		if err != nil {
			return err
		}
		w.state.mark = lower
		return w.log(leaves...)
	})
	if err != nil {
		return fmt.Errorf("lower the clock mark to %v: %w", to, err)
	}
	return nil
}
