package store

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func manyFacts() map[string]string {
	facts := map[string]string{}
	for i := range maxFacts + 1 {
		facts[strings.Repeat("k", i+1)] = "v"
	}
	return facts
}

func TestValidate(t *testing.T) {
	by := Actor{Principal: "node", At: at(0)}
	long := strings.Repeat("x", MaxText+1)
	name := strings.Repeat("n", MaxName+1)
	c := sampleCertificate(t)
	c.Status, c.Closed, c.Presented = Good, false, false
	issuance := func(spoil func(*Issuance)) error {
		i := Issuance{Certificate: c, Device: DeviceID{"sensor", "A1"}, By: by}
		spoil(&i)
		return i.Validate()
	}
	for what, row := range map[string]struct{ got, want error }{
		"page of none":         {ValidatePage(0), ErrLimit},
		"page too long":        {ValidatePage(MaxPage + 1), ErrLimit},
		"page":                 {ValidatePage(MaxPage), nil},
		"actor":                {by.Validate(), nil},
		"actor without time":   {Actor{Principal: "node"}.Validate(), ErrConflict},
		"nobody":               {Actor{At: at(0)}.Validate(), ErrConflict},
		"product with slash":   {DeviceID{"a/b", "1"}.Validate(), ErrConflict},
		"serial with slash":    {DeviceID{"a", "1/2"}.Validate(), nil},
		"serial with NUL":      {DeviceID{"a", "1\x00"}.Validate(), ErrConflict},
		"no serial":            {DeviceID{"a", ""}.Validate(), ErrConflict},
		"long serial":          {DeviceID{"a", name}.Validate(), ErrLimit},
		"issuance":             {issuance(func(*Issuance) {}), nil},
		"issuance of garbage":  {issuance(func(i *Issuance) { i.Certificate.DER = []byte{1} }), ErrConflict},
		"other index":          {issuance(func(i *Issuance) { i.Certificate.Index++ }), ErrConflict},
		"index too high":       {issuance(func(i *Issuance) { i.Certificate.Index = MaxIndex + 1 }), ErrLimit},
		"other holder":         {issuance(func(i *Issuance) { i.Certificate.Holder.Name = "sensor/A2" }), ErrConflict},
		"device of a server":   {issuance(func(i *Issuance) { i.Certificate.Holder.Kind = HolderServer }), ErrConflict},
		"revoked from birth":   {issuance(func(i *Issuance) { i.Certificate.Status = Revoked }), ErrConflict},
		"unknown recovery":     {issuance(func(i *Issuance) { i.Recovery = 9 }), ErrConflict},
		"long label":           {issuance(func(i *Issuance) { i.Certificate.Label = long }), ErrLimit},
		"revoke":               {Revoke{By: by}.Validate(), nil},
		"revoke by a hold":     {Revoke{Reason: ReasonCertificateHold, By: by}.Validate(), ErrConflict},
		"revoke in the future": {Revoke{InvalidAt: at(1), By: by}.Validate(), ErrConflict},
		"long comment":         {Revoke{Comment: long, By: by}.Validate(), ErrLimit},
		"hold, long ticket":    {Hold{Ticket: long, By: by}.Validate(), ErrLimit},
		"unknown kind":         {PutDocument{Kind: "Batch", Name: "a", By: by}.Validate(), ErrConflict},
		"document":             {PutDocument{Kind: KindPolicy, Name: "a", By: by}.Validate(), nil},
		"firmware":             {PutDocument{Kind: KindFirmware, Name: "a/1", Event: FirmwareAdded, By: by}.Validate(), nil},
		"firmware of no event": {PutDocument{Kind: KindFirmware, Name: "a/1", By: by}.Validate(), ErrConflict},
		"event of a product":   {PutDocument{Kind: KindProduct, Name: "a", Event: FirmwareAdded, By: by}.Validate(), ErrConflict},
		"many facts":           {PutDocument{Kind: KindProduct, Name: "a", Facts: manyFacts(), By: by}.Validate(), ErrLimit},
		"long station":         {issuance(func(i *Issuance) { i.Station = name }), ErrLimit},
		"empty nonce":          {issuance(func(i *Issuance) { i.Nonce = &Redemption{} }), ErrLimit},
		"long version":         {issuance(func(i *Issuance) { i.Evidence = &Appraised{Components: []Measured{{Component: "a", Version: long}}} }), ErrLimit},
		"token without uses":   {Token{Hash: [32]byte{1}, Product: "a", ExpiresAt: at(0)}.Validate(), ErrConflict},
		"token":                {Token{Hash: [32]byte{1}, Product: "a", Uses: 1, ExpiresAt: at(0)}.Validate(), nil},
		"many sites":           {PutOperator{Name: "a", Sites: make([]string, MaxListed+1), By: by}.Validate(), ErrLimit},
		"crl without date":     {CRL{Scope: "0"}.Validate(), ErrConflict},
		"crl without scope":    {CRL{SignedAt: time.Unix(1, 0)}.Validate(), ErrConflict},
		"lease of no class":    {Lease{By: by}.Validate(), ErrConflict},
		"nothing founded":      {Founding{By: by}.Validate(), ErrLimit},
		"issuers out of order": {Founding{Authority: Authority{ID: "a"}, Issuers: []Issuer{{ID: 2}, {ID: 1}}, By: by}.Validate(), ErrConflict},
		"founding":             {Founding{Authority: Authority{ID: "a"}, Issuers: []Issuer{{ID: 1}}, By: by}.Validate(), nil},
	} {
		if !errors.Is(row.got, row.want) {
			t.Errorf("%s: %v, want %v", what, row.got, row.want)
		}
	}
}
