package est

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"
)

// TLSConfig is that of the EST listener (RFC 7030 §3.3, RFC 8996): TLS 1.2 with
// ECDHE and AEAD only, and TLS 1.3; tls13only leaves TLS 1.3 alone. A client
// certificate is asked for without hints and not looked at: enroll verifies it on
// each request, with a reason. HTTP/1.1 only, for several clients read an answer
// in one or two reads. Session tickets stay on: a resumed session carries the
// client's certificates, which are verified again.
func TLSConfig(getCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error), tls13only bool) *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		GetCertificate:              getCertificate,
		ClientAuth:                  tls.RequestClientCert,
		NextProtos:                  []string{"http/1.1"},
		DynamicRecordSizingDisabled: true,
	}
	if tls13only {
		c.MinVersion = tls.VersionTLS13
	}
	return c
}

// Server is an HTTP server for the EST listener; serve with ServeTLS(l, "", "").
// What clients do wrong in the handshake is logged at debug.
func Server(h http.Handler, c *tls.Config, log *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           h,
		TLSConfig:         c,
		Protocols:         &protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		// OPTIONS * is answered like any other path.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// Listener bounds the open connections: one more is closed at once, before any
// TLS, so that descriptors are left for the store (threats row 25).
func Listener(l net.Listener, connections int) net.Listener {
	return &listener{Listener: l, slots: make(chan struct{}, connections)}
}

type listener struct {
	net.Listener
	slots chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.slots <- struct{}{}:
			return &conn{Conn: c, release: sync.OnceFunc(func() { <-l.slots })}, nil
		default:
			_ = c.Close()
		}
	}
}

type conn struct {
	net.Conn
	release func()
}

func (c *conn) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}
