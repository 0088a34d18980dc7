package enroll

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/enroll/attest"
	"github.com/assay-pki/assay/store"
)

// snapshot is what decides enrolments and seldom changes: products with their
// releases, orders and stations, as they were at one version of the store or
// later. It fills up as it is used. Whoever sees the same version again needs no
// read of the store; counters are the store's alone.
type snapshot struct {
	store   store.Store
	version uint64

	models   sync.Map // name -> *model
	orders   sync.Map // name -> *order
	stations sync.Map // name -> *station

	mu   sync.Mutex
	open map[string][]*order // by product; nil: not read yet
}

// model is a product's newest revision, compiled.
type model struct {
	name        string
	operational *profile.Profile
	birth       *profile.Profile // nil without
	// policy is nil when no evidence is wanted.
	policy    *attest.Policy
	formats   []string
	freshness string
}

// order is a batch. full: it was seen to have given out all; that never changes
// back but by a new version.
type order struct {
	store.Batch
	full atomic.Bool
}

// station is a factory station, likewise.
type station struct {
	store.Station
	full atomic.Bool
}

// current is the snapshot of the store's version.
func (s *Service) current(ctx context.Context) (*snapshot, error) {
	version, err := s.store.Version(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the store's version: %w", err)
	}
	if snap := s.snap.Load(); snap != nil && snap.version == version {
		return snap, nil
	}
	snap := &snapshot{store: s.store, version: version}
	s.snap.Store(snap)
	return snap, nil
}

// model returns a product. The error wraps store.ErrNotFound for no such one.
func (s *snapshot) model(ctx context.Context, name string) (*model, error) {
	if m, ok := s.models.Load(name); ok {
		return m.(*model), nil
	}
	doc, err := s.store.Document(ctx, store.KindProduct, name)
	if err != nil {
		return nil, fmt.Errorf("read product %q: %w", name, err)
	}
	m, err := s.compile(ctx, doc)
	if err != nil {
		return nil, fmt.Errorf("compile product %s@%d: %w", name, doc.Revision, err)
	}
	kept, _ := s.models.LoadOrStore(name, m)
	return kept.(*model), nil
}

func (s *snapshot) compile(ctx context.Context, doc store.Document) (*model, error) {
	authority, err := s.store.Authority(ctx)
	if err != nil {
		return nil, err
	}
	product, err := profile.ParseProduct(doc.Name, doc.Body)
	if err != nil {
		return nil, err
	}
	// The issuer's limits were held against it when it was activated, and the
	// issuer cuts what it signs.
	m := &model{name: doc.Name}
	if m.operational, err = product.Compile(doc.Revision, authority.Name, profile.IssuerLimits{}); err != nil {
		return nil, err
	}
	if product.Spec.Birth != nil {
		if m.birth, err = product.CompileBirth(doc.Revision, authority.Name, profile.IssuerLimits{}); err != nil {
			return nil, err
		}
	}
	return m, s.compilePolicy(ctx, m, &product.Spec.Firmware)
}

func (s *snapshot) compilePolicy(ctx context.Context, m *model, f *profile.FirmwareSpec) error {
	if len(f.Formats) == 0 {
		return nil
	}
	releases, err := s.releases(ctx, m.name)
	if err != nil {
		return err
	}
	m.formats, m.freshness = f.Formats, f.Freshness
	m.policy, err = attest.Compile(attest.Spec{
		Product: m.name, Formats: f.Formats, Tier: f.Tier, RenewalTier: f.RenewalTier, Freshness: f.Freshness,
		Components: f.Components, Debug: f.Debug, MinSVN: f.MinSVN, Unknown: f.Unknown,
	}, releases)
	return err
}

// releases are a product's, of all versions.
func (s *snapshot) releases(ctx context.Context, product string) ([]*attest.Release, error) {
	var all []*attest.Release
	prefix := product + "/"
	for after := prefix; ; {
		page, err := s.store.Documents(ctx, store.KindFirmware, after, store.MaxPage)
		if err != nil {
			return nil, fmt.Errorf("read firmware of %s: %w", product, err)
		}
		for _, doc := range page {
			if !strings.HasPrefix(doc.Name, prefix) {
				return all, nil
			}
			r, err := attest.LoadRelease(doc.Name, doc.Body)
			if err != nil {
				return nil, fmt.Errorf("firmware %s@%d: %w", doc.Name, doc.Revision, err)
			}
			all = append(all, r)
			after = doc.Name
		}
		if len(page) < store.MaxPage {
			return all, nil
		}
	}
}

// products are the names of all.
func (s *snapshot) products(ctx context.Context) ([]string, error) {
	var names []string
	for after := ""; ; {
		page, err := s.store.Documents(ctx, store.KindProduct, after, store.MaxPage)
		if err != nil {
			return nil, fmt.Errorf("read products: %w", err)
		}
		for _, doc := range page {
			names = append(names, doc.Name)
			after = doc.Name
		}
		if len(page) < store.MaxPage {
			return names, nil
		}
	}
}

// station returns a station's record. The error wraps store.ErrNotFound.
func (s *snapshot) station(ctx context.Context, name string) (*station, error) {
	if st, ok := s.stations.Load(name); ok {
		return st.(*station), nil
	}
	record, err := s.store.Station(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read station %q: %w", name, err)
	}
	st := &station{Station: record}
	st.full.Store(st.Quota > 0 && st.Used >= st.Quota)
	kept, _ := s.stations.LoadOrStore(name, st)
	return kept.(*station), nil
}

// order returns a batch, whatever its state.
func (s *snapshot) order(ctx context.Context, name string) (*order, error) {
	if o, ok := s.orders.Load(name); ok {
		return o.(*order), nil
	}
	b, err := s.store.Batch(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("batch %q of a device is not there: %w", name, store.ErrCorrupt)
	}
	if err != nil {
		return nil, fmt.Errorf("read batch %q: %w", name, err)
	}
	return s.keep(b), nil
}

func (s *snapshot) keep(b store.Batch) *order {
	o := &order{Batch: b}
	o.full.Store(b.Left() == 0)
	kept, _ := s.orders.LoadOrStore(b.Name, o)
	return kept.(*order)
}

// openOrders are the batches of a product that are not closed.
func (s *snapshot) openOrders(ctx context.Context, product string) ([]*order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		open := map[string][]*order{}
		for after := ""; ; {
			page, err := s.store.Batches(ctx, after, store.MaxPage)
			if err != nil {
				return nil, fmt.Errorf("read batches: %w", err)
			}
			for _, b := range page {
				if after = b.Name; b.State != store.BatchHasClosed {
					open[b.Product] = append(open[b.Product], s.keep(b))
				}
			}
			if len(page) < store.MaxPage {
				break
			}
		}
		s.open = open
	}
	return s.open[product], nil
}
