package keys

import "errors"

var (
	// ErrExists: a key of that name is there.
	ErrExists = errors.New("key exists already")
	// ErrNotFound: there is no key of that name.
	ErrNotFound = errors.New("key not found")
	// ErrPassphrase: the passphrase is missing or does not open the key.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrMode: others can read what holds keys.
	ErrMode = errors.New("too widely readable")
	// ErrUnavailable: the key store that a URI names is not in this build, or
	// does not answer.
	ErrUnavailable = errors.New("key store not available")
	// ErrDamaged: a key file does not decode.
	ErrDamaged = errors.New("key file is damaged")
)
