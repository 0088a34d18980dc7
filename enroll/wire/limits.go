package wire

const (
	// MaxRequestBody is what a server reads of a request body: a CSR of
	// MaxCSR in base64 with line ends fits, and nothing honest is larger.
	MaxRequestBody = 64 << 10
	// MaxResponseBody is what a client reads of an answer, and what
	// DecodeBody decodes at all: MaxCertificates of ordinary size fit.
	MaxResponseBody = 256 << 10
	// MaxCSR is the DER of a certification request: 64 KiB of base64.
	MaxCSR = 48 << 10
	// MaxRDNs and MaxAVAs bound a subject: ours have four RDNs; a multi-valued
	// RDN must not be a way around the first limit.
	MaxRDNs = 16
	MaxAVAs = 32
	// MaxAttributes bounds the attributes of a CSR: RFC 7030 and its
	// companions define fewer than ten.
	MaxAttributes = 16
	// MaxExtensions bounds the extensions asked for: we copy none of them.
	MaxExtensions = 16
	// MaxSANs bounds alternative names: comparison is quadratic.
	MaxSANs = 8
	// MaxCertificates bounds a certs-only message: a root rollover with
	// several issuer generations stays below twenty.
	MaxCertificates = 32
	// MaxCSRAttrs and MaxCSRAttrValues bound a csrattrs answer.
	MaxCSRAttrs      = 32
	MaxCSRAttrValues = 16
	// MaxSaltLength bounds the declared salt of RSASSA-PSS: no RSA modulus
	// that is verified here is longer than 512 octets.
	MaxSaltLength = 512
	// MaxStationEvidence bounds the request field of a station's statement, as
	// text: a header of 16 KiB has room for the rest.
	MaxStationEvidence = 8 << 10
	// MaxNonceRequest bounds the JSON that asks for a nonce: a length, and
	// information about the type of evidence that we do not use.
	MaxNonceRequest = 4 << 10
	// MinNonce and MaxNonce are the lengths that the draft knows.
	MinNonce = 8
	MaxNonce = 64
)
