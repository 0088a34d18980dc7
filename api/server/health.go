package server

import (
	"fmt"
	"net/http"
	"sync/atomic"
)

// health answers /healthz and /readyz.
type health struct {
	// up is set once every listener accepts, and cleared when draining begins.
	up atomic.Bool
	// ready returns what keeps the node from doing its work, or nil.
	ready func() error
}

func (h *health) healthz(w http.ResponseWriter, _ *http.Request) {
	if !h.up.Load() {
		answer(w, http.StatusServiceUnavailable, "starting")
		return
	}
	answer(w, http.StatusOK, "ok")
}

func (h *health) readyz(w http.ResponseWriter, _ *http.Request) {
	if !h.up.Load() {
		answer(w, http.StatusServiceUnavailable, "starting")
		return
	}
	if err := h.ready(); err != nil {
		answer(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	answer(w, http.StatusOK, "ok")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}
