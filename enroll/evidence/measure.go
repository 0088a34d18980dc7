package evidence

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

// MeasureFile is the SHA-256 of a file, which may be a block device: it is read
// in pieces, to its end.
func MeasureFile(component, path string) (Measurement, error) {
	f, err := os.Open(path)
	if err != nil {
		return Measurement{}, fmt.Errorf("measure component %q: %w", component, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return Measurement{}, fmt.Errorf("measure component %q: %w", component, err)
	}
	return Measurement{Component: component, Alg: "sha256", Digest: h.Sum(nil)}, nil
}
