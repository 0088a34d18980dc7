package bolt

import (
	"context"
	"fmt"

	"github.com/assay-pki/assay/store"
)

// Incident implements store.Reader.
func (s *Store) Incident(ctx context.Context, id uint64) (i store.Incident, err error) {
	err = s.view(ctx, func(t *tx) error {
		i, err = t.incident(id)
		return err
	})
	return i, err
}

// Incidents implements store.Reader.
func (s *Store) Incidents(ctx context.Context, before uint64, limit int) (list []store.Incident, err error) {
	if err := store.ValidatePage(limit); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(t *tx) error {
		c := t.bucket(incidentBucket).Cursor()
		k, v := c.Last()
		if before != 0 {
			if k, _ = c.Seek(seqKey(before)); k != nil {
				k, v = c.Prev()
			} else {
				k, v = c.Last()
			}
		}
		for ; k != nil && len(list) < limit; k, v = c.Prev() {
			id, ok := parseSeqKey(k)
			if !ok {
				return badKey(incidentBucket, k)
			}
			i, err := store.DecodeIncident(id, v)
			if err != nil {
				return err
			}
			list = append(list, i)
		}
		return nil
	})
	return list, err
}

func openKey(i *store.Incident) []byte { return pairKey(i.Kind, i.Object) }

// openIncidents are those that events go on with, by their openKey.
func (t *tx) openIncidents(events []store.Event) (map[string]store.Incident, error) {
	open := map[string]store.Incident{}
	for n := range events {
		if events[n].Name != store.IncidentOpened {
			continue
		}
		asked := store.OpenedBy(&events[n], 0)
		key := openKey(&asked)
		id, err := t.number(openBucket, key)
		if err != nil {
			return nil, err
		}
		if id == 0 {
			continue
		}
		if open[string(key)], err = t.incident(id); err != nil {
			return nil, err
		}
	}
	return open, nil
}

// openIncident makes an incident, or counts on in the open one.
func (w *writeTx) openIncident(e *store.Event, seq uint64, open map[string]store.Incident) error {
	i := store.OpenedBy(e, seq)
	key := openKey(&i)
	if present, there := open[string(key)]; there {
		i = present
		i.CountOn(e, seq)
	} else if err := w.put(openBucket, key, numberValue(seq)); err != nil {
		return err
	}
	open[string(key)] = i
	return w.put(incidentBucket, seqKey(i.ID), i.Encode())
}

// CloseIncident implements store.Writer.
func (s *Store) CloseIncident(ctx context.Context, c store.CloseIncident) (i store.Incident, err error) {
	if err := c.Validate(); err != nil {
		return i, err
	}
	err = s.do(ctx, func(w *writeTx) error {
		i, err = w.closeIncident(&c)
		return err
	})
	if err != nil {
		return store.Incident{}, fmt.Errorf("close incident: %w", err)
	}
	return i, nil
}

func (w *writeTx) closeIncident(c *store.CloseIncident) (store.Incident, error) {
	i, err := w.incident(c.ID)
	if err != nil || i.State == store.IncidentIsClosed {
		return i, err
	}
	i.State, i.ClosedAt, i.ClosedBy, i.Comment = store.IncidentIsClosed, store.StoredTime(c.By.At), c.By.Principal, c.Comment
	events := []store.Event{store.ClosedIncidentEvent(&i, c.By)}
	leaves, err := sealAll(events...)
	if err != nil {
		return i, err
	}
	known, err := w.knownDevices(events)
	if err != nil {
		return i, err
	}
	return i, all(
		func() error { return w.record(events, leaves, known, nil) },
		func() error { return w.put(incidentBucket, seqKey(i.ID), i.Encode()) },
		func() error { return w.delete(openBucket, openKey(&i)) },
	)
}
