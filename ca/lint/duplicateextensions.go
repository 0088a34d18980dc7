package lint

// duplicateExtensions: at most one instance of each.
var duplicateExtensions = rule{"duplicate extensions", "§4.2", func(in *input) string {
	for i := range in.Extensions {
		for j := range i {
			if in.Extensions[i].Id.Equal(in.Extensions[j].Id) {
				return in.Extensions[i].Id.String() + " is there twice"
			}
		}
	}
	return ""
}}
