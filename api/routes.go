package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"github.com/assay-pki/assay/api/rbac"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

var problemType = reflect.TypeFor[v1.Problem]()

// describePath is where the description is.
const describePath = "/v1/openapi.json"

// routes puts every operation on the mux.
func (a *API) routes(mux *chi.Mux) error {
	h := huma.NewAPI(a.humaConfig(), adapter{mux: mux, guard: a.guard})
	a.sessionRoutes(h)
	a.documentRoutes(h)
	a.firmwareRoutes(h)
	a.factoryRoutes(h)
	a.deviceRoutes(h)
	a.incidentRoutes(h)
	a.authorityRoutes(h)
	a.auditRoutes(h)
	description, err := describe(h)
	a.openapi = description
	return err
}

func (a *API) humaConfig() huma.Config {
	c := huma.DefaultConfig("assay admin API", a.version.Version)
	if a.version.Version == "" {
		c.Info.Version = "0"
	}
	c.Info.Description = "Private PKI and device provisioning. Problems are RFC 9457 documents; codes are in docs/REASONS.md, rights in docs/ROLES.md."
	// Pages and schemas of huma's own are not served: one origin, one action a
	// route.
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil
	c.Formats = map[string]huma.Format{"application/json": strictJSON(), "json": strictJSON()}
	c.DefaultFormat = "application/json"
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{a.transform}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"mtls": {Type: "mutualTLS", Description: "an operator's client certificate"},
	}
	return c
}

type rawOut struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (a *API) sessionRoutes(h huma.API) {
	handle(a, h, spec{method: http.MethodGet, path: "/v1/whoami", id: "whoami", action: rbac.Whoami, summary: "How the server knows the caller"}, a.whoami)
	handle(a, h, spec{method: http.MethodGet, path: "/v1/version", id: "version", action: rbac.Whoami, summary: "What runs"}, a.getVersion)
	handle(a, h, spec{method: http.MethodGet, path: describePath, id: "openapi", action: rbac.Whoami, summary: "This description"},
		func(context.Context, *caller, *none) (*rawOut, error) {
			return &rawOut{ContentType: "application/json", Body: a.openapi}, nil
		})
	handle(a, h, spec{method: http.MethodGet, path: "/v1/doctor", id: "doctor", action: rbac.DoctorRead, summary: "How the node is"}, a.diagnose)
}

func (a *API) documentRoutes(h huma.API) {
	handle(a, h, spec{method: http.MethodGet, path: "/v1/products", id: "list-products", action: rbac.ProductRead, summary: "List products"}, a.listProducts)
	handle(a, h, spec{method: http.MethodGet, path: "/v1/products/{name}", id: "get-product", action: rbac.ProductRead, summary: "Read a product"}, a.getProduct)
	handle(a, h, spec{method: http.MethodPut, path: "/v1/products/{name}", id: "put-product", action: rbac.ProductWrite, summary: "Declare a product"}, a.putProduct)
	handle(a, h, spec{method: http.MethodGet, path: "/v1/policy/{name}", id: "get-policy", action: rbac.PolicyRead, summary: "Read the policy"}, a.getPolicy)
	handle(a, h, spec{method: http.MethodPut, path: "/v1/policy/{name}", id: "put-policy", action: rbac.PolicyWrite, summary: "Declare the policy"}, a.putPolicy)
	handle(a, h, spec{method: http.MethodGet, path: "/v1/operators", id: "list-operators", action: rbac.OperatorRead, summary: "List operators"}, a.listOperators)
	handle(a, h, spec{method: http.MethodGet, path: "/v1/operators/{name}", id: "get-operator", action: rbac.OperatorRead, summary: "Read an operator"}, a.getOperator)
	handle(a, h, spec{method: http.MethodPut, path: "/v1/operators/{name}", id: "put-operator", action: rbac.OperatorAdd, summary: "Declare an operator"}, a.putOperator)
	handle(a, h, spec{method: http.MethodDelete, path: "/v1/operators/{name}", id: "remove-operator", action: rbac.OperatorRemove, summary: "Remove an operator", status: http.StatusOK}, a.removeOperator)
	handle(a, h, spec{method: http.MethodPost, path: "/v1/operators/{name}/certificate", id: "certify-operator", action: rbac.OperatorAdd, summary: "Issue an operator's certificate", status: http.StatusCreated}, a.certifyOperator)
	handle(a, h, spec{method: http.MethodPost, path: "/v1/tokens", id: "create-token", action: rbac.TokenCreate, summary: "Create an enrolment token", status: http.StatusCreated}, a.createToken)
	handle(a, h, spec{method: http.MethodGet, path: "/v1/tokens", id: "list-tokens", action: rbac.TokenRead, summary: "List enrolment tokens"}, a.listTokens)
	handle(a, h, spec{method: http.MethodDelete, path: "/v1/tokens/{id}", id: "void-token", action: rbac.TokenVoid, summary: "End an enrolment token", status: http.StatusOK}, a.voidToken)
}

func (a *API) firmwareRoutes(h huma.API) {
	const one = "/v1/firmware/{product}/{version}"
	handle(a, h, spec{method: http.MethodGet, path: "/v1/firmware", id: "list-firmware", action: rbac.FirmwareRead, summary: "List firmware releases"}, a.listFirmware)
	handle(a, h, spec{method: http.MethodGet, path: one, id: "get-firmware", action: rbac.FirmwareRead, summary: "Read a firmware release"}, a.getFirmware)
	handle(a, h, spec{method: http.MethodPut, path: one, id: "put-firmware", action: rbac.FirmwareAdd, summary: "Declare a firmware release"}, a.putFirmware)
	handle(a, h, spec{method: http.MethodPost, path: one + "/approve", id: "approve-firmware", action: rbac.FirmwareApprove, summary: "Approve a firmware release", status: http.StatusOK}, a.onFirmware(approve))
	handle(a, h, spec{method: http.MethodPost, path: one + "/deprecate", id: "deprecate-firmware", action: rbac.FirmwareDeprecate, summary: "Deprecate a firmware release", status: http.StatusOK}, a.onFirmware(deprecate))
	handle(a, h, spec{method: http.MethodPost, path: one + "/recall", id: "recall-firmware", action: rbac.FirmwareRecall, summary: "Recall a firmware release; a dry run counts who runs it", status: http.StatusOK}, a.onFirmware(recall))
	handle(a, h, spec{method: http.MethodPost, path: one + "/undo-recall", id: "undo-recall", action: rbac.FirmwareRecall, summary: "Undo a recall", status: http.StatusOK}, a.onFirmware(undoRecall))
}

func (a *API) factoryRoutes(h huma.API) {
	const batch, station = "/v1/batches/{name}", "/v1/stations/{name}"
	handle(a, h, spec{method: http.MethodGet, path: "/v1/batches", id: "list-batches", action: rbac.BatchRead, summary: "List production orders"}, a.listBatches)
	handle(a, h, spec{method: http.MethodGet, path: batch, id: "get-batch", action: rbac.BatchRead, summary: "Read a production order; a closed one with its certificate"}, a.getBatch)
	handle(a, h, spec{method: http.MethodPut, path: batch, id: "put-batch", action: rbac.BatchCreate, summary: "Declare a production order, with its manifest", timeout: manifestTimeout, maxBody: maxManifestBody}, a.putBatch)
	handle(a, h, spec{method: http.MethodPost, path: batch + "/pause", id: "pause-batch", action: rbac.BatchPause, summary: "Pause a production order", status: http.StatusOK}, a.onBatch(store.BatchHasPaused))
	handle(a, h, spec{method: http.MethodPost, path: batch + "/resume", id: "resume-batch", action: rbac.BatchResume, summary: "Let a paused production order go on", status: http.StatusOK}, a.onBatch(store.BatchOpen))
	handle(a, h, spec{method: http.MethodPost, path: batch + "/close", id: "close-batch", action: rbac.BatchClose, summary: "Close a production order; answers its certificate", status: http.StatusOK}, a.onBatch(store.BatchHasClosed))
	handle(a, h, spec{method: http.MethodPost, path: batch + "/nonce", id: "batch-nonce", action: rbac.BatchNonce, summary: "Give the nonce of a production order", status: http.StatusOK}, a.batchNonce)
	handle(a, h, spec{method: http.MethodGet, path: "/v1/stations", id: "list-stations", action: rbac.StationRead, summary: "List factory stations"}, a.listStations)
	handle(a, h, spec{method: http.MethodGet, path: station, id: "get-station", action: rbac.StationRead, summary: "Read a factory station"}, a.getStation)
	handle(a, h, spec{method: http.MethodPut, path: station, id: "put-station", action: rbac.StationCreate, summary: "Declare a factory station"}, a.putStation)
	handle(a, h, spec{method: http.MethodPost, path: station + "/certificate", id: "certify-station", action: rbac.StationCreate, summary: "Issue a factory station's certificate", status: http.StatusCreated}, a.certifyStation)
	handle(a, h, spec{method: http.MethodPost, path: station + "/revoke", id: "revoke-station", action: rbac.StationRevoke, summary: "Revoke a factory station", status: http.StatusOK}, a.revokeStation)
}

func (a *API) incidentRoutes(h huma.API) {
	const one = "/v1/incidents/{id}"
	handle(a, h, spec{method: http.MethodGet, path: "/v1/incidents", id: "list-incidents", action: rbac.IncidentRead, summary: "List incidents, the newest first"}, a.listIncidents)
	handle(a, h, spec{method: http.MethodGet, path: one, id: "get-incident", action: rbac.IncidentRead, summary: "Read an incident"}, a.getIncident)
	handle(a, h, spec{method: http.MethodPost, path: one + "/close", id: "close-incident", action: rbac.IncidentClose, summary: "Close an incident", status: http.StatusOK}, a.closeIncident)
}

func (a *API) deviceRoutes(h huma.API) {
	const one = "/v1/devices/{product}/{serial}"
	handle(a, h, spec{method: http.MethodGet, path: "/v1/devices", id: "list-devices", action: rbac.DeviceRead, summary: "List devices"}, a.listDevices)
	handle(a, h, spec{method: http.MethodGet, path: one, id: "get-device", action: rbac.DeviceRead, summary: "Read a device with its certificates"}, a.getDevice)
	handle(a, h, spec{method: http.MethodPost, path: one + "/hold", id: "hold-device", action: rbac.DeviceHold, summary: "Suspend a device", status: http.StatusOK}, a.onDevice(a.revoker.Hold))
	handle(a, h, spec{method: http.MethodPost, path: one + "/release", id: "release-device", action: rbac.DeviceRelease, summary: "Undo a hold", status: http.StatusOK}, a.onDevice(a.revoker.Release))
	handle(a, h, spec{method: http.MethodPost, path: one + "/decommission", id: "decommission-device", action: rbac.DeviceDecommission, summary: "End a device", status: http.StatusOK}, a.onDevice(a.revoker.Decommission))
	handle(a, h, spec{method: http.MethodGet, path: one + "/timeline", id: "device-timeline", action: rbac.DeviceRead, summary: "Read what happened to a device"}, a.timeline)
	handle(a, h, spec{method: http.MethodPost, path: one + "/rework", id: "rework-device", action: rbac.DeviceRework, summary: "Let a station give a device a new key", status: http.StatusOK}, a.onUnit(store.Store.Rework))
	handle(a, h, spec{method: http.MethodPost, path: one + "/scrap", id: "scrap-device", action: rbac.DeviceScrap, summary: "End a device that never left the factory", status: http.StatusOK}, a.onUnit(store.Store.Scrap))
	handle(a, h, spec{method: http.MethodPost, path: "/v1/revocations", id: "revoke", action: rbac.Revoke, summary: "Revoke a device or a certificate", status: http.StatusOK}, a.revoke)
	handle(a, h, spec{method: http.MethodGet, path: "/v1/certificates", id: "list-certificates", action: rbac.CertRead, summary: "List certificates"}, a.listCertificates)
	handle(a, h, spec{method: http.MethodGet, path: "/v1/certificates/{serial}", id: "get-certificate", action: rbac.CertRead, summary: "Read a certificate"}, a.getCertificate)
}

func (a *API) authorityRoutes(h huma.API) {
	handle(a, h, spec{method: http.MethodGet, path: "/v1/authority", id: "authority", action: rbac.CARead, summary: "Facts of the installation"}, a.getAuthority)
	handle(a, h, spec{method: http.MethodGet, path: "/v1/issuers", id: "list-issuers", action: rbac.CARead, summary: "List CA certificates"}, a.listIssuers)
	handle(a, h, spec{method: http.MethodGet, path: "/v1/issuers/{name}", id: "get-issuer", action: rbac.CARead, summary: "Read a CA certificate with its anchor"}, a.getIssuer)
	handle(a, h, spec{method: http.MethodGet, path: "/v1/crls", id: "list-crls", action: rbac.CRLRead, summary: "List what is published"}, a.listCRLs)
	handle(a, h, spec{method: http.MethodPost, path: "/v1/crls/publish", id: "publish-crls", action: rbac.CRLPublish, summary: "Sign and publish every list now", status: http.StatusOK, timeout: publishTimeout}, a.publishCRLs)
}

func (a *API) auditRoutes(h huma.API) {
	handle(a, h, spec{method: http.MethodGet, path: "/v1/audit/events", id: "list-events", action: rbac.AuditRead, summary: "Read the audit log"}, a.listEvents)
	handle(a, h, spec{method: http.MethodGet, path: "/v1/audit/leaves", id: "list-leaves", action: rbac.AuditExport, summary: "Read the audit log as it is hashed"}, a.listLeaves)
	handle(a, h, spec{method: http.MethodGet, path: "/v1/audit/checkpoint", id: "checkpoint", action: rbac.AuditRead, summary: "The audit log's signed head"}, a.getCheckpoint)
}
