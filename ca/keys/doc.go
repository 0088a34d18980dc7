// Package keys opens, makes and keeps signing keys. No promise of stability is
// made for it.
//
// A Ring is a directory of PKCS#8 files encrypted with a passphrase (PBES2,
// RFC 8018 §6.2: PBKDF2-HMAC-SHA-256 of 600,000 rounds, AES-256-CBC), one key a
// file, or a PKCS#11 token. openssl reads the files:
//
//	openssl pkey -in keys/devices-1.key -passin file:keys/unlock -noout -text
//
// It promises that a key is durable before Create returns, that a file is whole
// or absent whenever the machine stops, that no key is decrypted before it is
// first used, and that neither keys nor passphrases are in any error or log. It
// refuses a directory or file that others can read.
//
// A Signer turns the DER of a to-be-signed structure into a signed one, as
// RFC 5280 §4.1 and §5.1 have it.
//
//	ring, err := keys.Open(ctx, keys.Config{Dir: "assay-data/keys", Passphrase: passphrase})
//	...
//	key, err := ring.Signer(ctx, "devices-1")
//	signer, err := keys.NewSigner(key)
//	der, err := signer.Sign(tbs)
package keys
