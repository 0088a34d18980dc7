package lint

// validityOrder: a certificate is valid for some time.
var validityOrder = rule{"validity order", "§4.1.2.5", func(in *input) string {
	if !in.NotBefore.Before(in.NotAfter) {
		return "notBefore is not before notAfter"
	}
	return ""
}}
