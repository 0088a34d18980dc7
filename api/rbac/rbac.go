// Package rbac is the table of roles and rights: who may do what, to which
// product, at which site. It is data and one pure function.
//
// It promises to deny by default: an unknown role or action, and a factory
// grant that names no site, allow nothing. It knows no HTTP, no store and no
// approvals: rights that want a second person are marked, and the caller asks
// for it. docs/ROLES.md is the same table for people; a test compares them.
//
// No promise of stability: the package is for this module.
package rbac

import "slices"

// Role is what an operator is.
type Role string

// The roles.
const (
	Admin    Role = "admin"
	Security Role = "security"
	Factory  Role = "factory"
	Auditor  Role = "auditor"
)

// Roles returns every role, in the order of the table's columns.
func Roles() []Role { return []Role{Admin, Security, Factory, Auditor} }

// Valid tells whether the role is in the table.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// Everything, as the only entry of a list of sites or products, is all of them.
const Everything = "*"

// Grant is an operator's right. Empty Products and Sites are all of them; but a
// factory grant must name its sites.
type Grant struct {
	Role     Role
	Products []string
	Sites    []string
}

// Decision is the answer of Allow.
type Decision uint8

const (
	// RoleDenied: no grant of this role allows the action: 403 role-denied.
	RoleDenied Decision = iota
	// ScopeDenied: the act would make something outside the grant's products
	// and sites: 403 scope-denied.
	ScopeDenied
	// Invisible: the object is outside the grant's products and sites, and its
	// existence is none of the caller's business: 404 not-found.
	Invisible
	// Allowed.
	Allowed
)

// Right is a cell of the table.
type Right uint8

const (
	// None: 403 role-denied.
	None Right = iota
	// InScope: only inside the grant's products and sites.
	InScope
	// Full: everywhere that the grant reaches.
	Full
	// FourEyes is Full, and wants a second person if the policy lists the class.
	FourEyes
)

// Of is the role's right to an action, whatever the object.
func Of(role Role, action Action) Right {
	row, ok := table[action]
	if !ok {
		return None
	}
	switch role {
	case Admin:
		return row.admin
	case Security:
		return row.security
	case Factory:
		return row.factory
	case Auditor:
		return row.auditor
	}
	return None
}

// Allow decides about one object. product and site say where it is; the empty
// product is an act that concerns none, the empty site one that happened at no
// known site. A grant bound to sites reaches a device of no known site only
// with Everything.
func Allow(g Grant, action Action, product, site string) Decision {
	right := Of(g.Role, action)
	if right == None {
		return RoleDenied
	}
	row := table[action]
	if inProducts(g, row.scope, product) && inSites(g, row.scope, site) {
		return Allowed
	}
	if row.makes {
		return ScopeDenied
	}
	return Invisible
}

// Unbound tells whether the grant reaches all products and sites, so that lists
// need no filter.
func (g Grant) Unbound() bool {
	return !bound(g.Products) && !bound(g.Sites) && (g.Role != Factory || len(g.Sites) > 0)
}

func inProducts(g Grant, scope Scope, product string) bool {
	if scope == Anywhere || product == "" && scope == OfProduct {
		return true
	}
	return !bound(g.Products) || slices.Contains(g.Products, product)
}

func inSites(g Grant, scope Scope, site string) bool {
	if scope != OfSite {
		return true
	}
	if len(g.Sites) == 0 {
		return g.Role != Factory
	}
	return !bound(g.Sites) || site != "" && slices.Contains(g.Sites, site)
}

func bound(list []string) bool {
	return len(list) > 0 && !slices.Contains(list, Everything)
}

// Covers tells whether everything that another grant reaches is reached by this
// one too, whatever the roles: what is out of an admin's own reach is not the
// admin's to give.
func (g Grant) Covers(other Grant) bool {
	return covers(g.Products, other.Products) && covers(g.Sites, other.Sites)
}

func covers(mine, theirs []string) bool {
	if !bound(mine) {
		return true
	}
	return bound(theirs) && !slices.ContainsFunc(theirs, func(s string) bool { return !slices.Contains(mine, s) })
}
