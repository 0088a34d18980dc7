package agent

const (
	// maxFile bounds every file that is read back: chains of 32 certificates
	// stay far below.
	maxFile = 512 << 10
	// keepGenerations are kept besides the current one: the pair before,
	// for who has it still open.
	keepGenerations = 1
)
