package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"
)

// hookedFile holds the serial of the certificate that the hook last ran for.
const hookedFile = "hooked"

// Hook is a program that is told of a new certificate: it reloads a broker's
// client, or copies the files. It is run directly, never through a shell.
type Hook struct {
	// Command is the program and its arguments; empty: no hook.
	Command []string
	// Timeout bounds one run; 0: one minute.
	Timeout time.Duration
	// Output takes what it prints; nil: nobody.
	Output io.Writer
}

// run runs the program with the environment of this process and what it needs
// to find the files. The paths lead to the current pair.
func (h Hook) run(ctx context.Context, dir string, state State) error {
	timeout := h.Timeout
	if timeout == 0 {
		timeout = defaultHookTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.Command[0], h.Command[1:]...)
	cmd.WaitDelay = hookWaitDelay
	cmd.Stdout, cmd.Stderr = h.Output, h.Output
	in := disk{dir: dir}
	cmd.Env = append(os.Environ(),
		"ASSAY_DIR="+dir,
		"ASSAY_CERT="+in.path(certFile), "ASSAY_KEY="+in.path(keyFile),
		"ASSAY_CHAIN="+in.path(chainFile), "ASSAY_ROOTS="+in.path(rootsFile),
		"ASSAY_PRODUCT="+state.Product, "ASSAY_SERIAL="+state.Serial,
		"ASSAY_CERTIFICATE_SERIAL="+state.CertificateSerial,
		"ASSAY_NOT_AFTER="+state.NotAfter.Format(time.RFC3339),
	)
	err := cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("hook %s: %w", h.Command[0], ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("hook %s: %w", h.Command[0], err)
	}
	return nil
}

// hooked says whether the hook ran well for this certificate.
func (d disk) hooked(state State) (bool, error) {
	b, err := d.read(hookedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return strings.TrimSpace(string(b)) == state.CertificateSerial, err
}

func (d disk) setHooked(state State) error {
	return d.replace(file{name: hookedFile, data: []byte(state.CertificateSerial + "\n")})
}
