package lint

// knownExtensions: only those that we make, critical where they must be and
// nowhere else. So nothing slips in from a request.
var knownExtensions = rule{"known extensions", "§4.2", func(in *input) string {
next:
	for i := range in.Extensions {
		e := &in.Extensions[i]
		for j := range knownIDs {
			if !e.Id.Equal(knownIDs[j].id) {
				continue
			}
			if e.Critical != knownIDs[j].critical {
				return e.Id.String() + " has the wrong criticality"
			}
			continue next
		}
		return e.Id.String() + " is not an extension of ours"
	}
	return ""
}}
