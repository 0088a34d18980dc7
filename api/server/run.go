package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/assay-pki/assay/api"
	"github.com/assay-pki/assay/enroll/est"
	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/bolt"
)

// Run runs a node until ctx ends, and then returns nil: it stops accepting,
// answers what is under way, writes what was counted, and closes the store. Any
// other end is an error. What is on disk is checked before anything listens.
func Run(ctx context.Context, c Config) (err error) {
	if err := c.validate(); err != nil {
		return err
	}
	n, err := open(ctx, &c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.store.Close()) }()
	m := newMetrics(n)
	s, err := n.services(ctx, m)
	if err != nil {
		return err
	}
	return n.listenAndRun(ctx, &c, s, m)
}

// open opens an authority's directory.
func open(ctx context.Context, c *Config) (_ *node, err error) {
	d := dir(c.Dir)
	if err := d.check(); err != nil {
		return nil, err
	}
	ring, err := openKeys(ctx, d, c.KMS, c.Passphrase)
	if err != nil {
		return nil, err
	}
	db, err := bolt.Open(bolt.Config{Path: d.store(), Log: c.Log})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	mark, err := db.ClockMark(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the clock mark: %w", err)
	}
	clock, err := newClock(c.Now, sinceStart(), mark, c.AcceptClock)
	if err != nil {
		return nil, err
	}
	if err := clock.Doubt(); err != nil {
		c.Log.ErrorContext(ctx, "the clock is in doubt: no certificates are issued until it is right", logError, err)
	}
	return join(ctx, d, db, ring, clock, c.Log)
}

// listener is one of the four.
type listener struct {
	name   string
	at     string
	server *http.Server
	net    net.Listener
}

func (n *node) listenAndRun(ctx context.Context, c *Config, s *services, m *metrics) error {
	h := &health{ready: n.readiness(s)}
	var addresses Addresses // known before anything is served
	admin, err := n.admin(c, s, h, func() string { return n.estURL(addresses.EST) })
	if err != nil {
		return err
	}
	tlsConfig := est.TLSConfig(n.getCertificate, c.TLS13Only)
	listeners := []*listener{
		{name: "est", at: c.EST, server: est.Server(est.Handler(est.Config{Service: s.enroll, Log: n.log}), tlsConfig, n.log)},
		{name: "admin", at: c.Admin, server: admin},
		{name: "http", at: c.HTTP, server: plain(n.public(s, h), n.log)},
		{name: "metrics", at: c.Metrics, server: plain(m.handler(), n.log)},
	}
	defer closeAll(listeners)
	if err := listen(ctx, listeners, c.Connections); err != nil {
		return err
	}
	addresses = addressesOf(listeners)
	if err := n.dir.writeAddresses(addresses); err != nil {
		return err
	}
	defer os.Remove(n.dir.addresses())
	n.warnLocal(ctx, addresses)
	if err := n.note(ctx, store.NodeStarted, map[string]string{"version": c.Version.Version, "idle": n.clock.idle.Round(time.Second).String()}); err != nil {
		return err
	}
	// A node without its TLS key would let the first clients wait until they go.
	if err := n.credentials.WarmTLS(ctx); err != nil {
		return fmt.Errorf("open the TLS key: %w", err)
	}
	h.up.Store(true)
	if c.Ready != nil {
		c.Ready(addresses)
	}
	return n.serve(ctx, listeners, s, h)
}

// serve runs the listeners and the followers until ctx ends or one fails.
func (n *node) serve(ctx context.Context, listeners []*listener, s *services, h *health) error {
	// The followers outlive the listeners, so that they see the last acts.
	following, stopFollowing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopFollowing()
	group, ctx := errgroup.WithContext(ctx)
	followers := new(errgroup.Group)
	for _, follow := range []func(context.Context) error{
		s.enroll.Run, n.publisher.Run, n.signLog(s.checkpointer), n.renewDaily, n.followMark,
	} {
		followers.Go(func() error { return follow(following) })
	}
	group.Go(func() error { return n.warm(ctx) })
	for _, l := range listeners {
		group.Go(l.serve)
	}
	group.Go(func() error {
		<-ctx.Done()
		h.up.Store(false)
		return drain(listeners)
	})
	err := group.Wait()
	stopFollowing()
	return errors.Join(err, followers.Wait(), n.farewell(s))
}

// farewell writes the last record and signs the log up to it.
func (n *node) farewell(s *services) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := n.note(ctx, store.NodeStopped, nil); err != nil {
		return err
	}
	_, err := s.checkpointer.Sign(ctx)
	return err
}

// warm decrypts the keys that the first requests need, side by side, and tries
// again each minute while one can't be opened: somebody may mend it. The root's
// stays sealed.
func (n *node) warm(ctx context.Context) error {
	open := func() {
		err := errors.Join(n.credentials.Warm(ctx), n.keys.Warm(ctx, n.issuersOf(store.KindOperations, store.KindBirths)...))
		// Without these a node does not do its work; the others have deputies.
		fault := n.keys.Warm(ctx, n.issuersOf(store.KindDevices)...)
		if ctx.Err() != nil {
			return
		}
		n.sealed.Store(fault != nil)
		if err = errors.Join(err, fault); err != nil {
			n.log.ErrorContext(ctx, "keys can't be opened", logError, err)
		}
	}
	open()
	return each(ctx, warmEvery, open)
}

// issuersOf are the names of the issuers of some kinds.
func (n *node) issuersOf(kinds ...string) []string {
	var names []string
	for _, i := range n.authority.Issuers() {
		if slices.Contains(kinds, i.Kind) {
			names = append(names, i.Name)
		}
	}
	return names
}

func (l *listener) serve() error {
	var err error
	if l.server.TLSConfig != nil {
		err = l.server.ServeTLS(l.net, "", "")
	} else {
		err = l.server.Serve(l.net)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", l.name, err)
}

func listen(ctx context.Context, listeners []*listener, connections int) error {
	if connections == 0 {
		connections = defaultConnections
	}
	var config net.ListenConfig
	for _, l := range listeners {
		bound, err := config.Listen(ctx, "tcp", l.at)
		if err != nil {
			return fmt.Errorf("listen for %s on %s: %w: choose another address with --%s", l.name, l.at, err, l.name)
		}
		l.net = est.Listener(bound, connections)
	}
	return nil
}

func closeAll(listeners []*listener) {
	for _, l := range listeners {
		if l.net != nil {
			_ = l.net.Close() // closed already, in an orderly end
		}
	}
}

// drain lets requests under way end, and cuts what takes too long.
func drain(listeners []*listener) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	group := new(errgroup.Group)
	for _, l := range listeners {
		group.Go(func() error {
			if l.server.Shutdown(ctx) != nil {
				return l.server.Close()
			}
			return nil
		})
	}
	return group.Wait()
}

func addressesOf(listeners []*listener) Addresses {
	at := map[string]string{}
	for _, l := range listeners {
		at[l.name] = l.net.Addr().String()
	}
	return Addresses{EST: at["est"], Admin: at["admin"], HTTP: at["http"], Metrics: at["metrics"], PID: os.Getpid()}
}

// plain is a server for small requests without TLS.
func plain(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// warnLocal says what a local authority is good for, and when its URLs do not
// lead here.
func (n *node) warnLocal(ctx context.Context, at Addresses) {
	if !n.record.Local {
		return
	}
	n.log.WarnContext(ctx, "this authority is local: certificates live at most 7 days; make one with init --public-url for production")
	if want := "http://" + at.HTTP; n.record.BaseURL != want {
		n.log.WarnContext(ctx, "certificates name another http address than this node listens on",
			"certificates", n.record.BaseURL, "node", want)
	}
}

// note writes an event of the node's own.
func (n *node) note(ctx context.Context, name store.EventName, detail map[string]string) error {
	e := store.Event{Name: name, Time: n.clock.Now(), Actor: "node", Detail: detail}
	if err := n.store.Record(ctx, e); err != nil {
		return fmt.Errorf("record %s: %w", name, err)
	}
	return nil
}

func (n *node) admin(c *Config, s *services, h *health, estURL func() string) (*http.Server, error) {
	a, err := api.New(api.Config{
		Store: n.store, Authenticator: s.enroll, CA: n.authority, Revocation: s.revocation,
		CRL: n.publisher, SignNote: s.signNote, ESTURL: estURL, Doctor: n.doctor, Now: n.clock.Now, Log: n.log, Version: c.Version,
		Healthz: http.HandlerFunc(h.healthz), Readyz: http.HandlerFunc(h.readyz),
	})
	if err != nil {
		return nil, err
	}
	return a.Server(api.TLSConfig(func() *tls.Certificate { return n.credentials.TLS() })), nil
}

// estURL is where devices find the EST listener: the address that it listens on,
// or, when that is every address, the first name of the TLS certificate.
func (n *node) estURL(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() && len(n.record.Hosts) > 0 {
		host = n.record.Hosts[0]
	}
	return "https://" + net.JoinHostPort(host, port)
}
