package ocsp

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkAnswer gives server CPU per answer as a ratio to a bare net/http
// handler that returns 300 octets, on one keep-alive connection of loopback TCP.
// The client's own thread is subtracted.
func BenchmarkAnswer(b *testing.B) {
	a := newAuthority(b, time.Now)
	r, err := New(b.Context(), Config{Store: a.store.Store, Responders: a, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	cert := a.issue(devices, "SN-1", day)
	plain := a.question(devices, cert, crypto.SHA256)
	asked := a.wireRequest(devices, cert)
	asked.TBS.Extensions = []pkix.Extension{nonceOf(marshal(b, bytes.Repeat([]byte{1}, 16)))}
	nonce := marshal(b, asked)
	static := bytes.Repeat([]byte{'x'}, 300)
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(static) })
	get := "GET /ocsp/" + base64.StdEncoding.EncodeToString(plain) + " HTTP/1.1\r\nHost: x\r\n\r\n"
	post := fmt.Sprintf("POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", typeRequest, len(nonce), nonce)
	kinds := []*kind{newKind(b, bare, get), newKind(b, r, get), newKind(b, r, post)}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for b.Loop() {
		// In turn, so that a noisy machine disturbs all alike.
		for _, k := range kinds {
			if err := k.round(); err != nil {
				b.Fatal(err)
			}
		}
	}
	for n, name := range []string{"bare", "cached", "live"} {
		b.ReportMetric(kinds[n].micros(), name+"-us")
		b.ReportMetric(kinds[n].micros()/kinds[0].micros(), name+"/bare")
	}
}

// kind is a handler with its connection and what it has cost.
type kind struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
	cpu     time.Duration
	count   int
}

func newKind(b *testing.B, handler http.Handler, request string) *kind {
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return &kind{conn: conn, in: bufio.NewReader(conn), request: []byte(request)}
}

// round sends requests one after the other.
func (k *kind) round() error {
	const requests = 200
	process, thread := cpuOf(syscall.RUSAGE_SELF), cpuOf(rusageThread)
	for range requests {
		if _, err := k.conn.Write(k.request); err != nil {
			return err
		}
		if err := readAnswer(k.in); err != nil {
			return err
		}
	}
	k.cpu += cpuOf(syscall.RUSAGE_SELF) - process - (cpuOf(rusageThread) - thread)
	k.count += requests
	return nil
}

func (k *kind) micros() float64 { return float64(k.cpu.Nanoseconds()) / float64(k.count) / 1e3 }

const rusageThread = 1

func cpuOf(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func readAnswer(in *bufio.Reader) error {
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	_, err := io.CopyN(io.Discard, in, int64(length))
	return err
}
