package api

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/assay-pki/assay/api/rbac"
	v1 "github.com/assay-pki/assay/api/v1"
)

type diagnosisOut struct {
	Body v1.Diagnosis
}

func (a *API) diagnose(ctx context.Context, _ *caller, _ *none) (*diagnosisOut, error) {
	var findings []v1.Finding
	if a.doctor != nil {
		findings = slices.Clone(a.doctor(ctx))
	}
	eyes, err := a.fourEyes(ctx)
	if err != nil {
		return nil, err
	}
	findings = append(findings, eyes)
	worst := []string{v1.SeverityError, v1.SeverityWarning, v1.SeverityNote, v1.SeverityOK}
	slices.SortStableFunc(findings, func(x, y v1.Finding) int {
		return slices.Index(worst, x.Severity) - slices.Index(worst, y.Severity)
	})
	return &diagnosisOut{Body: v1.Diagnosis{Findings: findings, CheckedAt: utc(a.now())}}, nil
}

// fourEyes says that approvals are off, and why.
func (a *API) fourEyes(ctx context.Context) (v1.Finding, error) {
	policy, err := a.policy(ctx)
	if err != nil {
		return v1.Finding{}, err
	}
	f := v1.Finding{Code: "four-eyes", Severity: v1.SeverityOK, What: "the policy asks for four eyes nowhere"}
	if len(policy.Spec.FourEyes) == 0 {
		return f, nil
	}
	classes := strings.Join(policy.Spec.FourEyes, ", ")
	admins, err := a.operatorsWith(ctx, rbac.OperatorAdd)
	if err != nil {
		return v1.Finding{}, err
	}
	if admins < 2 {
		f.Severity = v1.SeverityNote
		f.What = "four eyes is off: there is one operator with role admin, who acts alone (policy: " + classes + ")"
		f.Next = "add a second one: assay operator add NAME --role admin --out DIR"
		return f, nil
	}
	f.Severity = v1.SeverityWarning
	f.What = fmt.Sprintf("four eyes is not available in this version: each of %d admins acts alone (policy: %s)", admins, classes)
	f.Next = "read what was done: assay audit log"
	return f, nil
}

// operatorsWith counts the operators that have a right.
func (a *API) operatorsWith(ctx context.Context, action rbac.Action) (int, error) {
	n := 0
	for after := ""; ; {
		page, err := a.store.Operators(ctx, after, maxLimit)
		if err != nil {
			return 0, err
		}
		for _, o := range page {
			after = o.Name
			if !o.Removed && rbac.Of(rbac.Role(o.Role), action) != rbac.None {
				n++
			}
		}
		if len(page) < maxLimit {
			return n, nil
		}
	}
}
