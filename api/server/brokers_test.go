package server_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
)

// What trusts devices in the field: proxies and brokers that have the issuer's
// anchor and its complete CRL, and never the root.

// consumer is a program that asks its clients for a certificate.
type consumer struct {
	program, config string
	args            []string
	// greet talks over a connection until the consumer has taken the client.
	greet func(*tls.Conn) error
}

var consumers = []consumer{
	{
		program: "nginx",
		config: `daemon off; master_process off; pid nginx.pid; error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path .; proxy_temp_path .; fastcgi_temp_path .; uwsgi_temp_path .; scgi_temp_path .;
	server {
		listen %s:%s ssl;
		ssl_certificate server.crt; ssl_certificate_key server.key;
		ssl_client_certificate anchor.pem; ssl_crl list.pem; ssl_verify_client on;
		location / { return 200 "$ssl_client_s_dn"; }
	}
}
`,
		args: []string{"-p", ".", "-c", "consumer.conf", "-e", "stderr"},
		greet: func(c *tls.Conn) error {
			if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
				return err
			}
			answer, err := io.ReadAll(c)
			if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) {
				return fmt.Errorf("answered %.60q %w", answer, err)
			}
			return nil
		},
	},
	{
		program: "mosquitto",
		config: `user root
listener %[2]s %[1]s
cafile anchor.pem
crlfile list.pem
certfile server.crt
keyfile server.key
require_certificate true
use_identity_as_username true
`,
		args: []string{"-c", "consumer.conf"},
		greet: func(c *tls.Conn) error {
			// MQTT 3.1.1: CONNECT with a clean session, CONNACK that accepts.
			if _, err := c.Write([]byte("\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a")); err != nil {
				return err
			}
			answer := make([]byte, 4)
			if _, err := io.ReadFull(c, answer); err != nil {
				return err
			}
			if !bytes.Equal(answer, []byte{0x20, 2, 0, 0}) {
				return fmt.Errorf("answered % x", answer)
			}
			return nil
		},
	},
}

// TestPUB06Consumers: a device comes in, a revoked one does not, and what is not
// a device never does.
func TestPUB06Consumers(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "curl", "openssl")
	d.must(t, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 2 -out server.crt")
	d.must(t, "curl -sSf -o anchor.pem http://%s/ca/devices-1.anchor.pem", d.at.HTTP)
	good, bad := d.enrol(t, "SN-00000001"), d.enrol(t, "SN-00000002")
	operator, err := tls.LoadX509KeyPair(d.authority.file("operators/admin/operator.crt"), d.authority.file("operators/admin/operator.key"))
	if err != nil {
		t.Fatal(err)
	}
	clients := map[string]tls.Certificate{
		"device": good.pair(), "device that will be revoked": bad.pair(),
		"station": d.station(t, "leipzig-l3-1", v1.StationSpec{Site: "leipzig", Line: "l3"}).pair(), "operator": operator,
	}
	check := func(t *testing.T, revoked bool) {
		t.Helper()
		d.must(t, "curl -sSf -o list.pem http://%s/crl/devices-1.crl.pem", d.at.HTTP)
		for _, c := range consumers {
			t.Run(c.program, func(t *testing.T) {
				address := d.consume(t, c)
				for who, pair := range clients {
					want := who == "device" || who == "device that will be revoked" && !revoked
					if err := c.meet(address, d.servers(t), pair); (err == nil) != want {
						t.Errorf("%s: accepted %v (%v), want %v", who, err == nil, err, want)
					}
				}
			})
		}
	}
	check(t, false)
	if _, err := d.api.Revoke(t.Context(), v1.RevocationRequest{Device: bad.id(), Reason: "keyCompromise"}); err != nil {
		t.Fatal(err)
	}
	d.awaitListed(t, bad.cert, true)
	check(t, true)
}

func (d *device) pair() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{d.cert.Raw}, PrivateKey: d.key}
}

// consume runs a consumer until the test ends and returns its address.
func (d *desk) consume(t *testing.T, c consumer) string {
	t.Helper()
	path, err := exec.LookPath(c.program)
	if err != nil {
		t.Skipf("%s is not installed", c.program)
	}
	address := freeAddress(t)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(c.config, host, port)
	if err := os.WriteFile(filepath.Join(d.dir, "consumer.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	said := new(lockedBuffer)
	cmd := exec.CommandContext(t.Context(), path, c.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = d.dir, said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", c.program, said)
		}
	})
	eventually(t, c.program+" listens", func() error {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: d.servers(t), ServerName: "localhost"})
		if err == nil {
			return conn.Close()
		}
		return err
	})
	return address
}

// servers trusts the consumer's own certificate.
func (d *desk) servers(t *testing.T) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(readCertificate(t, filepath.Join(d.dir, "server.crt")))
	return pool
}

// meet connects with a client certificate.
func (c *consumer) meet(address string, servers *x509.CertPool, pair tls.Certificate) error {
	conn, err := tls.Dial("tcp", address, &tls.Config{
		RootCAs: servers, ServerName: "localhost",
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil },
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return c.greet(conn)
}
