package api

import (
	"strconv"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// Condition is what a PUT or DELETE may rest on (RFC 9110 §13.1). It is exported
// for huma, as PageQuery is.
type Condition struct {
	IfMatch string `header:"If-Match" maxLength:"256" doc:"ETag that the caller saw, or *"`
	// IfNoneMatch is the other way round.
	IfNoneMatch string `header:"If-None-Match" maxLength:"256" doc:"* : it must not be there yet"`
	DryRun      bool   `query:"dry_run" doc:"answer what would be done and change nothing"`
}

// etag is a revision as an entity tag.
func etag(revision uint32) string {
	return strconv.Quote(strconv.FormatUint(uint64(revision), 10))
}

// check holds the conditions against the present revision, 0 for none, and
// returns what the store is to expect.
func (c Condition) check(present uint32) (expect uint32, err error) {
	badCondition := func(field string) error {
		return &v1.Refusal{Reason: v1.BadQuery, Detail: field + " is not * or an ETag of this API", Next: "repeat the ETag as it came"}
	}
	if c.IfNoneMatch != "" {
		if strings.TrimSpace(c.IfNoneMatch) != "*" {
			return 0, badCondition("If-None-Match")
		}
		if present != 0 {
			return 0, v1.Refuse(v1.Exists, "")
		}
		return 0, nil
	}
	if c.IfMatch == "" {
		return store.AnyRevision, nil
	}
	if strings.TrimSpace(c.IfMatch) == "*" {
		if present == 0 {
			return 0, v1.Refuse(v1.NotFound, "")
		}
		return store.AnyRevision, nil
	}
	for tag := range strings.SplitSeq(c.IfMatch, ",") {
		digits, err := strconv.Unquote(strings.TrimSpace(tag))
		if err != nil {
			return 0, badCondition("If-Match")
		}
		revision, err := strconv.ParseUint(digits, 10, 32)
		if err != nil {
			return 0, badCondition("If-Match")
		}
		if uint32(revision) == present && present != 0 {
			return present, nil
		}
	}
	return 0, &v1.Refusal{Reason: v1.ChangedMeanwhile, Detail: "it is at revision " + strconv.FormatUint(uint64(present), 10) + " now"}
}
