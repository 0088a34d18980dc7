package enroll

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

// What a renewal's subject is compared with (renewal.subject).
const (
	subjectPresented = "presented"
	subjectIgnore    = "ignore"
)

// names are the facts that the certificate's names are made of.
func (a *attempt) names() profile.Names {
	n := profile.Names{Product: a.device.Product, Serial: a.device.Serial}
	if a.record != nil {
		n.Site, n.Batch = a.record.Site, a.record.Batch
	}
	if a.order != nil {
		n.Site, n.Batch = cmp.Or(n.Site, a.order.Site), cmp.Or(n.Batch, a.order.Name)
	}
	return n
}

// checkNames refuses names that the certificate will not have. What it will
// have comes from record and profile in any case: a client that asks for more
// would otherwise believe that it got it.
func (a *attempt) checkNames(ctx context.Context) error {
	if a.renewal() {
		return a.checkSameNames(ctx)
	}
	subject, err := a.product.Subject(a.names())
	if err != nil {
		return &v1.Refusal{Reason: v1.SerialMalformed, Detail: "the serial cannot stand in the product's subject", Err: err}
	}
	san, err := a.product.SAN(a.names())
	if err != nil {
		return &v1.Refusal{Reason: v1.SerialMalformed, Detail: "the product's alternative names cannot be made for this device", Err: err}
	}
	if !bytes.Equal(subject, a.csr.RawSubject) && !a.subjectWithin(subject) {
		return v1.Refuse(v1.NameNotAllowed, "the subject has a value that the device's certificate will not have")
	}
	if len(a.csr.Names) > 0 && !sanWithin(a.csr.Names, san) {
		return v1.Refuse(v1.NameNotAllowed, "an alternative name is not the device's")
	}
	return nil
}

// subjectWithin tells whether every value of the CSR's subject stands in the
// subject that will be issued, or is the serial where a serial is claimed.
func (a *attempt) subjectWithin(issued []byte) bool {
	var given wire.Name
	for _, rdn := range a.csr.Subject {
		for _, v := range rdn {
			if !v.IsText {
				return false
			}
			claims := v.Type.Equal(wire.OIDSerialNumber) || v.Type.Equal(wire.OIDCommonName)
			if claims && v.Text == a.device.Serial {
				continue
			}
			if given == nil {
				var err error
				if given, err = wire.ParseName(issued); err != nil {
					return false
				}
			}
			if !hasValue(given, v) {
				return false
			}
		}
	}
	return true
}

// hasValue compares as RFC 5280 §7.1: string type, case and how much white
// space are ignored.
func hasValue(n wire.Name, v wire.AVA) bool {
	for _, s := range n.Values(v.Type) {
		if strings.EqualFold(strings.Join(strings.Fields(s), " "), strings.Join(strings.Fields(v.Text), " ")) {
			return true
		}
	}
	return false
}

func sanWithin(asked []wire.GeneralName, issued []byte) bool {
	if issued == nil {
		return false
	}
	given, err := wire.ParseGeneralNames(issued)
	if err != nil {
		return false
	}
next:
	for _, n := range asked {
		for _, g := range given {
			if g.Equal(n) {
				continue next
			}
		}
		return false
	}
	return true
}

// checkSameNames holds a renewal's names against the lineage: any certificate
// of it that is not revoked, or the presented one alone. Names that are missing
// mean "as before" (RFC 7030 §4.2.2, EST-055, EST-059).
func (a *attempt) checkSameNames(ctx context.Context) error {
	mode := a.product.Renewal.Subject
	if mode == subjectIgnore || len(a.csr.Subject) == 0 && a.csr.SAN == nil {
		return nil
	}
	if a.sameNames(a.Peer[0]) {
		return nil
	}
	if mode != subjectPresented {
		if same, err := a.sameNamesInLineage(ctx); err != nil || same {
			return err
		}
	}
	return v1.Refuse(v1.SubjectMismatch, "")
}

func (a *attempt) sameNamesInLineage(ctx context.Context) (bool, error) {
	if err := a.readDevice(ctx, a.device); err != nil {
		return false, err
	}
	same := false
	var failed error
	err := a.eachNewestFirst(ctx, func(c *store.Certificate) bool {
		if c.Status == store.Revoked || c.Ref == a.who.cert.Ref {
			return true
		}
		var cert *x509.Certificate
		if cert, failed = x509.ParseCertificate(c.DER); failed != nil {
			return false
		}
		same = a.sameNames(cert)
		return !same
	})
	return same, errors.Join(err, failed)
}

// sameNames compares the CSR's names with a certificate's.
func (a *attempt) sameNames(c *x509.Certificate) bool {
	if len(a.csr.Subject) > 0 && !wire.EqualNames(a.csr.RawSubject, c.RawSubject) {
		return false
	}
	if a.csr.SAN == nil {
		return true
	}
	for _, e := range c.Extensions {
		if e.Id.Equal(oidSubjectAltName) {
			return wire.EqualSANs(a.csr.SAN, e.Value)
		}
	}
	return false
}
