package lint

import "github.com/assay-pki/assay/ca/profile"

// authorityInformation: where the issuer's certificate and, when wanted, its
// OCSP responder are. Self-signed certificates and OCSP responders have none.
var authorityInformation = rule{"authority information access", "§4.2.2.1", func(in *input) string {
	if in.want.Kind.selfSigned() || in.want.Kind == Responder {
		if in.find(idAuthorityInfo) != nil {
			return "there must be none"
		}
		return ""
	}
	if len(in.IssuingCertificateURL) != 1 || in.IssuingCertificateURL[0] != profile.IssuerURL(in.want.BaseURL, in.want.IssuerName) {
		return "caIssuers is not the issuer's URL"
	}
	if !in.want.OCSP {
		if len(in.OCSPServer) > 0 {
			return "it must not name an OCSP responder"
		}
		return ""
	}
	if len(in.OCSPServer) != 1 || in.OCSPServer[0] != profile.OCSPURL(in.want.BaseURL) {
		return "not the OCSP responder's URL"
	}
	return ""
}}
