package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/assay-pki/assay/enroll/agent"
	"github.com/assay-pki/assay/enroll/client"
)

// Every word to people is in this file.

const help = `assay-device keeps the certificate of one device.

  assay-device enroll --est URL (--ca FILE | --ca-fingerprint HEX) --product P --serial S
                      [--token-file F | --cert F --key F] [--evidence self --measure COMPONENT=FILE] --out DIR
  assay-device run    --dir DIR [--hook CMD]
  assay-device renew  --dir DIR [--if-due] [--same-key]
  assay-device status --dir DIR [-o json]
  assay-device version

DIR then holds device.crt, device.key, chain.crt, roots.crt and state.json.
A command that failed or was stopped is simply run again. run stays, and renews
in the time that the server advised; the old pair stays until the new one worked.
A device that has lost its pair comes back with its birth certificate:
enroll --again --cert birth.crt --key birth.key.
Flags of a command: assay-device COMMAND --help
Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 denied, 5 conflict,
7 pending approval, 9 unavailable, 130 interrupted
`

const (
	helpEST         = "`URL` of the EST server, https://HOST[:PORT]"
	helpCA          = "`FILE` of the roots that the server may chain to, PEM"
	helpFingerprint = "SHA-256 of the root in `HEX`; the root itself is fetched"
	helpProduct     = "`PRODUCT` of the device (the EST label)"
	helpSerial      = "`SERIAL` of the device"
	helpTokenFile   = "`FILE` with the one-time token, - for standard input"
	helpToken       = "one-time `TOKEN`; others see it in the list of processes: prefer --token-file or ASSAY_TOKEN"
	helpCert        = "`FILE` of the certificate that admits the device, PEM, chain behind it"
	helpKey         = "`FILE` of the key of --cert, PEM"
	helpEvidence    = "evidence to send, `KIND`: none or self, which needs --measure"
	helpMeasure     = "`COMPONENT=FILE` that self evidence measures; may be repeated, and is kept for renewals"
	helpDebugOpen   = "self evidence says that the debug port is open"
	helpHook        = "program `CMD` to run after each change, without a shell; it finds the files by ASSAY_DIR, ASSAY_CERT, ASSAY_KEY"
	helpHookArg     = "argument `ARG` of the hook; may be repeated"
	helpHookTimeout = "`TIME` that one run of the hook may take"
	helpOut         = "`DIR` for key and certificates; made with mode 0700"
	helpAgain       = "enrol anew though DIR holds a certificate of this device"
	helpTimeout     = "`TIME` that one exchange with the server may take"
	helpOutput      = "output `FORMAT`: text or json"
	helpDir         = "`DIR` that enroll wrote"
	helpSameKey     = "keep the key; else a new one is made"
	helpIfDue       = "renew only when the time in state.json has come"
	helpKeyType     = "`TYPE` of the device's key: ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072"
)

var (
	errTrust   = errors.New("give one of --ca FILE and --ca-fingerprint HEX: a server is not trusted unseen")
	errPair    = errors.New("--cert and --key belong together")
	errTokens  = errors.New("--token and --token-file exclude each other")
	errTimeout = errors.New("--timeout must be more than 0")
	errMeasure = errors.New("--evidence self and --measure COMPONENT=FILE belong together")
	errHookArg = errors.New("--hook-arg needs --hook")
)

// What run says in its log.
const (
	saidKeeping = "keeping the certificate fresh"
	saidStopped = "stopped"
)

func errMeasureForm(s string) error { return fmt.Errorf("%q is not COMPONENT=FILE", s) }

func errNeeded(name string) error { return fmt.Errorf("%s is needed", name) }

func unexpected(arg string) error { return fmt.Errorf("unexpected argument %q", arg) }

func errOutput(s string) error { return fmt.Errorf("-o %s is neither text nor json", s) }

func errEvidence(kind string) error {
	return fmt.Errorf("--evidence %s is not available in this version: use self, or leave it out and enrol with a product that asks for none", kind)
}

func errTokenFile(name string) error {
	return fmt.Errorf("%s does not hold one token: make one with 'assay token create'", name)
}

func sayHelp(w io.Writer) { fmt.Fprint(w, help) }

func sayCommandHelp(w io.Writer, flags *flag.FlagSet) {
	fmt.Fprintf(w, "assay-device %s:\n", flags.Name())
	flags.SetOutput(w)
	flags.PrintDefaults()
}

func sayUnknown(w io.Writer, command string) {
	fmt.Fprintf(w, "assay-device: unknown command %q\nnext: use one of enroll, run, renew, status, version, help\n", command)
}

func sayVersion(w io.Writer) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		fmt.Fprintln(w, "assay-device (unknown build)")
		return
	}
	revision := ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = " " + s.Value
		}
	}
	fmt.Fprintf(w, "assay-device %s%s %s\n", info.Main.Version, revision, info.GoVersion)
}

func sayInterrupted(w io.Writer, command string) {
	fmt.Fprintf(w, "assay-device %s: interrupted\nnext: run the same command again, it goes on where it was\n", command)
}

func sayError(w io.Writer, command string, err error) {
	fmt.Fprintf(w, "assay-device %s: %s\nnext: %s\n", command, strings.ReplaceAll(err.Error(), "\n", "; "), nextStep(command, err))
}

// nextStep ends every error.
func nextStep(command string, err error) string {
	if refusal, ok := errors.AsType[*client.Refusal](err); ok {
		return nextAfterRefusal(refusal)
	}
	if pending, ok := errors.AsType[*client.Pending](err); ok {
		return fmt.Sprintf("run the same command again in %v; an operator approves with 'assay approval list'", pending.RetryAfter)
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return fmt.Sprintf("see assay-device %s --help", command)
	}
	if _, ok := errors.AsType[pendingHere](err); ok {
		return "run the enroll command again, it goes on with the request that is pending"
	}
	for _, row := range []struct {
		is   error
		next string
	}{
		{client.ErrConfig, fmt.Sprintf("correct the URL or the fingerprint, see assay-device %s --help", command)},
		{agent.ErrConfig, fmt.Sprintf("see assay-device %s --help", command)},
		{agent.ErrNewRefused, "ask who runs the authority; the old certificate is still in use"},
		{agent.ErrNotEnrolled, "run assay-device enroll first"},
		{agent.ErrEnrolled, "use another directory, one for each device"},
		{agent.ErrBusy, "wait until it has finished, then run the same command again"},
		{agent.ErrUnfinished, "run the enroll command again to the end, then renew"},
		{agent.ErrDamaged, "restore the file, or enrol anew: assay-device enroll --again, with --cert birth.crt --key birth.key or a new token"},
		{agent.ErrDirectory, "mend the directory, or use a new one"},
		{client.ErrUntrusted, "check --est and --ca or --ca-fingerprint against what the authority published; nothing secret was sent"},
		{client.ErrUnreachable, "check the address and the network, then run the same command again: nothing is issued twice"},
		{client.ErrIssued, "tell who runs the authority: the answer is not under the CA certificates that it publishes"},
		{client.ErrAnswer, "check that --est is an EST server"},
	} {
		if errors.Is(err, row.is) {
			return row.next
		}
	}
	return "mend what it says, then run the same command again"
}

func nextAfterRefusal(r *client.Refusal) string {
	switch {
	case r.RetryAfter > 0:
		return fmt.Sprintf("do what it says and run the same command again in %v", r.RetryAfter)
	case r.Reason == "use-simpleenroll":
		return "enrol with this certificate: assay-device enroll --cert DIR/device.crt --key DIR/device.key"
	case r.Status == 401:
		return "get a token with 'assay token create' and give it with --token-file, or give --cert and --key"
	case r.Status == 404:
		return "check --est and --product"
	case r.Status >= 500:
		return "run the same command again later: nothing is issued twice"
	}
	return "do what it says, then run the same command again"
}

func (p *program) sayOutcome(format, verb string, out agent.Outcome) error {
	if format == "json" {
		return p.sayJSON(out)
	}
	if out.Unchanged {
		fmt.Fprintf(p.stdout, "%s/%s: nothing to do, certificate %s is good until %s\n",
			out.Product, out.Serial, out.CertificateSerial, out.NotAfter.Format(time.RFC3339))
	} else {
		fmt.Fprintf(p.stdout, "%s/%s: %s, certificate %s is good until %s\n",
			out.Product, out.Serial, verb, out.CertificateSerial, out.NotAfter.Format(time.RFC3339))
	}
	if product, birth := strings.CutSuffix(out.Product, ".birth"); birth {
		fmt.Fprintf(p.stderr, "files are in %s; this certificate enrols and does not renew: assay-device enroll --product %s --serial %s --cert %s --key %s\n",
			out.Dir, product, out.Serial, filepath.Join(out.Dir, "device.crt"), filepath.Join(out.Dir, "device.key"))
		return nil
	}
	fmt.Fprintf(p.stderr, "files are in %s; next renewal at %s: assay-device run --dir %s\n",
		out.Dir, out.RenewAt.Format(time.RFC3339), out.Dir)
	return nil
}

func (p *program) sayStatus(format string, s agent.Status) error {
	if format == "json" {
		return p.sayJSON(s)
	}
	for _, row := range [][2]string{
		{"device", s.Product + "/" + s.Serial},
		{"subject", s.Subject},
		{"certificate", s.CertificateSerial},
		{"key", s.KeyType},
		{"valid", s.NotBefore.Format(time.RFC3339) + " to " + s.NotAfter.Format(time.RFC3339)},
		{"renewal", fmt.Sprintf("%s (window %s to %s)", s.RenewAt.Format(time.RFC3339), s.RenewFrom.Format(time.RFC3339), s.RenewUntil.Format(time.RFC3339))},
		{"evidence", evidenceWord(s)},
		{"server", s.Server},
		{"state", stateWord(s)},
	} {
		fmt.Fprintf(p.stdout, "%-12s %s\n", row[0], row[1])
	}
	return nil
}

func evidenceWord(s agent.Status) string {
	var words []string
	for _, m := range s.Measure {
		words = append(words, m.Component+"="+m.File)
	}
	if len(words) == 0 {
		return "none"
	}
	if s.BirthKey != "" {
		words = append(words, "signed by "+s.BirthKey)
	}
	return "self: " + strings.Join(words, ", ")
}

func stateWord(s agent.Status) string {
	word := "good"
	switch {
	case s.Expired:
		word = "expired: run assay-device renew; if that is refused, enroll --again with a new token"
	case s.Due:
		word = "renewal is due: run assay-device renew --dir " + s.Dir
	}
	if s.Pending != "" {
		word += "; a request is pending: run " + s.Pending + " again"
	}
	return word
}

func (p *program) sayJSON(v any) error {
	enc := json.NewEncoder(p.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
