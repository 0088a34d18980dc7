package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/assay-pki/assay/api/manifest"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// parseBatch reads the spec of a Batch document.
func parseBatch(name string, spec []byte) (v1.BatchSpec, error) {
	var s v1.BatchSpec
	var faults []v1.Fault
	fault := func(at, reason string) { faults = append(faults, v1.Fault{At: at, Reason: reason}) }
	if !profile.IsName(name) {
		fault("name", "1 to 32 of a-z 0-9 -, beginning with a letter or digit")
	}
	faults = append(faults, strict(spec, &s)...)
	if !profile.IsName(s.Product) {
		fault("spec.product", "name the product that is made")
	}
	faults = append(faults, place("spec.site", s.Site)...)
	faults = append(faults, place("spec.line", s.Line)...)
	if s.Line != "" && s.Site == "" {
		fault("spec.site", "a line stands at a site")
	}
	switch hasManifest := s.Manifest != "" || s.ManifestData != ""; {
	case hasManifest && s.Quota > 0:
		fault("spec.quota", "a batch has a manifest or a quota: the rows of the manifest are its quota")
	case !hasManifest && s.Quota == 0:
		fault("spec.quota", "a batch has a manifest or a quota")
	case s.Quota > maxQuota:
		fault("spec.quota", fmt.Sprintf("at most %d", maxQuota))
	}
	faults = append(faults, window(s.From, s.Until)...)
	if faults != nil {
		return s, badDocument("", firstOfEach(faults)...)
	}
	s.From, s.Until = store.StoredTime(s.From), store.StoredTime(s.Until)
	return s, nil
}

// place checks the name of a site or a line; the empty one is none.
func place(at, name string) []v1.Fault {
	if len(name) <= maxSite && printable(name) == name && strings.TrimSpace(name) == name && name != "*" {
		return nil
	}
	return []v1.Fault{{At: at, Reason: fmt.Sprintf("1 to %d printable octets without space at the ends, and not *", maxSite)}}
}

// putBatch creates an order with its manifest, or changes its window or quota.
func (a *API) putBatch(ctx context.Context, who *caller, in *putIn) (*appliedOut, error) {
	if err := in.envelope(v1.KindBatch); err != nil {
		return nil, err
	}
	spec, err := parseBatch(in.Name, in.Body.Spec)
	if err != nil {
		return nil, err
	}
	in.Body.Spec = nil // it may be large
	if err := a.may(ctx, who, spec.Product, spec.Site); err != nil {
		return nil, err
	}
	before, err := a.presentBatch(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if before.Revision != 0 && !who.sees(before.Product, before.Site) {
		return nil, v1.Refuse(v1.Exists, "the name is taken")
	}
	expect, err := in.check(before.Revision)
	if err != nil {
		return nil, err
	}
	if before.Revision == 0 {
		return a.createBatch(ctx, who, in, spec)
	}
	return a.changeBatch(ctx, who, in, &before, spec, expect)
}

// createBatch stores an order and the devices that it expects, all or none.
func (a *API) createBatch(ctx context.Context, who *caller, in *putIn, spec v1.BatchSpec) (*appliedOut, error) {
	order := store.NewBatch{
		Batch: store.Batch{
			Name: in.Name, Product: spec.Product, Site: spec.Site, Line: spec.Line,
			From: spec.From, Until: spec.Until, Quota: spec.Quota,
		},
		By: a.actor(who),
	}
	compiled, err := a.compiledNamed(ctx, spec.Product)
	if err != nil {
		return nil, err
	}
	var list *manifest.Manifest
	if spec.Quota == 0 {
		if list, err = readManifest(in.Name, &spec, compiled); err != nil {
			return nil, err
		}
		order.Devices = list.Rows
		order.Batch.Manifest = store.Manifest{SHA256: list.SHA256, Rows: uint64(len(list.Rows)), Format: list.Format}
	}
	if in.DryRun {
		if err := a.batchFits(ctx, &order); err != nil {
			return nil, manifestTrouble(twoQuotas(err, &order), list)
		}
		return appliedBatch(v1.Created, true, nil, &order.Batch)
	}
	made, err := a.store.CreateBatch(ctx, order)
	if err != nil {
		return nil, manifestTrouble(twoQuotas(err, &order), list)
	}
	return appliedBatch(v1.Created, false, nil, &made)
}

// readManifest reads the list of serials that came with a document.
func readManifest(batch string, spec *v1.BatchSpec, product *profile.Profile) (*manifest.Manifest, error) {
	if spec.ManifestData == "" {
		return nil, badDocument("", v1.Fault{At: "spec.manifest_data", Reason: "the text of the manifest is missing; apply sends the file that spec.manifest names"})
	}
	list, err := manifest.Read(strings.NewReader(spec.ManifestData), "", manifest.Rules{
		SerialOK: product.SerialOK, Product: spec.Product, Batch: batch, Site: spec.Site, Line: spec.Line,
	})
	if err != nil {
		return nil, manifestTrouble(err, nil)
	}
	if name := manifestName(list.SHA256); strings.HasPrefix(spec.Manifest, "sha256:") && spec.Manifest != name {
		return nil, badDocument("", v1.Fault{At: "spec.manifest", Reason: "is not the digest of the text, " + name})
	}
	spec.ManifestData = ""
	return list, nil
}

// changeBatch changes what may change of an order.
func (a *API) changeBatch(
	ctx context.Context, who *caller, in *putIn, before *store.Batch, spec v1.BatchSpec, expect uint32,
) (*appliedOut, error) {
	if err := fixed(before, &spec); err != nil {
		return nil, err
	}
	old, err := json.Marshal(batchSpec(before))
	if err != nil {
		return nil, err
	}
	act := change(before, a.actor(who))
	act.From, act.Until, act.Quota, act.Expect = spec.From, spec.Until, spec.Quota, expect
	after := *before
	order, _, err := act.Apply(&after)
	switch {
	case err != nil && before.State == store.BatchHasClosed:
		return nil, batchClosed()
	case err != nil:
		return nil, err
	case !order:
		return appliedBatch(v1.Unchanged, in.DryRun, old, before)
	case in.DryRun:
		after.Revision = 0
		return appliedBatch(v1.Changed, true, old, &after)
	}
	if after, err = a.store.ChangeBatch(ctx, act); err != nil {
		return nil, err
	}
	return appliedBatch(v1.Changed, false, old, &after)
}

// fixed holds a document against what never changes of an order.
func fixed(b *store.Batch, s *v1.BatchSpec) error {
	var faults []v1.Fault
	differ := func(at string, is bool) {
		if is {
			faults = append(faults, v1.Fault{At: "spec." + at, Reason: "is fixed once the batch is there"})
		}
	}
	differ("product", s.Product != b.Product)
	differ("site", s.Site != b.Site)
	differ("line", s.Line != b.Line)
	hasManifest := b.Manifest.Rows > 0
	differ("quota", hasManifest && s.Quota > 0)
	differ("manifest", !hasManifest && s.Quota == 0 || hasManifest && s.Quota == 0 && !sameManifest(b, s))
	if faults == nil {
		return nil
	}
	return &v1.Refusal{
		Reason: v1.ImmutableField, Detail: faults[0].At + " " + faults[0].Reason,
		Next: "create another batch", Faults: faults,
	}
}

// sameManifest compares by digest: that of the text, else the one that the name
// is.
func sameManifest(b *store.Batch, s *v1.BatchSpec) bool {
	if s.ManifestData != "" {
		return sha256.Sum256([]byte(s.ManifestData)) == b.Manifest.SHA256
	}
	return s.Manifest == manifestName(b.Manifest.SHA256)
}

func appliedBatch(result v1.Result, dryRun bool, before []byte, after *store.Batch) (*appliedOut, error) {
	d, err := declaredBatch(after)
	if err != nil {
		return nil, err
	}
	return applied(result, dryRun, before, d), nil
}

// batchFits is what store.CreateBatch would refuse, for a dry run. Vendor ids
// are left to it.
func (a *API) batchFits(ctx context.Context, n *store.NewBatch) error {
	if len(n.Devices) == 0 {
		return a.noOtherQuota(ctx, &n.Batch)
	}
	open := map[string]bool{}
	refused := &store.ManifestError{}
	for row := range n.Devices {
		d, err := a.store.Device(ctx, store.DeviceID{Product: n.Batch.Product, Serial: n.Devices[row].Serial})
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		why, err := a.taken(ctx, &d, open)
		if err != nil {
			return err
		}
		if why == nil {
			continue
		}
		if refused.Total++; len(refused.Faults) < maxFaults {
			refused.Faults = append(refused.Faults, store.RowFault{Row: row, Err: why})
		}
	}
	if refused.Total > 0 {
		return refused
	}
	return nil
}

// taken tells why a device cannot be expected by another batch; open keeps what
// was read of batches.
func (a *API) taken(ctx context.Context, d *store.Device, open map[string]bool) (why, err error) {
	if d.State != store.DeviceExpected {
		return fmt.Errorf("the device is %s: %w", d.State, store.ErrConflict), nil
	}
	if d.Batch == "" {
		return nil, nil
	}
	if _, known := open[d.Batch]; !known {
		b, err := a.presentBatch(ctx, d.Batch)
		if err != nil {
			return nil, err
		}
		open[d.Batch] = b.Revision != 0 && b.State != store.BatchHasClosed
	}
	if open[d.Batch] {
		return fmt.Errorf("the serial is in batch %s: %w", d.Batch, store.ErrExists), nil
	}
	return nil, nil
}

// noOtherQuota: one quota batch of a product, site and line is open at a time.
func (a *API) noOtherQuota(ctx context.Context, n *store.Batch) error {
	for after := ""; ; {
		page, err := a.store.Batches(ctx, after, maxLimit)
		if err != nil {
			return err
		}
		for _, b := range page {
			after = b.Name
			same := b.Product == n.Product && b.Site == n.Site && b.Line == n.Line
			if same && b.Manifest.Rows == 0 && b.State != store.BatchHasClosed {
				return fmt.Errorf("batch %s is open for the same product, site and line: %w", b.Name, store.ErrConflict)
			}
		}
		if len(page) < maxLimit {
			return nil
		}
	}
}

// twoQuotas says what the store's conflict is about an order without a manifest.
func twoQuotas(err error, n *store.NewBatch) error {
	if len(n.Devices) > 0 || !errors.Is(err, store.ErrConflict) {
		return err
	}
	return &v1.Refusal{
		Reason: v1.WrongState, Detail: "another batch with a quota is open for the same product, site and line",
		Next: "close it, or raise its quota: assay batch list", Err: err,
	}
}

// manifestTrouble turns the faults of rows into those of a document, at
// manifest:LINE:COL. list is what was read, for the rows of store.ManifestError.
func manifestTrouble(err error, list *manifest.Manifest) error {
	var faults []v1.Fault
	total := 0
	if f, ok := errors.AsType[*manifest.FaultsError](err); ok {
		total = f.Total
		for _, fault := range f.Faults {
			at := fmt.Sprintf("manifest:%d", fault.Line)
			if fault.Column > 0 {
				at += fmt.Sprintf(":%d", fault.Column)
			}
			reason := fault.Reason
			if fault.Name != "" {
				reason = fault.Name + ": " + reason
			}
			faults = append(faults, v1.Fault{At: at, Reason: printable(reason)})
		}
	} else if f, ok := errors.AsType[*store.ManifestError](err); ok {
		total = f.Total
		for _, fault := range f.Faults {
			faults = append(faults, v1.Fault{
				At:     fmt.Sprintf("manifest:%d", list.Line(fault.Row)),
				Reason: printable(fmt.Sprintf("%s: %v", list.Rows[fault.Row].Serial, fault.Err)),
			})
		}
	} else {
		return err
	}
	faults = faults[:min(len(faults), maxFaults)]
	detail := fmt.Sprintf("the manifest has %d faults; none of it was imported", total)
	if total == 1 {
		detail = "the manifest has a fault; none of it was imported"
	}
	return &v1.Refusal{Reason: v1.BadDocument, Detail: detail, Next: "mend the lines listed", Faults: faults, Err: err}
}
