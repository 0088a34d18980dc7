package lint

// validityNesting: no certificate is valid when its issuer is not; path
// validation would refuse it then.
var validityNesting = rule{"validity nesting", "§6.1.3 (a)(2)", func(in *input) string {
	if in.want.Kind.selfSigned() {
		return ""
	}
	if in.NotBefore.Before(in.want.Issuer.NotBefore) || in.NotAfter.After(in.want.Issuer.NotAfter) {
		return "the validity is not within the issuer's"
	}
	return ""
}}
