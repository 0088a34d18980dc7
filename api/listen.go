package api

import (
	"crypto/tls"
	"log/slog"
	"net/http"
)

// TLSConfig is that of the admin listener: TLS 1.3 (RFC 8446), which asks for a
// client certificate and checks only that the client holds its key. Whose it is,
// and whether it is good, is judged on every request. certificate returns the
// node's own, renewed while it runs.
func TLSConfig(certificate func() *tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ClientAuth: tls.RequestClientCert,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return certificate(), nil
		},
	}
}

// Server returns a server for the admin listener with its limits. The caller
// runs it and shuts it down.
func (a *API) Server(tlsConfig *tls.Config) *http.Server {
	return &http.Server{
		Handler:           a.handler,
		TLSConfig:         tlsConfig,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
}
