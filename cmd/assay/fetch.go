package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
)

func isURL(s string) bool { return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") }

// fetch does one plain request of limited time and size. What it reads is
// signed, so that the transport need not be trusted.
func (a *app) fetch(ctx context.Context, method, url, contentType string, body []byte, most int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, failURL(url)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		// An answer of another kind than the one asked for is of no use here.
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxSmallFile))
		return nil, failStatus(url, res.StatusCode)
	}
	return readLimited(res.Body, url, most)
}

// issuers lists the CA certificates that the API knows.
func (a *app) issuers(ctx context.Context) ([]v1.Issuer, error) {
	api, err := a.connect()
	if err != nil {
		return nil, err
	}
	defer api.Close()
	var all []v1.Issuer
	for i, err := range api.Issuers(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list the issuers: %w", err)
		}
		all = append(all, i)
	}
	return all, nil
}
