package query

import (
	"context"
	"slices"
)

// evidenceFields are about the newest appraisal.
func evidenceFields() []field {
	return []field{
		{name: "firmware", kind: version, texts: versions},
		{name: "component.", texts: func(_ context.Context, v *view, name string) ([]string, error) {
			for _, c := range v.Device.Evidence.Components {
				if c.Component == name {
					return present(c.Version), nil
				}
			}
			return nil, nil
		}},
		{name: "svn.", kind: number, rank: func(_ context.Context, v *view, name string) (uint64, bool, error) {
			for _, c := range v.Device.Evidence.Components {
				if c.Component == name {
					return c.SVN, true, nil
				}
			}
			return 0, false, nil
		}},
		{name: "release", kind: word, words: []string{"draft", "approved", "deprecated", "recalled"}, texts: releaseStates},
		{name: "tier", kind: tier, words: tierWords, rank: func(_ context.Context, v *view, _ string) (uint64, bool, error) {
			n := slices.Index(tierWords, v.Device.Evidence.Tier)
			return uint64(max(n, 0)), n >= 0, nil
		}},
		{name: "format", kind: word, words: []string{"self", "station", "dice", "tpm", "eat"}, texts: func(_ context.Context, v *view, _ string) ([]string, error) {
			return present(v.Device.Evidence.Format), nil
		}},
		{name: "fresh", kind: word, words: []string{"yes", "batch", "no"}, texts: func(_ context.Context, v *view, _ string) ([]string, error) {
			return present(v.Device.Evidence.Fresh), nil
		}},
	}
}

// versions are those of every component, alone and with the product.
func versions(_ context.Context, v *view, _ string) (list []string, err error) {
	for _, c := range v.Device.Evidence.Components {
		if c.Version != "" {
			list = append(list, c.Version, v.Device.Product+"/"+c.Version)
		}
	}
	return list, nil
}

// digests are those of the releases that the device's components matched.
func digests(ctx context.Context, v *view) (list []string, err error) {
	for _, c := range v.Device.Evidence.Components {
		if c.Version == "" {
			continue
		}
		r, err := v.release(ctx, c.Version)
		if err != nil {
			return nil, err
		}
		if r != nil {
			list = append(list, r.Digests[c.Component]...)
		}
	}
	return list, nil
}

func releaseStates(ctx context.Context, v *view, _ string) (list []string, err error) {
	for _, c := range v.Device.Evidence.Components {
		if c.Version == "" {
			continue
		}
		r, err := v.release(ctx, c.Version)
		if err != nil {
			return nil, err
		}
		if r != nil && r.State != "" {
			list = append(list, r.State)
		}
	}
	return list, nil
}
