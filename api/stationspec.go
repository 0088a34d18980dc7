package api

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// perHour ends a rate.
const perHour = "/h"

// parseStation reads the spec of a Station document, sorted so that equal
// stations have equal records.
func parseStation(name string, spec []byte) (store.StationSpec, error) {
	var s v1.StationSpec
	var faults []v1.Fault
	fault := func(at, reason string) { faults = append(faults, v1.Fault{At: at, Reason: reason}) }
	if !profile.IsName(name) {
		fault("name", "1 to 32 of a-z 0-9 -, beginning with a letter or digit")
	}
	faults = append(faults, strict(spec, &s)...)
	if s.Site == "" {
		fault("spec.site", "name the site where it stands")
	}
	faults = append(faults, place("spec.site", s.Site)...)
	faults = append(faults, place("spec.line", s.Line)...)
	if len(s.Products) > maxNames {
		fault("spec.products", fmt.Sprintf("at most %d", maxNames))
	}
	for i, p := range s.Products {
		if !profile.IsName(p) {
			fault(fmt.Sprintf("spec.products[%d]", i), "not the name of a product")
		}
	}
	if s.Quota > maxQuota {
		fault("spec.quota", fmt.Sprintf("at most %d", maxQuota))
	}
	rate, ok := parseRate(s.Rate)
	if !ok {
		fault("spec.rate", fmt.Sprintf("1%s to %d%s", perHour, maxRate, perHour))
	}
	from, wrong := parseNetworks(s.FromIP)
	if faults = append(faults, wrong...); faults != nil {
		return store.StationSpec{}, badDocument("", firstOfEach(faults)...)
	}
	return store.StationSpec{
		Site: s.Site, Line: s.Line, Products: slices.Compact(slices.Sorted(slices.Values(s.Products))),
		Quota: s.Quota, Rate: rate, From: from, Until: store.StoredTime(s.Until), ClientAuth: s.ClientAuth,
	}, nil
}

// parseRate reads N/h; the empty text is no bound.
func parseRate(text string) (uint32, bool) {
	if text == "" {
		return 0, true
	}
	digits, ok := strings.CutSuffix(text, perHour)
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), ok && err == nil && n > 0 && n <= maxRate
}

// parseNetworks reads networks in CIDR; an address is itself alone.
func parseNetworks(list []string) ([]netip.Prefix, []v1.Fault) {
	if len(list) > maxNetworks {
		return nil, []v1.Fault{{At: "spec.from_ip", Reason: fmt.Sprintf("at most %d", maxNetworks)}}
	}
	var networks []netip.Prefix
	var faults []v1.Fault
	for i, text := range list {
		network, err := netip.ParsePrefix(text)
		if addr, e := netip.ParseAddr(text); err != nil && e == nil && addr.Zone() == "" {
			network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || network.Addr().Is4In6() {
			faults = append(faults, v1.Fault{At: fmt.Sprintf("spec.from_ip[%d]", i), Reason: "not an address or a network, as 10.20.0.0/16"})
			continue
		}
		networks = append(networks, network.Masked())
	}
	slices.SortFunc(networks, func(x, y netip.Prefix) int { return strings.Compare(x.String(), y.String()) })
	return slices.Compact(networks), faults
}

// stationSpec is the other way round.
func stationSpec(s *store.StationSpec) v1.StationSpec {
	out := v1.StationSpec{
		Site: s.Site, Line: s.Line, Products: s.Products, Quota: s.Quota, Until: utc(s.Until), ClientAuth: s.ClientAuth,
	}
	if s.Rate > 0 {
		out.Rate = strconv.FormatUint(uint64(s.Rate), 10) + perHour
	}
	for _, network := range s.From {
		out.FromIP = append(out.FromIP, network.String())
	}
	return out
}
