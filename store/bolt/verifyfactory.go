package bolt

import (
	"bytes"
	"context"

	"github.com/assay-pki/assay/store"
)

func (t *tx) checkStation(k, v []byte) error {
	st, err := store.DecodeStation(string(k), v)
	if err != nil {
		return err
	}
	for _, ref := range st.Certificates {
		c, err := t.certificate(ref)
		if err != nil || c.Holder != (store.Holder{Kind: store.HolderStation, Name: st.Name}) {
			return damaged("station %s names certificate %d/%d (%v)", st.Name, ref.Issuer, ref.Index, err)
		}
	}
	return nil
}

// checkVendor: the vendor id is that of the device it names.
func (t *tx) checkVendor(k, v []byte) error {
	product, id, ok := bytes.Cut(k, []byte{0})
	if !ok || v[0] != format {
		return badKey(vendorBucket, k)
	}
	d, err := t.device(store.DeviceID{Product: string(product), Serial: string(v[1:])})
	if err != nil || d.VendorID != string(id) {
		return damaged("vendor id %q names device %s/%s, which has %q (%v)", id, product, v[1:], d.VendorID, err)
	}
	return nil
}

// checkOpen: the index names an incident of that kind and object that is open.
func (t *tx) checkOpen(k []byte) error {
	id, err := t.number(openBucket, k)
	if err != nil {
		return err
	}
	i, err := t.incident(id)
	if err != nil || !bytes.Equal(openKey(&i), k) || i.State == store.IncidentIsClosed {
		return damaged("open incident %q is %d (%v)", k, id, err)
	}
	return nil
}

// checkCounters compares what batches and stations have used with the devices
// that got a first certificate. Devices that do not decode are told elsewhere.
func (t *tx) checkCounters(ctx context.Context) error {
	batches, stations := map[string]uint64{}, map[string]uint64{}
	err := t.scan(deviceBucket, nil, func(_, v []byte) (bool, error) {
		if d, err := store.DecodeDevice(store.DeviceID{}, v); err == nil && len(d.Lineage) > 0 {
			batches[d.Batch]++
			stations[d.Station]++
		}
		return true, ctx.Err()
	})
	if err != nil {
		return err
	}
	err = t.scan(batchBucket, nil, func(k, v []byte) (bool, error) {
		b, err := store.DecodeBatch(string(k), v)
		if err == nil && b.Used != batches[b.Name] {
			err = damaged("batch %s counts %d devices, there are %d", b.Name, b.Used, batches[b.Name])
		}
		return true, err
	})
	if err != nil {
		return err
	}
	return t.scan(stationBucket, nil, func(k, v []byte) (bool, error) {
		st, err := store.DecodeStation(string(k), v)
		if err == nil && st.Used != stations[st.Name] {
			err = damaged("station %s counts %d devices, there are %d", st.Name, st.Used, stations[st.Name])
		}
		return true, err
	})
}
