package server_test

import (
	"testing"

	xocsp "golang.org/x/crypto/ocsp"
)

func TestSmoke(t *testing.T) {
	a := newAuthority(t)
	n := a.start(t)
	n.product(t, sensor, "")
	d := n.enrol(t, "SN-00000001")
	e, r := n.renew(t, d)
	t.Log(r.status, e.cert.NotAfter)
	n.wantStatus(t, "good", d.cert, xocsp.Good)
	t.Log(len(n.certificates(t)), n.devices(t))
	n.list(t, n.complete())
	n.list(t, d.cert.CRLDistributionPoints[0])
	n.stop(t)
}
