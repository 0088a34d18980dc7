package lint

// basicConstraints: cA for CAs, with a path length of 0 below the root; absent
// in end entities.
var basicConstraints = rule{"basic constraints", "§4.2.1.9", func(in *input) string {
	there := in.find(idBasicConstraints) != nil
	switch {
	case !in.want.Kind.isCA() && there:
		return "an end entity has them"
	case !in.want.Kind.isCA():
		return ""
	case !there || !in.BasicConstraintsValid || !in.IsCA:
		return "a CA certificate without cA"
	case in.want.Kind == Root && (in.MaxPathLen > 0 || in.MaxPathLenZero):
		return "the root has a path length"
	case in.want.Kind != Root && (in.MaxPathLen != 0 || !in.MaxPathLenZero):
		return "the path length is not 0"
	}
	return ""
}}
