package lint

import (
	"bytes"

	"github.com/assay-pki/assay/ca/profile"
)

// distributionPoint: the URL of the CRL that will name the certificate. For an
// end entity that is the shard of its serial number's index, for an issuer the
// root's ARL. Byte for byte: the CRL's issuingDistributionPoint is compared with
// it (§6.3.3 (b)(2)).
var distributionPoint = rule{"CRL distribution point", "§4.2.1.13", func(in *input) string {
	e := in.find(idCRLPoints)
	switch {
	case !in.want.CRL && e != nil:
		return "there must be none"
	case !in.want.CRL:
		return ""
	}
	want := profile.CompleteURL(in.want.BaseURL, profile.RootName)
	if in.want.Kind != Issuer {
		index, _ := profile.IndexOf(in.parts.serial)
		want = profile.ShardURL(in.want.BaseURL, in.want.IssuerName, profile.Shard(index))
	}
	if e == nil || !bytes.Equal(e.Value, profile.CRLDistributionPoints(want)) {
		return "not " + want
	}
	return ""
}}
