package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	admin "github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/client"
)

// scriptCommands are what scripts can do beside running assay.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"ready":      scriptReady,
		"enrol":      scriptEnrol,
		"samekey":    scriptSameKey,
		"capture":    scriptCapture,
		"mode":       scriptMode,
		"exits":      scriptExits,
		"credential": scriptCredential,
		"flip":       scriptFlip,
	}
}

// scriptReady DIR: waits until the node of the directory answers.
func scriptReady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready DIR")
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := isReady(ts.MkAbs(args[0]))
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("node of %s: %v", args[0], err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func isReady(dir string) error {
	at, err := readAddresses(dir)
	if err != nil {
		return err
	}
	res, err := http.Get("http://" + at.HTTP + "/readyz")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("readyz: %s", res.Status)
	}
	return nil
}

// scriptEnrol DIR PRODUCT SERIAL TOKEN OUT: enrols a device by EST and writes
// its certificate as PEM. With ! the enrolment must be refused.
func scriptEnrol(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 5 {
		ts.Fatalf("usage: enrol DIR PRODUCT SERIAL TOKEN OUT")
	}
	dir, product, serial, token, out := ts.MkAbs(args[0]), args[1], args[2], args[3], ts.MkAbs(args[4])
	der, err := enrolDevice(dir, product, serial, token)
	if neg {
		if err == nil {
			ts.Fatalf("enrolled, want a refusal")
		}
		if _, ok := errors.AsType[*client.Refusal](err); !ok {
			ts.Fatalf("want a refusal, got %v", err)
		}
		ts.Logf("refused: %v", err)
		return
	}
	ts.Check(err)
	ts.Check(os.WriteFile(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
}

// scriptSameKey DIR PRODUCT TOKEN SERIAL OTHER: enrols a device, and is refused
// another one with the same key: an incident.
func scriptSameKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: samekey DIR PRODUCT TOKEN SERIAL OTHER")
	}
	c, err := deviceClient(ts.MkAbs(args[0]), args[1], args[2])
	ts.Check(err)
	defer c.CloseIdle()
	r, err := makeRequest(args[3])
	ts.Check(err)
	_, err = c.Enroll(context.Background(), r.csr)
	ts.Check(err)
	csr, err := client.NewCSR(r.key, deviceName(args[4]))
	ts.Check(err)
	_, err = c.Enroll(context.Background(), csr)
	ts.Check(wantRefusal(err, v1.KeyOfAnotherDevice))
}

func enrolDevice(dir, product, serial, token string) ([]byte, error) {
	c, err := deviceClient(dir, product, token)
	if err != nil {
		return nil, err
	}
	defer c.CloseIdle()
	r, err := makeRequest(serial)
	if err != nil {
		return nil, err
	}
	answer, err := c.Enroll(context.Background(), r.csr)
	if err != nil {
		return nil, err
	}
	return answer.Certificate.Raw, nil
}

func deviceClient(dir, product, token string) (*client.Client, error) {
	at, err := readAddresses(dir)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(adminCredential(dir), "ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return client.New(client.Config{URL: "https://" + at.EST, Label: product, Roots: roots, Token: token, Retries: -1})
}

// scriptCapture VAR [FILE] REGEXP: sets a variable to the first group of a
// match in the standard output of the last command, or in a file.
func scriptCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: capture VAR [FILE] REGEXP")
	}
	file := "stdout"
	if len(args) == 3 {
		file = args[1]
	}
	m := regexp.MustCompile(args[len(args)-1]).FindStringSubmatch(ts.ReadFile(file))
	if len(m) != 2 {
		ts.Fatalf("no match for %s", args[len(args)-1])
	}
	ts.Setenv(args[0], m[1])
}

// scriptMode MODE PATH...: checks permission bits.
func scriptMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mode MODE PATH...")
	}
	for _, path := range args[1:] {
		info, err := os.Stat(ts.MkAbs(path))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", path, got, args[0])
		}
	}
}

// scriptExits CODE PROGRAM ARGS...: runs it and checks the exit code.
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("run %s: %v", args[1], err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// scriptCredential DIR: writes an operator's credential that no server knows.
func scriptCredential(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: credential DIR")
	}
	cert, key := testCA(ts, "operator", nil, nil)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(writeCredential(ts.MkAbs(args[0]), map[string][]byte{
		admin.KeyFile:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		admin.CertificateFile: []byte(pemCertificate(cert.Raw)),
		admin.RootsFile:       []byte(pemCertificate(cert.Raw)),
	}))
}

// scriptFlip FILE OFFSET: flips one bit.
func scriptFlip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE OFFSET")
	}
	offset, err := strconv.Atoi(args[1])
	ts.Check(err)
	path := ts.MkAbs(args[0])
	text, err := os.ReadFile(path)
	ts.Check(err)
	text[offset] ^= 1
	ts.Check(os.WriteFile(path, text, 0o600))
}
