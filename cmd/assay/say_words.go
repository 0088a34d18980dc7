package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
)

// laterWords end every sentence about what is not there yet.
const laterWords = "not available in this version"

func notAvailable(what string) string { return what + " is " + laterWords }

// Parts of faults.
const (
	notADocument    = "this is not a document with apiVersion, kind, name and spec"
	unknownVariable = "no setting has this name; see assay config view"
)

func alternatives(words []string) string { return strings.Join(words, ", ") }

func oneOf(got string, want ...string) string {
	if got == "" {
		return "missing; want " + alternatives(want)
	}
	what := fmt.Sprintf("%q is not one of %s", got, alternatives(want))
	if k := nearest(got, want); k != "" && len(want) > 1 {
		what += "; did you mean " + k + "?"
	}
	return what
}

func unknownKey(key string, known []string) string {
	what := fmt.Sprintf("unknown key %q", key)
	if k := nearest(key, known); k != "" {
		what += "; did you mean " + k + "?"
	}
	return what
}

func wrongType(field, got string) string {
	return fmt.Sprintf("%s: a %s does not belong here", field, got)
}

func tooLarge(most int64) string { return fmt.Sprintf("larger than %d octets", most) }

func tooMany(most int) string { return fmt.Sprintf("more than %d documents: split the file", most) }

func declaredTwice(what, first string) string { return what + " is declared at " + first + " already" }

func tooWide(path string, mode, most fs.FileMode) string {
	return fmt.Sprintf("%s has mode %04o, wider than %04o", path, mode, most)
}

// What doctor finds.
const (
	saidUnlock        = "the passphrase of the keys lies beside them in keys/unlock: file modes are the only protection"
	saidModes         = "directories are 0700, secrets 0600"
	saidStoreOpens    = "the store opens"
	saidServerAnswers = "the server answers"
	nextUnlock        = "set keys.passphrase_file in assay.yaml when the authority is made anew, or use systemd credentials"
	nextStore         = "keep the file; restore a backup into an empty directory"
	nextOwner         = "run doctor as the owner of the directory"
)

// settingsFault puts the faults of the settings on one line.
func settingsFault(err error) string {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return err.Error()
	}
	words := []string{f.what}
	for _, fault := range f.faults {
		words = append(words, fault.At+": "+fault.Reason)
	}
	return strings.Join(words, "; ")
}

// Questions.
const (
	askName      = "Name of the authority"
	askPublicURL = "Public URL of CRLs and OCSP, as http://pki.example.com (empty: a local authority for trials)"
)

func askRevoke(r v1.RevocationRequest) string {
	switch {
	case r.Only:
		return "Revoke the one certificate " + r.Serial + ", reason " + r.Reason + "?"
	case r.Device == "":
		return "Revoke the device that holds certificate " + r.Serial + ", reason " + r.Reason + "?"
	}
	return "Revoke " + r.Device + " and all its certificates, reason " + r.Reason + "?"
}

func askRemoveOperator(name string) string {
	return "Remove operator " + name + " and revoke the certificates?"
}

// Notes.

func (s *say) more(limit int) { s.note("only the first %d are shown: use --limit 0 for all", limit) }

func (s *say) empty() { s.note("nothing found") }

func (s *say) wrote(path string) { s.note("wrote %s", path) }

func (s *say) nothingChanged() { s.note("nothing was changed") }

func (s *say) editKept(path string) { s.note("what you wrote is kept in %s", path) }

func (s *say) contextAdded(name, current string) {
	s.note("context %s is known; %s is used by default", name, current)
}

func (s *say) preparing(n int) { s.note("making %d keys and requests", n) }

func (s *say) ownKey() {
	s.note("the key was read from beside the log: it agrees with itself. A key kept elsewhere proves more: --key FILE")
}

func (s *say) exported(dir string) { s.note("verify it anywhere: assay audit verify %s", dir) }

func (s *say) operatorMade(name, dir string) {
	s.note("the credential of %s is in %s: operator.crt, operator.key, ca.crt", name, dir)
	s.note("  next: on the operator's machine: assay context add NAME --server https://HOST:9443 --credential %s", dir)
}

func (s *say) tokenMade(t v1.Token) {
	whose := "any device of " + t.Product
	if t.Serial != "" {
		whose = t.Product + "/" + t.Serial
	}
	if t.DryRun {
		s.note("dry run: a token would enrol %s, %d time(s), until %s", whose, t.Uses, when(t.ExpiresAt))
		return
	}
	s.note("token %s enrols %s, %d time(s), until %s; it is not shown again", t.ID, whose, t.Uses, when(t.ExpiresAt))
}

func (s *say) productMade(r v1.Applied, evidence bool) {
	if r.DryRun {
		s.note("dry run: product %s would be made", r.After.Name)
		return
	}
	s.note("product %s is made", r.After.Name)
	if evidence {
		s.note("  next: assay firmware add %s VERSION --digest sha256:HEX, then assay firmware approve", r.After.Name)
		return
	}
	s.note("  next: assay token create --product %s", r.After.Name)
}

// changedStatus says in one sentence what an act did.
func (s *say) changedStatus(c v1.StatusChange) {
	did := "changed"
	if c.DryRun {
		did = "would change"
	}
	switch d := c.Device; {
	case len(c.Changed) > 0:
	case d != nil && d.CertificateCount == 0:
		s.note("device %s has no certificate: none %s", d.ID, did)
		return
	default:
		s.note("no certificate %s: everything is as it should be", did)
		return
	}
	s.note("%d certificate(s) %s; CRL and OCSP follow", len(c.Changed), did)
}

// reworkOpened says what may be done now with a device.
func (s *say) reworkOpened(c v1.StatusChange) {
	if c.Device == nil {
		return
	}
	if c.DryRun {
		s.note("dry run: rework of %s would be open", c.Device.ID)
		return
	}
	s.note("rework of %s is open: a station may give it a new key, once; the earlier certificates end with that", c.Device.ID)
}

func appliedLine(r v1.Applied) string {
	line := fmt.Sprintf("%s %s/%s", r.Result, r.After.Kind, r.After.Name)
	if r.After.Revision != 0 {
		line += fmt.Sprintf(" revision %d", r.After.Revision)
	}
	if r.DryRun {
		line += " (dry run)"
	}
	return line
}

func (s *say) founded(f founded, dir string) {
	s.note("authority %s is in %s", f.Name, f.Dir)
	if f.Local {
		s.warn("local authority: no --public-url, so certificates live 7 days at most and their URLs lead to this machine")
	}
	option := ""
	if dir != defaultDir {
		option = " --dir " + dir
	}
	s.note("  next: assay serve%s", option)
}

func (s *say) serving(at addresses) {
	s.note("est      https://%s", at.EST)
	s.note("admin    https://%s", at.Admin)
	s.note("http     http://%s", at.HTTP)
	s.note("metrics  http://%s", at.Metrics)
}
