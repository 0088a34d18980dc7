package keypolicy

// publishedKeys are keys whose private half anybody can read: SHA-256 of the
// SubjectPublicKeyInfo, in hex. Keys of authorities and devices that leak later
// are blocked in the store, by a revocation with keyCompromise. Never changed.
var publishedKeys = map[string]string{
	"5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4": "RFC 6979 A.2.5, P-256",
	"2f95601fa82060b909bfc6b979dbd303d34d34e0afb27ea496beac362f242a4b": "RFC 6979 A.2.6, P-384",
	"2fb6d46385242ea4ad431f7175e7014eb74a5fc60f65b50ca54cc23c5b08de38": "RFC 6979 A.2.7, P-521",
	"06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9": "RFC 8032 7.1, Ed25519 test 1",
	"8fb6bad671cfe698393c453357da61b56d757ab8c0f3fb9c87f2849e63131878": "RFC 9500 2.1, RSA-2048",
	"b2b04340cfaee616ec9c2c62d261b208e54bb197498df52e8cadede23ac0ba5e": "RFC 9500 2.3, P-256",
	"389f9ede520dbc33d2aebc489246ad89e221d1ec15f693c348c58b08219367aa": "Go net/http/httptest, RSA-2048",
}
