package store

import (
	"fmt"
	"time"
)

// Authority is this installation.
type Authority struct {
	// ID names the authority in its log's origin: 16 lower-case hex digits.
	ID   string
	Name string
	// BaseURL is the plain-http root of every URL in certificates, without a
	// final slash.
	BaseURL string
	// Local: no public URL was given. Lifetimes are cut to 7 days then.
	Local     bool
	CreatedAt time.Time
	// LogKey is the audit log's verifier key in the note format.
	LogKey string
	// Hosts are the DNS names and IP addresses of the TLS certificate.
	Hosts []string
}

// IssuerID numbers issuers within one authority, from 1. The root is 1.
type IssuerID uint16

// Issuer kinds.
const (
	KindRoot       = "root"
	KindBirths     = "births"
	KindDevices    = "devices"
	KindOperations = "operations"
)

// Issuer is a CA certificate of ours in one generation.
type Issuer struct {
	ID         IssuerID
	Kind       string
	Generation uint32
	// Certificate is DER.
	Certificate []byte
	// Key is the name of the private key in ca/keys.
	Key string
	// MaxValidity bounds what the issuer may sign.
	MaxValidity time.Duration
	CreatedAt   time.Time
}

// Name is kind-generation, as in URLs: "devices-1". The root is "root".
func (i Issuer) Name() string {
	if i.Kind == KindRoot {
		return KindRoot
	}
	return fmt.Sprintf("%s-%d", i.Kind, i.Generation)
}

// Founding is the act of Store.Found.
type Founding struct {
	Authority Authority
	Issuers   []Issuer
	By        Actor
}

// Class is a lifetime class: no shard holds two, so that a shard retires whole.
type Class uint8

const (
	// ShortLived certificates live at most 100 days.
	ShortLived Class = 1
	// LongLived ones live longer.
	LongLived Class = 2
)

// Block is a leased run of issuance indices: one shard.
type Block struct {
	Issuer IssuerID
	Class  Class
	// First is the first index, a multiple of the shard size; End is one past
	// the last.
	First, End uint64
	// Next is the lowest index of the block above every stored certificate.
	Next uint64
}

// Lease is the act of Store.LeaseBlock.
type Lease struct {
	Issuer IssuerID
	Class  Class
	// Shard is the one that the caller has prepared.
	Shard uint64
	By    Actor
}
