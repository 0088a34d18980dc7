package enroll_test

import (
	"context"
	"crypto/x509/pkix"
	"testing"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

// A principal's refusal is an event at once; a stranger's is counted, and
// written when the service stops.
func TestRefusalsAreAudited(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	w.refuses(d.renews(csr(t, newKey(t), name(pkix.Name{CommonName: "SN-1"}))), v1.SubjectMismatch)
	w.refuses(enroll.Request{Operation: wire.OpSimpleEnroll, Source: home}, v1.CredentialMissing)
	w.refuses(withToken("assay_x", nil), v1.CredentialRejected)
	events := w.events(store.EnrolmentRefused)
	if len(events) != 1 {
		t.Fatalf("%d events, want the principal's", len(events))
	}
	e := events[0]
	if e.Actor != "device:sensor/SN-1" || e.Reason != string(v1.SubjectMismatch) || e.Object != "sensor/SN-1" ||
		e.Source != "192.0.2.7" || len(e.Serial) != 16 || e.Issuer != 2 {
		t.Errorf("got %+v", e)
	}
	w.service.Refused("cacerts", v1.MethodNotAllowed, home)
	ctx, stop := context.WithCancel(w.ctx())
	stop()
	must(t, w.service.Run(ctx))
	events = w.events(store.EnrolmentRefused)
	if len(events) != 2 || events[1].Count != 3 || events[1].Detail["credential-missing"] != "192.0.2.0/24=1" {
		t.Errorf("got %+v", events[1:])
	}
}

func TestWhatIsIssuedNamesTheToken(t *testing.T) {
	w := newWorld(t)
	w.gives(withToken(w.token("sensor", "", 1), csr(t, newKey(t), subject("SN-1"))))
	e := w.events(store.CertificateIssued)[0]
	if len(e.Actor) != len("token:")+16 || e.Source != "192.0.2.7" {
		t.Errorf("got %+v", e)
	}
}
