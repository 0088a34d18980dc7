package lint

// version: extensions want v3.
var version = rule{"version", "§4.1.2.1", func(in *input) string {
	if in.Version != 3 {
		return "not v3"
	}
	return ""
}}
