package store

// The limits of a store, each with its reason.
const (
	// MaxPage is the greatest limit of any list: a page of full certificate
	// records stays near 1 MB.
	MaxPage = 1000

	// MaxLivePerProfile bounds the good, unclosed certificates of one device
	// and profile: the one in use, and two whose answers may have been lost.
	MaxLivePerProfile = 3

	// ShardSize is how many issuance indices make one shard: the CRL of a
	// shard, full, stays near 400 kB. It is a power of two.
	ShardSize = 1 << shardBits
	// MaxIndex is the last issuance index: 40 bits stand in a serial number.
	MaxIndex = 1<<40 - 1
	// MaxShard is the last shard of an issuer.
	MaxShard = MaxIndex >> shardBits

	// MaxName bounds names that become keys (products, serials, operators,
	// documents, CRL scopes), in octets: keys stay small enough for any engine.
	MaxName = 128
	// MaxText bounds labels, principals, comments and the values of an event's
	// detail, in octets.
	MaxText = 1024
	// MaxDetail bounds the facts of one event: 32 of 1 KiB fit the event limit.
	MaxDetail = 32
	// MaxEventBytes bounds an encoded event.
	MaxEventBytes = 64 << 10
	// MaxEventsPerRecord bounds one call of Record: one commit is shared by all.
	MaxEventsPerRecord = 256
	// MaxCertificateBytes bounds a certificate's DER. Ours are below 2 kB.
	MaxCertificateBytes = 16 << 10
	// MaxDocumentBytes bounds the body of a document.
	MaxDocumentBytes = 1 << 20
	// MaxCheckpointBytes bounds a signed checkpoint.
	MaxCheckpointBytes = 16 << 10
	// MaxListed bounds the products, sites and hosts of one record.
	MaxListed = 1000

	// MaxManifestRows bounds a manifest, whose import is one transaction.
	MaxManifestRows = 1_000_000
	// MaxAttributes bounds the attributes of a device.
	MaxAttributes = 8
	// MaxNonce bounds a redeemed nonce with the serial behind it.
	MaxNonce = 64 + MaxName
	// MaxMeasured bounds the components of one appraisal.
	MaxMeasured = 16
	// MaxDeviceEvents bounds a device's own list of its events.
	MaxDeviceEvents = 128

	shardBits = 13
)
