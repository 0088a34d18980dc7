package keys

import "os"

const (
	// dirMode and fileMode are what others must not be able to read.
	dirMode  os.FileMode = 0o700
	fileMode os.FileMode = 0o600
	// maxFileBytes bounds a key file; an encrypted RSA-4096 key has 3.5 kB.
	maxFileBytes = 64 << 10
	// maxName bounds a key's name: a purpose, an issuer and a serial number.
	maxName = 80
	// unlockOctets of randomness are more than any search can go through.
	unlockOctets = 32
	// parallelLoads bounds the decryptions under way: each keeps a core busy
	// for a tenth of a second.
	parallelLoads = 4
)
