//go:build !cgo || !pkcs11

package keys

const withPKCS11 = false
