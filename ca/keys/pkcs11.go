//go:build cgo && pkcs11

package keys

import (
	_ "go.step.sm/crypto/kms/pkcs11" // registers the PKCS#11 key store
)

const withPKCS11 = true
