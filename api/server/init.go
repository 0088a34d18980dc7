package server

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/assay-pki/assay/ca"
	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/bolt"
)

// FirstOperator is the name of the operator that Init makes.
const FirstOperator = "admin"

// Initialised is what Init made.
type Initialised struct {
	Authority store.Authority
	// Issuers are their names, the root first.
	Issuers []string
	// Credential is the directory of the first operator's credential.
	Credential string
}

// Init makes an authority in a directory that holds nothing: keys, root and
// issuers, store, CRLs, TLS and OCSP credentials, and the first operator with
// role admin. assay.yaml is written last: a directory without it is not an
// authority. When Init fails, it removes what it made. ErrInUse if the
// directory is not empty.
func Init(ctx context.Context, c InitConfig) (made Initialised, err error) {
	if err := c.validate(); err != nil {
		return made, err
	}
	d := dir(c.Dir)
	if err := d.claim(); err != nil {
		return made, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.clear())
		}
	}()
	db, ring, err := found(ctx, d, &c)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	clock, err := newClock(c.Now, sinceStart(), c.Now(), false)
	if err != nil {
		return made, err
	}
	n, err := join(ctx, d, db, ring, clock, c.Log)
	if err != nil {
		return made, err
	}
	if err := n.firstOperator(ctx); err != nil {
		return made, fmt.Errorf("make the first operator: %w", err)
	}
	log, err := n.checkpointer(ctx)
	if err != nil {
		return made, err
	}
	made = Initialised{Authority: n.record, Credential: d.admin()}
	for _, i := range n.authority.Issuers() {
		made.Issuers = append(made.Issuers, i.Name)
		if err := writePEM(filepath.Join(d.ca(), i.Name+".crt"), i.Certificate.Raw); err != nil {
			return made, err
		}
	}
	if _, err := log.Sign(ctx); err != nil {
		return made, err
	}
	if err := renameio.WriteFile(d.config(), []byte(c.Settings), secretMode); err != nil {
		return made, fmt.Errorf("write the settings: %w", err)
	}
	return made, nil
}

// found makes the keys, the store and the founding record.
func found(ctx context.Context, d dir, c *InitConfig) (*bolt.Store, *keys.Ring, error) {
	ring, err := openKeys(ctx, d, c.KMS, c.Passphrase)
	if err != nil {
		return nil, nil, err
	}
	founding, err := ca.Found(ctx, ca.FoundConfig{
		Name: c.Name, PublicURL: c.PublicURL, BaseURL: "http://" + c.HTTP, Hosts: c.Hosts, Keys: ring, Now: c.Now,
	})
	if err != nil {
		return nil, nil, err
	}
	founding.Authority.LogKey, err = newLogKey(ctx, ring, logOrigin(founding.Authority.ID))
	if err != nil {
		return nil, nil, fmt.Errorf("make the audit log's key: %w", err)
	}
	db, err := bolt.Create(bolt.Config{Path: d.store(), Log: c.Log})
	if err != nil {
		return nil, nil, err
	}
	if err := db.Found(ctx, founding); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("store the authority: %w", err), db.Close())
	}
	return db, ring, nil
}

// firstOperator makes the credential that every other operator comes from.
func (n *node) firstOperator(ctx context.Context) error {
	by := store.Actor{Principal: "node", At: n.clock.Now()}
	_, err := n.store.PutOperator(ctx, store.PutOperator{Name: FirstOperator, Role: "admin", By: by})
	if err != nil {
		return err
	}
	key, err := keys.Generate(keys.ECP256)
	if err != nil {
		return err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	made, err := n.authority.Operator(ctx, ca.OperatorRequest{Name: FirstOperator, SPKI: spki})
	if err != nil {
		return err
	}
	if _, err := n.store.Issue(ctx, operatorIssuance(made, FirstOperator, by)); err != nil {
		return err
	}
	if err := keys.Write(filepath.Join(n.dir.admin(), "operator.key"), key, nil); err != nil {
		return err
	}
	root := n.authority.Issuers()[0].Certificate.Raw
	issuer, _ := n.authority.Issuer(store.IssuerID(made.IssuerID))
	return errors.Join(
		writePEM(filepath.Join(n.dir.admin(), "operator.crt"), made.DER, issuer.Certificate.Raw),
		writePEM(filepath.Join(n.dir.admin(), "ca.crt"), root),
	)
}

func operatorIssuance(made profile.Made, name string, by store.Actor) store.Issuance {
	return store.Issuance{
		Certificate: store.Certificate{
			Ref: store.Ref{Issuer: store.IssuerID(made.IssuerID), Index: made.Index}, DER: made.DER,
			Holder:  store.Holder{Kind: store.HolderOperator, Name: name},
			Profile: store.ProfileOperator, Operation: store.OpAdmin, Principal: by.Principal, IssuedAt: by.At,
		},
		By: by,
	}
}

func writePEM(path string, certificates ...[]byte) error {
	var text []byte
	for _, der := range certificates {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	if err := renameio.WriteFile(path, text, secretMode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// clear empties a directory that Init has claimed.
func (d dir) clear() error {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		errs = append(errs, os.RemoveAll(filepath.Join(string(d), e.Name())))
	}
	return errors.Join(errs...)
}
