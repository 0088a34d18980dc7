package storetest

import (
	"time"

	"github.com/assay-pki/assay/store"
)

func foundPromises() []promise {
	return []promise{
		{"authority and issuers are read back", func(w *world) {
			a, err := w.Authority(w.Context())
			w.must(err)
			w.equal(a, w.founding().Authority, "authority")
			issuers, err := w.Issuers(w.Context())
			w.must(err)
			w.equal(issuers, w.founding().Issuers, "issuers")
			w.equal(w.eventsAfter(0), []store.EventName{
				store.AuditEpoch, store.CAActivated, store.CAActivated, store.CAActivated,
			}, "events")
		}},
		{"only once", func(w *world) {
			w.unchanged(func() { w.is(w.Found(w.Context(), w.founding()), store.ErrExists) })
		}},
		{"an act needs a doer and a time", func(w *world) {
			i := w.issuance(order{serial: "A1"})
			i.By.At = time.Time{}
			_, err := w.Issue(w.Context(), i)
			w.is(err, store.ErrConflict)
		}},
	}
}
