package server

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"syscall"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store/audit"
)

const (
	// Free disk: below the first an operator should act, below the second acts
	// may fail any moment.
	diskWarning = 1 << 30
	diskError   = 128 << 20

	// caWarning is how long before an issuer's end its successor is due: a
	// device certificate may live 825 days.
	caWarning = 825 * 24 * time.Hour

	// unsignedWarning is how long a record may wait for a signed checkpoint,
	// which is made each second.
	unsignedWarning = time.Minute

	// indexWarning is the share of the issuance indices in percent.
	indexWarning = 75
)

// readiness says what keeps the node from its work.
func (n *node) readiness(s *services) func() error {
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), probeTime)
		defer cancel()
		if _, err := n.store.FeedHead(ctx); err != nil {
			return errors.New("store-unavailable: the store does not answer")
		}
		if err := n.clock.Doubt(); err != nil {
			return errors.New("clock: the clock is in doubt, nothing is issued")
		}
		if n.sealed.Load() {
			return errors.New("signer-unavailable: the devices' issuing key can't be opened")
		}
		if n.secondsLeft() <= 0 {
			return errors.New("crl: a list is past its nextUpdate")
		}
		return nil
	}
}

// doctor looks at the node. It needs no more than reads.
func (n *node) doctor(ctx context.Context) []v1.Finding {
	var all []v1.Finding
	for _, look := range []func(context.Context) []v1.Finding{
		n.lookAtAuthority, n.lookAtClock, n.lookAtLists, n.lookAtCredentials, n.lookAtIssuers, n.lookAtIndices, n.lookAtLog, n.lookAtDisk,
	} {
		all = append(all, look(ctx)...)
	}
	return all
}

func finding(severity, code, what, next string) []v1.Finding {
	return []v1.Finding{{Code: code, Severity: severity, What: what, Next: next}}
}

func (n *node) lookAtAuthority(context.Context) []v1.Finding {
	if n.record.Local {
		return finding(v1.SeverityWarning, "local", "the authority is local: certificates live at most 7 days, and there are no birth certificates",
			"for production: assay init --public-url http://PKI.EXAMPLE.COM in a new directory")
	}
	return finding(v1.SeverityOK, "local", "the URLs in certificates are at "+n.record.BaseURL, "")
}

func (n *node) lookAtClock(context.Context) []v1.Finding {
	if err := n.clock.Doubt(); err != nil {
		return finding(v1.SeverityError, "clock", err.Error()+": nothing is issued", "set the machine's clock; then start the node again")
	}
	return finding(v1.SeverityOK, "clock", "agrees with the records and with the monotonic clock", "")
}

func (n *node) lookAtLists(context.Context) []v1.Finding {
	var bad []v1.Finding
	now := n.clock.StatusNow()
	lists := n.publisher.List()
	for _, l := range lists {
		name := l.Issuer + " " + l.Scope
		switch left := l.NextUpdate.Sub(now); {
		case left <= 0:
			bad = append(bad, finding(v1.SeverityError, "crl-fresh", name+" is past its nextUpdate", "assay crl publish")...)
		case left < l.NextUpdate.Sub(l.ThisUpdate)/2:
			bad = append(bad, finding(v1.SeverityWarning, "crl-fresh", name+" is past half of its life", "assay crl publish")...)
		}
	}
	if bad != nil {
		return bad
	}
	return finding(v1.SeverityOK, "crl-fresh", fmt.Sprintf("%d lists, all in the first half of their lives", len(lists)), "")
}

func (n *node) lookAtCredentials(context.Context) []v1.Finding {
	all := n.lookAtCredential("tls", n.credentials.TLS().Certificate[0])
	for _, i := range n.authority.Issuers() {
		if der, _, ok := n.credentials.Responder(i.ID); ok {
			all = append(all, n.lookAtCredential("ocsp-"+i.Name, der)...)
		}
	}
	return all
}

func (n *node) lookAtCredential(name string, der []byte) []v1.Finding {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return finding(v1.SeverityError, name, err.Error(), "start the node again")
	}
	what := "its certificate ends " + c.NotAfter.UTC().Format(time.RFC3339)
	switch left := c.NotAfter.Sub(n.clock.Now()); {
	case left <= 0:
		return finding(v1.SeverityError, name, what, "look for «credentials not renewed» in the log")
	case left < c.NotAfter.Sub(c.NotBefore)/4:
		return finding(v1.SeverityWarning, name, what+" and was not renewed at half of its life", "look for «credentials not renewed» in the log")
	}
	return finding(v1.SeverityOK, name, what, "")
}

func (n *node) lookAtIssuers(context.Context) []v1.Finding {
	var all []v1.Finding
	for _, i := range n.authority.Issuers() {
		what := i.Name + " ends " + i.Certificate.NotAfter.UTC().Format(time.DateOnly)
		severity, next := v1.SeverityOK, ""
		if i.Certificate.NotAfter.Sub(n.clock.Now()) < caWarning {
			severity, next = v1.SeverityWarning, "plan a new generation: rotation comes with a later version"
		}
		all = append(all, finding(severity, "issuer", what, next)...)
	}
	return all
}

func (n *node) lookAtIndices(ctx context.Context) []v1.Finding {
	blocks, err := n.store.Blocks(ctx)
	if err != nil {
		return finding(v1.SeverityError, "indices", err.Error(), "assay doctor, with the node stopped")
	}
	most := uint64(0)
	for _, b := range blocks {
		most = max(most, b.End)
	}
	share := most * 100 / profile.MaxIndex
	what := fmt.Sprintf("%d%% of the issuance indices are leased", share)
	if share >= indexWarning {
		return finding(v1.SeverityWarning, "indices", what, "plan a new generation: rotation comes with a later version")
	}
	return finding(v1.SeverityOK, "indices", what, "")
}

// lookAtLog: a record that is older than a minute must be signed.
func (n *node) lookAtLog(ctx context.Context) []v1.Finding {
	const next = "assay audit verify; look for «audit» in the node's log"
	signed := int64(0)
	text, err := n.store.Checkpoint(ctx)
	if err == nil {
		var at audit.Checkpoint
		at, err = audit.OpenCheckpoint(text, n.record.LogKey)
		signed = at.Size
	}
	if err != nil {
		return finding(v1.SeverityError, "audit", err.Error(), next)
	}
	beyond, err := n.store.Events(ctx, uint64(signed), 1)
	switch {
	case err != nil:
		return finding(v1.SeverityError, "audit", err.Error(), next)
	case len(beyond) > 0 && n.clock.Now().Sub(beyond[0].Time) > unsignedWarning:
		return finding(v1.SeverityError, "audit", fmt.Sprintf("records from %d on are not signed", signed+1), next)
	}
	return finding(v1.SeverityOK, "audit", fmt.Sprintf("%d records are signed", signed), "")
}

func (n *node) lookAtDisk(context.Context) []v1.Finding {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(string(n.dir), &fs); err != nil {
		return finding(v1.SeverityError, "disk", err.Error(), "")
	}
	free := uint64(fs.Bsize) * fs.Bavail
	what := fmt.Sprintf("%d MiB free", free>>20)
	switch {
	case free < diskError:
		return finding(v1.SeverityError, "disk", what, "make room: acts fail when the disk is full")
	case free < diskWarning:
		return finding(v1.SeverityWarning, "disk", what, "make room")
	}
	return finding(v1.SeverityOK, "disk", what, "")
}
