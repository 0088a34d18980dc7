package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// What the first line of a signed text says keeps it from being taken for
// another: a checkpoint begins with the log's origin.
const (
	batchCertificateTitle = "assay end-of-batch certificate v1"
	batchNonceType        = "assay-batch-nonce/v1"
)

// batchCertificate is the signed account of a closed batch. It is made of the
// record alone, and so the same each time but for units that were scrapped
// since.
func (a *API) batchCertificate(ctx context.Context, b *store.Batch) (string, error) {
	authority, err := a.store.Authority(ctx)
	if err != nil {
		return "", err
	}
	var t strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&t, "%s: %s\n", name, printable(fmt.Sprintf(format, args...)))
	}
	t.WriteString(batchCertificateTitle + "\n")
	line("authority", "%s %s", authority.ID, authority.Name)
	line("batch", "%s", b.Name)
	line("product", "%s", b.Product)
	line("site", "%s", b.Site)
	line("line", "%s", b.Line)
	if b.Manifest.Rows > 0 {
		line("manifest", "sha256:%x %s %d", b.Manifest.SHA256, b.Manifest.Format, b.Manifest.Rows)
	} else {
		line("quota", "%d", b.Quota)
	}
	line("limit", "%d", b.Limit())
	line("used", "%d", b.Used)
	line("scrapped", "%d", b.Scrapped)
	line("missing", "%d", b.Left())
	line("opened", "%s %s", stamp(b.CreatedAt), b.CreatedBy)
	line("closed", "%s", stamp(b.ClosedAt))
	return a.sign(t.String())
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// signedNonce is a batch's nonce in text, and again in a signed line of JSON,
// for lines that work offline.
func (a *API) signedNonce(ctx context.Context, b *store.Batch) (nonce, signed string, err error) {
	authority, err := a.store.Authority(ctx)
	if err != nil {
		return "", "", err
	}
	nonce = base64.RawURLEncoding.EncodeToString(b.Nonce)
	text, err := json.Marshal(struct {
		Type      string    `json:"type"`
		Authority string    `json:"authority"`
		Batch     string    `json:"batch"`
		Product   string    `json:"product"`
		Site      string    `json:"site,omitempty"`
		Line      string    `json:"line,omitempty"`
		From      time.Time `json:"from,omitzero"`
		Until     time.Time `json:"until,omitzero"`
		Nonce     string    `json:"nonce"`
	}{batchNonceType, authority.ID, b.Name, b.Product, b.Site, b.Line, utc(b.From), utc(b.Until), nonce})
	if err != nil {
		return "", "", fmt.Errorf("write the nonce of batch %s: %w", b.Name, err)
	}
	signed, err = a.sign(string(text) + "\n")
	return nonce, signed, err
}

// sign makes a note of a text.
func (a *API) sign(text string) (string, error) {
	note, err := a.signer(text)
	if err != nil {
		return "", &v1.Refusal{Reason: v1.SignerUnavailable, Err: fmt.Errorf("sign a note: %w", err)}
	}
	return string(note), nil
}
