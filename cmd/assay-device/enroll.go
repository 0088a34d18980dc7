package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/assay-pki/assay/enroll/agent"
)

// enrollFlags are the flags of enroll.
type enrollFlags struct {
	est, ca, fingerprint   string
	product, serial        string
	token, tokenFile       string
	cert, key              string
	evidence, out, keyType string
	measured               agent.Measured
	again                  bool
	timeout                time.Duration
	output                 string
}

func (p *program) enroll(ctx context.Context, args []string) error {
	var f enrollFlags
	flags := p.flagSet("enroll")
	flags.StringVar(&f.est, "est", "", helpEST)
	flags.StringVar(&f.ca, "ca", "", helpCA)
	flags.StringVar(&f.fingerprint, "ca-fingerprint", "", helpFingerprint)
	flags.StringVar(&f.product, "product", "", helpProduct)
	flags.StringVar(&f.serial, "serial", "", helpSerial)
	flags.StringVar(&f.tokenFile, "token-file", "", helpTokenFile)
	flags.StringVar(&f.token, "token", "", helpToken)
	flags.StringVar(&f.cert, "cert", "", helpCert)
	flags.StringVar(&f.key, "key", "", helpKey)
	flags.StringVar(&f.evidence, "evidence", "none", helpEvidence)
	measureFlags(flags, &f.measured)
	flags.StringVar(&f.out, "out", "", helpOut)
	flags.StringVar(&f.keyType, "key-type", "ec-p256", helpKeyType)
	flags.BoolVar(&f.again, "again", false, helpAgain)
	flags.DurationVar(&f.timeout, "timeout", defaultTimeout, helpTimeout)
	flags.StringVar(&f.output, "o", "text", helpOutput)
	if err := parse(flags, args); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return usageError{err}
	}
	enrolment, err := p.enrolment(f)
	if err != nil {
		return err
	}
	out, err := newAgent(f.out, f.timeout).Enroll(ctx, enrolment)
	if err != nil {
		return err
	}
	return p.sayOutcome(f.output, "enrolled", out)
}

// check reports all that is wrong with the flags at once.
func (f enrollFlags) check() error {
	var faults []error
	for _, need := range [][2]string{
		{"--est", f.est},
		{"--product", f.product},
		{"--serial", f.serial},
		{"--out", f.out},
	} {
		if need[1] == "" {
			faults = append(faults, errNeeded(need[0]))
		}
	}
	if (f.ca == "") == (f.fingerprint == "") {
		faults = append(faults, errTrust)
	}
	if (f.cert == "") != (f.key == "") {
		faults = append(faults, errPair)
	}
	if f.token != "" && f.tokenFile != "" {
		faults = append(faults, errTokens)
	}
	switch {
	case f.evidence != "none" && f.evidence != "self":
		faults = append(faults, errEvidence(f.evidence))
	case (f.evidence == "self") != (len(f.measured.Measure) > 0):
		faults = append(faults, errMeasure)
	}
	return errors.Join(append(faults, checkOutput(f.output), checkTimeout(f.timeout))...)
}

// measureFlags are those of what self evidence says.
func measureFlags(flags *flag.FlagSet, m *agent.Measured) {
	flags.Func("measure", helpMeasure, func(s string) error {
		component, file, ok := strings.Cut(s, "=")
		if !ok || component == "" || file == "" {
			return errMeasureForm(s)
		}
		m.Measure = append(m.Measure, agent.Measure{Component: component, File: file})
		return nil
	})
	flags.BoolVar(&m.DebugOpen, "debug-open", false, helpDebugOpen)
}

func checkOutput(s string) error {
	if s != "text" && s != "json" {
		return errOutput(s)
	}
	return nil
}

func checkTimeout(d time.Duration) error {
	if d <= 0 {
		return errTimeout
	}
	return nil
}

func newAgent(dir string, timeout time.Duration) *agent.Agent {
	return agent.New(agent.Config{
		Dir: dir, Timeout: timeout, Proxy: http.ProxyFromEnvironment, UserAgent: "assay-device",
	})
}

// enrolment reads what the flags name.
func (p *program) enrolment(f enrollFlags) (agent.Enrolment, error) {
	e := agent.Enrolment{
		Server: f.est, Fingerprint: f.fingerprint, Product: f.product, Serial: f.serial,
		KeyType: f.keyType, Again: f.again, Measured: f.measured, KeyFile: f.key,
	}
	var err error
	if f.ca != "" {
		if e.Roots, err = readCertificates(f.ca); err != nil {
			return e, err
		}
	}
	if f.cert != "" {
		if e.Certificate, err = readPair(f.cert, f.key); err != nil {
			return e, err
		}
	}
	e.Token, err = p.token(f)
	return e, err
}

// token is that of --token, --token-file or, without a certificate, the
// environment.
func (p *program) token(f enrollFlags) (string, error) {
	switch {
	case f.token != "":
		return f.token, nil
	case f.tokenFile == "" && f.cert == "":
		return p.getenv("ASSAY_TOKEN"), nil
	case f.tokenFile == "":
		return "", nil
	}
	in := p.stdin
	if f.tokenFile != "-" {
		file, err := os.Open(f.tokenFile)
		if err != nil {
			return "", fmt.Errorf("read the token: %w", err)
		}
		defer file.Close()
		in = file
	}
	b, err := io.ReadAll(io.LimitReader(in, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" || len(b) > maxToken || strings.ContainsAny(token, " \t\r\n") {
		return "", errTokenFile(f.tokenFile)
	}
	return token, nil
}

func readInput(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxInput+1))
	if err == nil && len(b) > maxInput {
		err = fmt.Errorf("%s is longer than %d octets", name, maxInput)
	}
	return b, err
}

func readCertificates(name string) ([]*x509.Certificate, error) {
	b, err := readInput(name)
	if err != nil {
		return nil, err
	}
	certs, err := agent.ParseCertificates(b)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return certs, nil
}

// readPair reads the credential that admits us: a certificate with its chain,
// and its key.
func readPair(certName, keyName string) (*tls.Certificate, error) {
	cert, err := readInput(certName)
	if err != nil {
		return nil, err
	}
	key, err := readInput(keyName)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("read %s and %s: %w", certName, keyName, err)
	}
	return &pair, nil
}
