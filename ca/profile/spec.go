package profile

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Product is a device type: a Product document that parsed, defaults filled in.
type Product struct {
	// Name is the EST label.
	Name     string
	Revision uint32
	Spec     ProductSpec
}

// ProductSpec is the spec of a Product document. A missing field has its
// default.
type ProductSpec struct {
	Description   string          `json:"description"`
	SerialPattern string          `json:"serial_pattern"`
	Roles         []string        `json:"roles"`
	Keys          KeysSpec        `json:"keys"`
	CSR           CSRSpec         `json:"csr"`
	Birth         *BirthSpec      `json:"birth,omitempty"`
	Operational   OperationalSpec `json:"operational"`
	Vendor        []VendorSpec    `json:"vendor"`
	Firmware      FirmwareSpec    `json:"firmware"`
	Anchors       []AnchorSpec    `json:"anchors"`
}

// KeysSpec says which keys devices may bring.
type KeysSpec struct {
	Allow []KeyType `json:"allow"`
	// OnRenewal: any | new.
	OnRenewal string `json:"on_renewal"`
}

// CSRSpec says what is asked of requests.
type CSRSpec struct {
	// Attributes: publish | enforce.
	Attributes string `json:"attributes"`
	// Linking: none | required.
	Linking string `json:"linking"`
}

// SubjectSpec holds templates of {serial}, {product} and {authority}; an empty
// one leaves the attribute out.
type SubjectSpec struct {
	CommonName   string `json:"common_name"`
	SerialNumber string `json:"serial_number"`
	Organization string `json:"organization"`
}

// BirthSpec is the birth profile (IEEE 802.1AR IDevID).
type BirthSpec struct {
	Admit   []Admit     `json:"admit"`
	Subject SubjectSpec `json:"subject"`
}

// SANSpec holds templates of {product}, {serial}, {site} and {batch}.
type SANSpec struct {
	DNS []string `json:"dns"`
	URI []string `json:"uri"`
}

// RenewalSpec says how a certificate is renewed.
type RenewalSpec struct {
	// Window is the advice sent to devices, as shares of the lifetime.
	Window [2]Share `json:"window"`
	// Subject: lineage | presented | ignore.
	Subject string `json:"subject"`
	// Grace admits the newest certificate after its notAfter.
	Grace Duration `json:"grace"`
	// RevokeOld puts superseded certificates on CRL and OCSP too.
	RevokeOld bool `json:"revoke_old"`
}

// OperationalSpec is the operational profile (LDevID).
type OperationalSpec struct {
	Admit        []Admit     `json:"admit"`
	Validity     Duration    `json:"validity"`
	Subject      SubjectSpec `json:"subject"`
	SAN          SANSpec     `json:"san"`
	Status       []string    `json:"status"`
	ServerKeygen bool        `json:"serverkeygen"`
	Renewal      RenewalSpec `json:"renewal"`
	LineRekeys   int         `json:"line_rekeys"`
}

// VendorSpec admits the certificates of a chip maker.
type VendorSpec struct {
	Anchor   string `json:"anchor"`
	Identity string `json:"identity"`
}

// FirmwareSpec is the evidence policy.
type FirmwareSpec struct {
	// Formats of evidence, any of which will do; empty: none is wanted.
	Formats []string `json:"formats"`
	// Tier is the least at the first certificate, RenewalTier afterwards.
	Tier        string `json:"tier"`
	RenewalTier string `json:"renewal_tier"`
	// Freshness: nonce | batch | none. A renewal always wants a nonce.
	Freshness string `json:"freshness"`
	// Components must each be measured; others are ignored.
	Components []string `json:"components"`
	// Debug: refuse | allow.
	Debug string `json:"debug"`
	// MinSVN is the least security version of a component.
	MinSVN map[string]uint64 `json:"min_svn"`
	// Unknown: deny.
	Unknown      string    `json:"unknown"`
	PCRs         []PCRSpec `json:"pcrs"`
	KeepEvidence Duration  `json:"keep_evidence"`
}

// PCRSpec says what a TPM's register is made of.
type PCRSpec struct {
	PCR    int      `json:"pcr"`
	Bank   string   `json:"bank"`
	Extend []string `json:"extend"`
}

// AnchorSpec is a trust anchor of evidence or vendors.
type AnchorSpec struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	File string `json:"file"`
	PEM  string `json:"pem"`
}

// DefaultSerialPattern is what a serial number looks like when the product
// does not say.
const DefaultSerialPattern = `^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$`

func (b *BirthSpec) setDefaults() {
	b.Admit = []Admit{AdmitStation}
	b.Subject = SubjectSpec{SerialNumber: "{serial}", Organization: "{authority}"}
}

func defaultProduct() ProductSpec {
	return ProductSpec{
		SerialPattern: DefaultSerialPattern,
		Roles:         []string{},
		Keys:          KeysSpec{Allow: []KeyType{ECP256, ECP384}, OnRenewal: "any"},
		CSR:           CSRSpec{Attributes: "publish", Linking: "none"},
		Operational: OperationalSpec{
			Admit:      []Admit{AdmitStation, AdmitToken, AdmitBirth},
			Validity:   Duration(90 * Day),
			Subject:    SubjectSpec{CommonName: "{serial}", SerialNumber: "{serial}", Organization: "{authority}"},
			SAN:        SANSpec{DNS: []string{}, URI: []string{}},
			Status:     []string{"crl", "ocsp"},
			Renewal:    RenewalSpec{Window: [2]Share{50_00, 75_00}, Subject: "lineage"},
			LineRekeys: 2,
		},
		Vendor: []VendorSpec{},
		Firmware: FirmwareSpec{
			Formats: []string{}, Tier: "T0", RenewalTier: "T0", Freshness: "nonce",
			Components: []string{"firmware"}, Debug: "refuse", MinSVN: map[string]uint64{}, Unknown: "deny",
			PCRs: []PCRSpec{}, KeepEvidence: Duration(30 * Day),
		},
		Anchors: []AnchorSpec{},
	}
}

// ParseProduct reads the spec of a Product document, as JSON, and fills in the
// defaults. Whatever is wrong with it, the name included, comes back at once as
// a *FaultsError.
func ParseProduct(name string, specJSON []byte) (*Product, error) {
	var f faults
	if why := productNameFault(name); why != "" {
		f.add("name", "%s", why)
	}
	p := &Product{Name: name, Spec: defaultProduct()}
	decode(specJSON, &p.Spec, &f)
	p.Spec.check(&f)
	if err := f.err(); err != nil {
		return nil, err
	}
	return p, nil
}

// CanonicalJSON prints the spec with every field, in the order of the type, so
// that equal documents have equal bytes. ParseProduct reads it back.
func (p *Product) CanonicalJSON() ([]byte, error) { return canonical(p.Spec) }

func canonical(spec any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(spec); err != nil {
		return nil, fmt.Errorf("print a document: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
