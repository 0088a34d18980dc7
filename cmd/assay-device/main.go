// Command assay-device enrols one device with an EST server and renews its
// certificate, once or for as long as it runs. It links enroll/agent,
// enroll/client, enroll/evidence, enroll/wire, x/crypto and the standard library,
// and nothing else; a test holds it to that.
//
// No promise: its promise is the command line.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
