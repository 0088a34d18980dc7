package enroll

import v1 "github.com/assay-pki/assay/api/v1"

// Tell is tell, for tests: today no refusal for principals alone is met by a
// stranger.
func Tell(r *v1.Refusal, authenticated bool) error { return tell(r, authenticated) }
