package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ocsp"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store/audit"
)

// Next steps that several errors share.
const (
	nextUnreachable = "is the server up? assay serve, or look at --server and assay context list"
	nextCheckName   = "check the name"
	nextHelp        = "see %s --help"
)

func usage(what, next string) *failure { return &failure{code: exitUsage, what: what, next: next} }

// wordsOfRefusal is what the server said, with its code.
func wordsOfRefusal(r *v1.Refusal) string {
	what := r.Error()
	if r.RetryAfter > 0 {
		what += fmt.Sprintf(" (try again in %s)", r.RetryAfter)
	}
	return what
}

func failUsage(cmd *cobra.Command, err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	what, _, _ := strings.Cut(err.Error(), "\n")
	f := usage(what, fmt.Sprintf(nextHelp, cmd.CommandPath()))
	f.cause = err
	return f
}

// laterCommands are in the documentation, and not in this version.
var laterCommands = [...]string{
	"approval", "backup", "report", "console", "status", "store", "edge", "label",
}

func failUnknownCommand(cmd *cobra.Command, word string) *failure {
	var known []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			known = append(known, c.Name())
		}
	}
	next := fmt.Sprintf(nextHelp, cmd.CommandPath())
	if !cmd.HasParent() && slices.Contains(laterCommands[:], word) {
		return usage(notAvailable("assay "+word), next)
	}
	if k := nearest(word, known); k != "" {
		next = fmt.Sprintf("did you mean %s %s?", cmd.CommandPath(), k)
	}
	return usage(fmt.Sprintf("unknown command %q for %q", word, cmd.CommandPath()), next)
}

func failMissingArgument(cmd *cobra.Command, name string) *failure {
	return usage(name+" is missing", cmd.CommandPath()+strings.TrimPrefix(cmd.Use, cmd.Name()))
}

func failExtraArgument(cmd *cobra.Command, given string) *failure {
	return usage(fmt.Sprintf("%q is one argument too many", given), fmt.Sprintf(nextHelp, cmd.CommandPath()))
}

func failFlagValue(flag, value string, want ...string) *failure {
	return usage(fmt.Sprintf("%s %q is not possible", flag, value), "use "+alternatives(want))
}

func failBoth(one, other string) *failure {
	return usage(one+" and "+other+" exclude each other", "leave one of them out")
}

func failNeeds(command string, what ...string) *failure {
	return usage("assay "+command+" needs "+strings.Join(what, " and "), "see assay "+command+" --help")
}

func failNegative() *failure {
	return usage("counts and durations are not negative", "see assay bench --help")
}

func failLater(what, instead string) *failure {
	return &failure{code: exitFailure, what: what + " is " + laterWords, next: instead}
}

func failID(id string) *failure {
	return usage(fmt.Sprintf("%q is no device and no certificate", id),
		"name it as PRODUCT/SERIAL, by a certificate's serial number in 32 hex digits, or by a certificate's file")
}

func failSerial(text string) *failure {
	return usage(fmt.Sprintf("--serial %q is not a serial number", text), "a serial number has 32 hex digits: assay cert list")
}

func failReason(name string) *failure {
	next := "one of " + strings.Join(revocationReasons(), ", ")
	if k := nearest(name, revocationReasons()); k != "" {
		next = "did you mean " + k + "? " + next
	}
	return usage(fmt.Sprintf("unknown reason %q", name), next)
}

func failMemory(text string) *failure {
	return usage(fmt.Sprintf("gomemlimit %q is not a size", text), "write it as 256MiB")
}

func failURL(url string) *failure {
	return usage(fmt.Sprintf("%q is not a URL", url), "write it as http://HOST/PATH")
}

func failConfig(faults []v1.Fault) *failure {
	return &failure{code: exitFailure, what: "the settings have faults", faults: faults, next: "see assay config view --show-origin, docs and the comments in assay.yaml"}
}

func failDocuments(faults []v1.Fault) *failure {
	return &failure{code: exitFailure, what: "the documents have faults; nothing was changed", faults: faults, next: "mend them and apply again"}
}

func failNoDocuments(files []string) *failure {
	return &failure{code: exitFailure, what: "no document in " + strings.Join(files, ", "), next: "see assay apply --help"}
}

func failPartly(d *document, done int, err error) *failure {
	f := asRefusal(err)
	if done > 0 {
		f.code = exitPartial
	}
	f.what = fmt.Sprintf("%s: %s %s: %s", d.at("name"), d.Kind, d.Name, f.what)
	return f
}

// asRefusal is the failure that an error of the API makes.
func asRefusal(err error) *failure {
	if r, ok := errors.AsType[*v1.Refusal](err); ok {
		return &failure{code: exitOfReason(r.Reason), what: wordsOfRefusal(r), next: r.NextStep(), faults: r.Faults, cause: err}
	}
	return &failure{code: exitFailure, what: err.Error(), cause: err}
}

func failEditedOther(name, path string) *failure {
	return &failure{code: exitFailure, what: "the edited text is not one document for " + name, next: "it is kept: assay apply -f " + path}
}

func failNoEditor(name string) *failure {
	return usage("no editor", "set EDITOR, or: assay product show "+name+" -o yaml > p.yaml; assay apply -f p.yaml")
}

func failNoAuthority(dir string) *failure {
	return &failure{
		code: exitNotFound, what: "no authority in " + dir,
		next: "make one: assay init --dir " + dir + "; or name another: --dir DIR, --context NAME",
	}
}

func failNotReadable(dir string, err error) *failure {
	return &failure{code: exitDenied, what: err.Error(), next: "be the owner of " + dir + ", or use a context of your own: assay context add", cause: err}
}

func failNotRunning(dir string) *failure {
	return &failure{code: exitUnavailable, what: "no node runs in " + dir, next: "start it: assay serve --dir " + dir}
}

func failNoPublicURL() *failure {
	return &failure{code: exitFailure, what: "the address of the http listener is not known from here", next: "name it: --url URL, or a full URL"}
}

func failCredential(dir string, err error) *failure {
	f := &failure{code: exitDenied, what: err.Error(), next: "an admin makes one: assay operator add NAME --role ROLE --out " + dir, cause: err}
	if errors.Is(err, fs.ErrNotExist) {
		f.code = exitNotFound
	}
	return f
}

func failServerURL(err error) *failure {
	f := usage(err.Error(), "write it as https://HOST:PORT, the admin address that assay serve prints")
	f.cause = err
	return f
}

func failNoContext(name string) *failure {
	return &failure{code: exitNotFound, what: fmt.Sprintf("no context %q", name), next: "see assay context list"}
}

func failNoHome() *failure {
	return &failure{code: exitFailure, what: "neither HOME nor XDG_CONFIG_HOME is set", next: "set one of them, or use --dir"}
}

func failNotConfirmed() *failure {
	return &failure{code: exitFailure, what: "not confirmed; nothing was changed", next: "repeat it and answer y, or use --yes"}
}

func failDirectoryInUse(path string) *failure {
	return &failure{code: exitConflict, what: path + " is not empty", next: "choose another --out"}
}

func failNoCertificateYet(name string, err error) *failure {
	f := asRefusal(err)
	f.what = "operator " + name + " was added, but has no certificate: " + f.what
	f.next = "assay operator certify " + name + " --out DIR"
	return f
}

func failNotADevice(serial, kind, holder string) *failure {
	return &failure{code: exitConflict, what: fmt.Sprintf("certificate %s is not a device's but of %s %s", serial, kind, holder), next: "assay cert show " + serial}
}

func failWantsCertificate(id string) *failure {
	return usage(fmt.Sprintf("%q is a device, not a certificate", id), "its certificates: assay device show "+id)
}

func failNoCertificates(device string) *failure {
	return &failure{code: exitNotFound, what: device + " has no certificate", next: "assay device show " + device}
}

func failNoIssuer(kind string) *failure {
	return &failure{code: exitNotFound, what: fmt.Sprintf("no issuer %q", kind), next: "see assay ca list"}
}

func failNoAnchor(name string) *failure {
	return &failure{code: exitNotFound, what: name + " has no anchor", next: "brokers trust devices: assay ca export --anchor devices"}
}

func failNoRoots(path string) *failure {
	return &failure{code: exitFailure, what: path + " holds no certificate", next: "assay ca export root --out FILE"}
}

func failNoCRL(what string) *failure {
	return &failure{code: exitNotFound, what: "no file " + what, next: "see assay crl show"}
}

func failNotACRL(what string, err error) *failure {
	return &failure{code: exitFailure, what: what + " is not a CRL: " + err.Error(), next: "give a CRL in DER or PEM", cause: err}
}

func failCRLSignature(file string, err error) *failure {
	return &failure{code: exitFailure, what: "the CRL is not signed by " + file + ": " + err.Error(), next: "see assay ca list for its issuer", cause: err}
}

func failIssuerOf(serial string) *failure {
	return &failure{code: exitNotFound, what: "the issuer of certificate " + serial + " is not known", next: "give it: --issuer FILE"}
}

func failStatus(url string, status int) *failure {
	return &failure{code: exitOfStatus(status), what: fmt.Sprintf("%s answered with status %d", url, status), next: "check the URL; operators: assay doctor"}
}

func failOCSPRefused(url string, r ocsp.ResponseError) *failure {
	f := &failure{code: exitFailure, what: fmt.Sprintf("%s: %s", url, r.Error()), next: "is it the responder of this certificate's issuer? assay doctor", cause: r}
	if r.Status == ocsp.TryLater {
		f.code = exitUnavailable
	}
	return f
}

func failOCSPAnswer(url string, err error) *failure {
	return &failure{code: exitFailure, what: "the answer of " + url + " is not to be trusted: " + err.Error(), next: "check --issuer and --url; operators: assay doctor", cause: err}
}

// failAudit says what an error of the log means: a named record is the worst.
func failAudit(err error) error {
	if bad, ok := errors.AsType[*audit.BadRecord](err); ok {
		return &failure{
			code: exitFailure, what: "the log was tampered with: " + bad.Error(),
			next: "keep this copy as it is, compare with an older export, and treat the machine as compromised", cause: err,
		}
	}
	f := &failure{code: exitFailure, what: err.Error(), cause: err}
	switch {
	case errors.Is(err, audit.ErrNoCheckpoint):
		f.next = "start the node once: assay serve"
	case errors.Is(err, audit.ErrKey):
		f.next = "give the log's public key: --key FILE"
	case errors.Is(err, audit.ErrCheckpoint), errors.Is(err, audit.ErrForked), errors.Is(err, audit.ErrProof):
		f.next = "keep this copy as it is and compare with an older export"
	default:
		return err
	}
	return f
}

func failInUse(err error) *failure {
	return &failure{code: exitConflict, what: err.Error(), next: "start what is there: assay serve; or choose another --dir", cause: err}
}

func failEmptyPassphrase(path string) *failure {
	return &failure{code: exitFailure, what: path + " is empty", next: "put the passphrase into it, on one line"}
}

func failPID(pid int, err error) *failure {
	return &failure{code: exitFailure, what: fmt.Sprintf("read the CPU time of process %d: %v", pid, err), next: "leave --pid out, or give the id of assay serve on this Linux machine", cause: err}
}

func failNothingEnrolled(err error) error {
	if err == nil {
		return &failure{code: exitFailure, what: "nothing was enrolled", next: "give it more time: --duration"}
	}
	return &failure{code: exitFailure, what: "nothing was enrolled: " + err.Error(), next: "the token needs uses enough: assay token create --product P --uses N", cause: err}
}
