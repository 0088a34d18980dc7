package enroll_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/attest"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

// reach brings a world to a request and what answers it.
type reach func(w *world) error

// ask is a reach of an enrolment.
func ask(make func(w *world) enroll.Request) reach {
	return func(w *world) error {
		_, err := w.service.Enroll(w.ctx(), make(w))
		return err
	}
}

func (w *world) revoke(r store.Revoke) {
	w.Helper()
	r.By = w.by("operator:mira")
	_, err := w.store.Revoke(w.ctx(), r)
	must(w, err)
}

// first is an enrolment by a fresh token.
func (w *world) first(serial string, options ...option) enroll.Request {
	w.Helper()
	return withToken(w.token("sensor", "", 1), csr(w, newKey(w), append([]option{subject(serial)}, options...)...))
}

// fromStation is one of a station with an open batch.
func fromStation(before func(w *world), spec ...func(*store.StationSpec)) reach {
	return ask(func(w *world) enroll.Request {
		w.batch("b1", 1, nil)
		st := w.station("l3-1", spec...)
		if before != nil {
			before(w)
		}
		return st.enrols(csr(w, newKey(w), subject("SN-1")))
	})
}

// withEvidence is one with evidence that says something.
func withEvidence(more string, before func(w *world), change ...claim) reach {
	return ask(func(w *world) enroll.Request {
		w.attested("self", more)
		w.firmware("1.0", 1)
		if before != nil {
			before(w)
		}
		return w.evidently("SN-1", newKey(w), change...)
	})
}

func renewal(make func(w *world, d *device) enroll.Request) reach {
	return ask(func(w *world) enroll.Request { return make(w, w.enrolled("sensor", "SN-1")) })
}

func plainRenewal(w *world, d *device) enroll.Request { return d.renews(csr(w, newKey(w))) }

func signing(err error) reach {
	return ask(func(w *world) enroll.Request {
		w.devices.fail.Store(&err)
		return w.first("SN-1")
	})
}

// reached is how a client gets to each reason.
func reached() map[v1.Reason]reach {
	all := reachedByAnybody()
	for _, more := range []map[v1.Reason]reach{reachedByDevices(), reachedByFactories(), reachedByEvidence()} {
		for reason, how := range more {
			all[reason] = how
		}
	}
	return all
}

func reachedByAnybody() map[v1.Reason]reach {
	fault := func(reason v1.Reason) reach {
		return ask(func(w *world) enroll.Request {
			return with(w.first("SN-1"), func(r *enroll.Request) { r.CSR, r.Fault = nil, v1.Refuse(reason, "") })
		})
	}
	return map[v1.Reason]reach{
		v1.BadBase64:  fault(v1.BadBase64),
		v1.SendBase64: fault(v1.SendBase64),
		v1.BadCSR: ask(func(w *world) enroll.Request {
			return with(w.first("SN-1"), func(r *enroll.Request) { r.CSR = []byte{0x30} })
		}),
		v1.CSRTooComplex: ask(func(w *world) enroll.Request {
			many := make([]pkix.Extension, 20)
			for i := range many {
				many[i] = pkix.Extension{Id: []int{1, 3, 6, 1, 4, 1, 32473, i}, Value: []byte{5, 0}}
			}
			return w.first("SN-1", extension(many...))
		}),
		v1.BadSignature: ask(func(w *world) enroll.Request {
			return with(w.first("SN-1"), func(r *enroll.Request) { r.CSR[len(r.CSR)-1] ^= 1 })
		}),
		v1.KeyTypeNotAllowed: ask(func(w *world) enroll.Request {
			w.product("sensor", `{"keys":{"allow":["ed25519"]}}`)
			return w.first("SN-1")
		}),
		v1.WeakKey: ask(func(w *world) enroll.Request {
			r := rawRequest{serial: "SN-1", spki: rsaInfo(shifted(1023, 9), big.NewInt(65537))}
			return withToken(w.token("sensor", "", 1), r.der(w))
		}),
		v1.CSRAsksCA: ask(func(w *world) enroll.Request {
			return w.first("SN-1", extension(pkix.Extension{Id: wire.OIDBasicConstraints, Value: []byte{0x30, 3, 1, 1, 0xff}}))
		}),
		v1.SerialMissing: ask(func(w *world) enroll.Request {
			return withToken(w.token("sensor", "", 1), csr(w, newKey(w)))
		}),
		v1.SerialMalformed: ask(func(w *world) enroll.Request { return w.first("S N") }),
		v1.BadNonceRequest: func(w *world) error {
			_, err := w.service.Nonce(w.ctx(), enroll.NonceRequest{Length: 1})
			return err
		},
		v1.NonceLength: func(w *world) error {
			_, err := w.service.Nonce(w.ctx(), enroll.NonceRequest{Length: 8})
			return err
		},
		v1.CredentialMissing: ask(func(w *world) enroll.Request {
			return with(w.first("SN-1"), func(r *enroll.Request) { r.HasBasic = false })
		}),
		v1.CredentialRejected: ask(func(w *world) enroll.Request {
			return with(w.first("SN-1"), func(r *enroll.Request) { r.Password = "assay_x" })
		}),
		v1.RateLimited: ask(func(w *world) enroll.Request {
			bad := with(w.first("SN-1"), func(r *enroll.Request) { r.Password = "assay_x" })
			for range 10 {
				w.refuses(bad, v1.CredentialRejected)
			}
			return bad
		}),
		// Nobody learns of a principal's reasons but the principal.
		v1.NotAuthorized: func(w *world) error {
			return enroll.Tell(v1.Refuse(v1.DeviceHeld, ""), false)
		},
		v1.NotFound: ask(func(w *world) enroll.Request {
			return with(w.first("SN-1"), func(r *enroll.Request) { r.Label = "nosuch" })
		}),
		v1.Clock: ask(func(w *world) enroll.Request {
			doubt := errors.New("stepped")
			w.doubt.Store(&doubt)
			return w.first("SN-1")
		}),
		v1.StoreUnavailable: ask(func(w *world) enroll.Request {
			r := w.first("SN-1")
			w.serve(closedStore{w.store})
			return r
		}),
		v1.SignerUnavailable: signing(errors.New("token pulled")),
		v1.IndexExhausted:    signing(store.ErrIndexExhausted),
		v1.Starting:          signing(v1.Refuse(v1.Starting, "")),
		v1.Internal:          ask(func(w *world) enroll.Request { r := w.first("SN-1"); w.serve(odd{w.store}); return r }),
	}
}

func reachedByDevices() map[v1.Reason]reach {
	return map[v1.Reason]reach{
		v1.CertificateUnknown: renewal(func(w *world, d *device) enroll.Request {
			d.cert = w.root.cert
			return plainRenewal(w, d)
		}),
		v1.CertificateNotYetValid: renewal(func(w *world, d *device) enroll.Request {
			w.clock.advance(-day)
			return plainRenewal(w, d)
		}),
		v1.CertificateExpired: renewal(func(w *world, d *device) enroll.Request {
			w.clock.advance(100 * day)
			return plainRenewal(w, d)
		}),
		v1.CertificateWrongUse: ask(func(w *world) enroll.Request {
			d := &device{cert: w.holder(store.HolderOperator, "mira", store.ProfileOperator, &x509.Certificate{
				ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
			})}
			return plainRenewal(w, d)
		}),
		v1.CertificateRevoked: renewal(func(w *world, d *device) enroll.Request {
			w.revoke(store.Revoke{Device: d.id, Reason: 5})
			return plainRenewal(w, d)
		}),
		v1.CertificateHeld: renewal(func(w *world, d *device) enroll.Request {
			w.serve(altered{Store: w.store, certificate: func(c *store.Certificate) { c.Status = store.Held }})
			return plainRenewal(w, d)
		}),
		v1.CertificateSuperseded: renewal(func(w *world, d *device) enroll.Request {
			oldest := w.renewed(d)
			for range 3 {
				w.renewed(d)
			}
			return plainRenewal(w, oldest)
		}),
		v1.RenewalFork: renewal(func(w *world, d *device) enroll.Request {
			w.renewed(w.renewed(d))
			return plainRenewal(w, d)
		}),
		v1.LabelNotYours: renewal(func(w *world, d *device) enroll.Request {
			w.product("other", `{}`)
			return with(plainRenewal(w, d), func(r *enroll.Request) { r.Label = "other" })
		}),
		v1.ClaimedSerialMismatch: renewal(func(w *world, d *device) enroll.Request {
			return d.renews(csr(w, newKey(w), subject("SN-2")))
		}),
		v1.UseSimpleenroll: ask(func(w *world) enroll.Request {
			return with(w.first("SN-1"), func(r *enroll.Request) { r.Operation = wire.OpSimpleReenroll })
		}),
		v1.UseSimplereenroll: renewal(func(w *world, d *device) enroll.Request { return d.enrols(csr(w, newKey(w))) }),
		v1.SubjectMismatch: renewal(func(w *world, d *device) enroll.Request {
			return d.renews(csr(w, newKey(w), name(pkix.Name{CommonName: "SN-1"})))
		}),
		v1.NameNotAllowed: ask(func(w *world) enroll.Request {
			return w.first("SN-1", name(pkix.Name{CommonName: "SN-1", OrganizationalUnit: []string{"admin"}}))
		}),
		v1.RekeyRequired: renewal(func(w *world, d *device) enroll.Request {
			w.product("sensor", `{"keys":{"on_renewal":"new"}}`)
			return d.renews(csr(w, d.key))
		}),
		v1.LinkingFailed: ask(func(w *world) enroll.Request {
			return withToken(w.token("sensor", "", 1), challenged(w, newKey(w), "SN-1", "eA=="))
		}),
		v1.DeviceHeld: renewal(func(w *world, d *device) enroll.Request {
			_, err := w.store.Hold(w.ctx(), store.Hold{Device: d.id, By: w.by("operator:mira")})
			must(w, err)
			return plainRenewal(w, d)
		}),
		v1.DeviceDecommissioned: renewal(func(w *world, d *device) enroll.Request {
			w.revoke(store.Revoke{Device: d.id, Reason: 5})
			return withToken(w.token("sensor", "SN-1", 1), csr(w, newKey(w)))
		}),
		v1.DeviceScrapped: renewal(func(w *world, d *device) enroll.Request {
			_, err := w.store.Scrap(w.ctx(), store.DeviceAct{Device: d.id, By: w.by("operator:mira")})
			must(w, err)
			return withToken(w.token("sensor", "SN-1", 1), csr(w, newKey(w)))
		}),
		v1.KeyOfAnotherDevice: renewal(func(w *world, d *device) enroll.Request {
			return withToken(w.token("sensor", "", 1), csr(w, d.key, subject("SN-2")))
		}),
		v1.KeyBlocked: renewal(func(w *world, d *device) enroll.Request {
			w.revoke(store.Revoke{Device: d.id, Reason: 1})
			return withToken(w.token("sensor", "", 1), csr(w, d.key, subject("SN-2")))
		}),
		v1.SerialHasIdentity: renewal(func(w *world, _ *device) enroll.Request { return w.first("SN-1") }),
		v1.Overloaded:        signing(context.Canceled),
	}
}

func reachedByFactories() map[v1.Reason]reach {
	state := func(s store.BatchState) func(*world) {
		return func(w *world) {
			w.changeBatch("listed", func(c *store.ChangeBatch) { c.State = s })
		}
	}
	listed := func(before func(*world), serial string) reach {
		return ask(func(w *world) enroll.Request {
			w.batch("listed", 0, expect("SN-1"))
			st := w.station("l3-1")
			if before != nil {
				before(w)
			}
			return st.enrols(csr(w, newKey(w), subject(serial)))
		})
	}
	return map[v1.Reason]reach{
		v1.ProductAmbiguous: ask(func(w *world) enroll.Request {
			w.product("other", `{}`)
			return with(w.station("l3-1").enrols(csr(w, newKey(w), subject("SN-1"))), func(r *enroll.Request) { r.Label = "" })
		}),
		v1.AdmissionNotAllowed: fromStation(func(w *world) { w.product("sensor", `{"operational":{"admit":["token"]}}`) }),
		v1.StationOutOfScope:   fromStation(nil, func(s *store.StationSpec) { s.Products = []string{"other"} }),
		v1.SerialNotInManifest: listed(nil, "SN-2"),
		v1.NoOpenBatch: ask(func(w *world) enroll.Request {
			return w.station("l3-1").enrols(csr(w, newKey(w), subject("SN-1")))
		}),
		v1.BatchPaused: listed(state(store.BatchHasPaused), "SN-1"),
		v1.BatchClosed: listed(state(store.BatchHasClosed), "SN-1"),
		v1.QuotaExhausted: ask(func(w *world) enroll.Request {
			w.batch("b1", 1, nil)
			st := w.station("l3-1")
			w.gives(st.enrols(csr(w, newKey(w), subject("SN-1"))))
			return st.enrols(csr(w, newKey(w), subject("SN-2")))
		}),
		v1.BirthsNeedPublicURL: ask(func(w *world) enroll.Request {
			w.product("sensor", `{"birth":{"admit":["token"]}}`)
			w.service.SetIssuers([]enroll.IssuerCert{{ID: 2, Kind: store.KindDevices, Certificate: w.devices.cert}})
			return with(w.first("SN-1"), func(r *enroll.Request) { r.Label = "sensor.birth" })
		}),
	}
}

func reachedByEvidence() map[v1.Reason]reach {
	release := func(change func(*attest.Release)) func(*world) {
		return func(w *world) { w.firmware("1.0", 1, change) }
	}
	return map[v1.Reason]reach{
		v1.BadEvidence: ask(func(w *world) enroll.Request {
			w.attested("self", "")
			return withToken(w.token("sensor", "", 1), csrWith(w, newKey(w), "SN-1", wire.OIDAttestation, []byte{5, 0}))
		}),
		v1.EvidenceMissing: ask(func(w *world) enroll.Request { w.attested("self", ""); return w.first("SN-1") }),
		v1.EvidenceFormat: ask(func(w *world) enroll.Request {
			w.attested("station", "")
			return w.evidently("SN-1", newKey(w))
		}),
		v1.EvidenceUntrusted: ask(func(w *world) enroll.Request {
			w.attested("self", "")
			return w.evidently("SN-1", newKey(w), signedBy(newKey(w)))
		}),
		v1.EvidenceKeyMismatch: ask(func(w *world) enroll.Request {
			w.attested("self", "")
			return w.evidently("SN-1", newKey(w), func(c *claims) { c.spki = spkiOf(w, newKey(w).Public()) })
		}),
		v1.EvidenceDeviceMismatch: withEvidence("", nil, func(c *claims) { c.serial = "SN-2" }),
		v1.EvidenceStale:          withEvidence("", nil, nonceOf(nil)),
		v1.NonceInvalid:           withEvidence("", nil, nonceOf(bytes.Repeat([]byte{1}, 32))),
		v1.NonceReused: ask(func(w *world) enroll.Request {
			w.attested("self", "")
			w.firmware("1.0", 1)
			nonce := w.nonce(enroll.Request{Source: home})
			w.gives(w.evidently("SN-1", newKey(w), nonceOf(nonce)))
			return w.evidently("SN-2", newKey(w), nonceOf(nonce))
		}),
		v1.DebugEnabled:        withEvidence("", nil, func(c *claims) { c.debug = 0 }),
		v1.TierTooLow:          withEvidence(`,"tier":"T1"`, nil),
		v1.FirmwareUnknown:     withEvidence("", nil, running("0.9")),
		v1.FirmwareNotApproved: withEvidence("", release(func(r *attest.Release) { r.State = attest.StateDraft })),
		v1.FirmwareRecalled: ask(func(w *world) enroll.Request {
			w.attested("self", "")
			release(func(r *attest.Release) { must(w, r.Recall(w.clock.now(), 0, false)) })(w)
			return w.evidently("SN-1", newKey(w))
		}),
		v1.FirmwareRollback: withEvidence(`,"min_svn":{"firmware":2}`, nil),
		v1.ComponentMissing: withEvidence("", nil, func(c *claims) { c.component = "loader" }),
	}
}

// odd fails as nobody planned.
type odd struct{ store.Store }

func (odd) Token(context.Context, [32]byte) (store.Token, error) {
	return store.Token{}, errors.New("odd")
}

// elsewhere are the reasons that no enrolment meets here: those of the edge
// (enroll/est), of net/http, of the admin API, and of later versions.
func elsewhere() []v1.Reason {
	return []v1.Reason{
		v1.MethodNotAllowed, v1.TooLarge, v1.MediaType, v1.HeaderTooLarge, // the edge
		v1.BadQuery, v1.NameTooLong, v1.ShardRetired, v1.Exists, v1.ChangedMeanwhile, v1.ImmutableField, v1.WrongState,
		v1.IdempotencyMismatch, v1.GuardExceeded, v1.GuardCountMismatch, v1.BadDocument, v1.RoleDenied, v1.ScopeDenied,
		v1.CSRBreaksAttrs, v1.LinkingRequired, v1.ApprovalPending, // refused in a product's document as not available
	}
}

// Every reason of docs/REASONS.md that an enrolment can meet is met by one.
func TestEveryReasonIsReached(t *testing.T) {
	hows := reached()
	for reason := range v1.Reasons() {
		how, ok := hows[reason]
		if !ok {
			if !slices.Contains(elsewhere(), reason) {
				t.Errorf("%s: no way to it, and not one of those elsewhere", reason)
			}
			continue
		}
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			r := wantReason(t, how(newWorld(t)), reason)
			about := reason.About()
			if about.Status == 503 && reason != v1.NonceLength && r.RetryAfter == 0 && reason != v1.Starting {
				t.Error("503 without an advice when to try again (P6)")
			}
			if (about.Status == 429 || reason == v1.DeviceHeld) && r.RetryAfter < time.Second {
				t.Errorf("%d without an advice when to try again", about.Status)
			}
		})
	}
}
