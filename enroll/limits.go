package enroll

import "time"

const (
	// repeatWindow is how long the same request gets the same certificate
	// (design §2.4): a device that lost the answer tries again within a day.
	repeatWindow = 24 * time.Hour

	// maxLineage bounds how many certificates of one device are read for one
	// request: ten years of 60-day certificates. Older ones have expired.
	maxLineage = 64

	// maxPassword bounds what is hashed as a token: ours have 49 characters.
	maxPassword = 128

	// failedBurst and failedEvery bound bad tokens per source: a person who
	// mistypes does not notice, a guesser gets an answer that says nothing.
	failedBurst = 10
	failedEvery = 2 * time.Second

	// maxSources bounds the table of sources with bad tokens, in each of its
	// two halves. A flood from more sources than that makes it forget, which
	// costs nothing: tokens have 256 bits.
	maxSources = 8192

	// maxVerified bounds the cache of verified client certificates, in each of
	// its two halves: about 100 octets an entry.
	maxVerified = 16384

	// refusalEvery is how often one principal's refusals of one reason become an
	// event of their own; those between are counted (store.md §5).
	refusalEvery = time.Second

	// maxAbout bounds the incidents of one principal and reason in a period that
	// are recorded at once because each is about another device: a thief of a
	// station is seen long before.
	maxAbout = 64

	// flushEvery is how often what was counted becomes an event.
	flushEvery = time.Minute

	// maxCounted bounds the counters of one period: (reason, network) and
	// principals. What is beyond goes to the counter "other".
	maxCounted = 4096

	// maxNamed bounds the products that a refusal names: they fit into its text.
	maxNamed = 16

	// anonymousBurst and anonymousEvery bound nonces for nobody in particular
	// per source: a line of devices behind one address is far below.
	anonymousBurst = 512
	anonymousEvery = 10 * time.Millisecond

	// maxDetail is the size of one detail of an event (store.Event).
	maxDetail = 1024

	// Advice when to try again.
	retryHeld  = time.Hour        // an operator must act
	retryClock = time.Minute      // a clock is set by hand or by NTP
	retryStore = 10 * time.Second // a store or a key comes back, or a person does
	retryRace  = time.Second      // two acts met
)
