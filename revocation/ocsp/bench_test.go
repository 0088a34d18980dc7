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
	var unit float64
	for _, row := range []struct {
		name    string
		handler http.Handler
		request string
	}{{"bare", bare, get}, {"cached", r, get}, {"live", r, post}} {
		b.Run(row.name, func(b *testing.B) {
			cpu := serverCPU(b, row.handler, row.request)
			if row.name == "bare" {
				unit = cpu
			}
			b.ReportMetric(cpu/1e3, "cpu-us/op")
			b.ReportMetric(cpu/unit, "ratio")
		})
	}
}

// serverCPU sends b.N requests and returns nanoseconds of CPU for each.
func serverCPU(b *testing.B, handler http.Handler, request string) float64 {
	server := httptest.NewServer(handler)
	defer server.Close()
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	in := bufio.NewReader(conn)
	process, thread := cpuOf(syscall.RUSAGE_SELF), cpuOf(rusageThread)
	for b.Loop() {
		if _, err := conn.Write([]byte(request)); err != nil {
			b.Fatal(err)
		}
		if err := readAnswer(in); err != nil {
			b.Fatal(err)
		}
	}
	process, thread = cpuOf(syscall.RUSAGE_SELF)-process, cpuOf(rusageThread)-thread
	return float64(process-thread) / float64(b.N)
}

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
