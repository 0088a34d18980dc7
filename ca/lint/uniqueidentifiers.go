package lint

// uniqueIdentifiers: CAs must not make them.
var uniqueIdentifiers = rule{"unique identifiers", "§4.1.2.8", func(in *input) string {
	if in.parts.uniqueIDs {
		return "present"
	}
	return ""
}}
