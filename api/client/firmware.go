package client

import (
	"context"
	"iter"

	v1 "github.com/assay-pki/assay/api/v1"
)

// FirmwareFilter narrows Firmwares; empty fields match all.
type FirmwareFilter struct{ Product, State string }

// Firmwares lists firmware releases by product and version.
func (c *Client) Firmwares(ctx context.Context, f FirmwareFilter) iter.Seq2[v1.Firmware, error] {
	return pages[v1.Firmware](ctx, c, "/firmware", filter("product", f.Product, "state", f.State), pageSize)
}

// Firmware reads one release.
func (c *Client) Firmware(ctx context.Context, product, version string) (v1.Firmware, error) {
	return get[v1.Firmware](ctx, c, firmwarePath(product, version))
}

// ApproveFirmware lets devices that run the release have certificates.
func (c *Client) ApproveFirmware(ctx context.Context, product, version string, a v1.FirmwareAct) (v1.FirmwareChange, error) {
	return c.firmwareAct(ctx, product, version, "/approve", a)
}

// DeprecateFirmware marks a release as one to leave.
func (c *Client) DeprecateFirmware(ctx context.Context, product, version string, a v1.FirmwareAct) (v1.FirmwareChange, error) {
	return c.firmwareAct(ctx, product, version, "/deprecate", a)
}

// RecallFirmware ends what devices that run the release may have. A dry run
// counts them all, in as many requests as that takes.
func (c *Client) RecallFirmware(ctx context.Context, product, version string, a v1.FirmwareAct) (v1.FirmwareChange, error) {
	total, err := c.firmwareAct(ctx, product, version, "/recall", a)
	for next := total.Impact; err == nil && next != nil && next.Next != ""; {
		a.Cursor = next.Next
		var part v1.FirmwareChange
		if part, err = c.firmwareAct(ctx, product, version, "/recall", a); err != nil || part.Impact == nil {
			break
		}
		next = part.Impact
		if next.Next == a.Cursor {
			break // a cursor that does not move would be read for ever
		}
		addImpact(total.Impact, next)
	}
	return total, err
}

// addImpact adds what one more request counted.
func addImpact(sum, part *v1.RecallImpact) {
	sum.Devices += part.Devices
	sum.Next = part.Next
next:
	for _, g := range part.Groups {
		for i := range sum.Groups {
			s := &sum.Groups[i]
			if s.Site != g.Site || s.Batch != g.Batch {
				continue
			}
			s.Devices += g.Devices
			if s.FirstEnd.IsZero() || !g.FirstEnd.IsZero() && g.FirstEnd.Before(s.FirstEnd) {
				s.FirstEnd = g.FirstEnd
			}
			if g.LastEnd.After(s.LastEnd) {
				s.LastEnd = g.LastEnd
			}
			continue next
		}
		sum.Groups = append(sum.Groups, g)
	}
}

// UndoRecall makes a release what it was before its recall.
func (c *Client) UndoRecall(ctx context.Context, product, version string, a v1.FirmwareAct) (v1.FirmwareChange, error) {
	return c.firmwareAct(ctx, product, version, "/undo-recall", a)
}

func (c *Client) firmwareAct(ctx context.Context, product, version, verb string, a v1.FirmwareAct) (v1.FirmwareChange, error) {
	return post[v1.FirmwareChange](ctx, c, firmwarePath(product, version)+verb, nil, a)
}

func firmwarePath(product, version string) string {
	return "/firmware" + segment(product) + segment(version)
}
