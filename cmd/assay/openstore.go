package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/bolt"
)

// errStoreInUse: a node holds the store.
var errStoreInUse = errors.New("the store is in use by a node")

// openStore opens the directory's store to read, when no node holds it.
func (a *app) openStore(_ context.Context) (store.Store, error) {
	if !exists(filepath.Join(a.flags.dir, configName)) {
		return nil, failNoAuthority(a.flags.dir)
	}
	db, err := bolt.OpenReadOnly(bolt.Config{Path: filepath.Join(a.flags.dir, "assay.db")})
	if errors.Is(err, bolt.ErrInUse) {
		return nil, errStoreInUse
	}
	if err != nil {
		return nil, fmt.Errorf("open the store to read: %w", err)
	}
	return db, nil
}
