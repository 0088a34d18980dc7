package profile

// Policy is the authority's one Policy document, defaults filled in.
type Policy struct {
	Revision uint32
	Spec     PolicySpec
}

// PolicySpec is the spec of the Policy document.
type PolicySpec struct {
	Guard GuardSpec `json:"guard"`
	// FirmwareApproval: one | two.
	FirmwareApproval string `json:"firmware_approval"`
	// FourEyes lists the classes of acts that want a second person: ca,
	// operators, guard, clock, policy.
	FourEyes  []string      `json:"four_eyes"`
	Retention RetentionSpec `json:"retention"`
}

// GuardSpec bounds how much one act may revoke without approval; above either
// is above the guard.
type GuardSpec struct {
	Share   Share `json:"share"`
	Devices int   `json:"devices"`
}

// RetentionSpec says how long records are kept.
type RetentionSpec struct {
	Events   Duration `json:"events"`
	Refusals Duration `json:"refusals"`
}

func fourEyesClasses() []string { return []string{"ca", "operators", "guard", "clock", "policy"} }

// ParsePolicy reads the spec of the Policy document, as JSON, and fills in the
// defaults. Faults come back at once as a *FaultsError.
func ParsePolicy(specJSON []byte) (*Policy, error) {
	var f faults
	p := &Policy{Spec: PolicySpec{
		Guard:            GuardSpec{Share: 5_00, Devices: 1000},
		FirmwareApproval: "one",
		FourEyes:         fourEyesClasses(),
		Retention:        RetentionSpec{Events: Duration(10 * Year), Refusals: Duration(90 * Day)},
	}}
	decode(specJSON, &p.Spec, &f)
	if p.Spec.Guard.Devices < 0 {
		f.add("guard.devices", "a number that is not negative")
	}
	oneOf(&f, "firmware_approval", p.Spec.FirmwareApproval, "one", "two")
	checkList(&f, "four_eyes", p.Spec.FourEyes, fourEyesClasses(), true)
	inRange(&f, "retention.events", p.Spec.Retention.Events, Duration(Day), Duration(maxRetention))
	inRange(&f, "retention.refusals", p.Spec.Retention.Refusals, Duration(Day), Duration(maxRetention))
	if err := f.err(); err != nil {
		return nil, err
	}
	return p, nil
}

// CanonicalJSON prints the spec as Product.CanonicalJSON does.
func (p *Policy) CanonicalJSON() ([]byte, error) { return canonical(p.Spec) }
