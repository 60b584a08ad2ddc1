package api

import (
	"net/http"

	"hapi/internal/wire"
)

// capabilities tell clients what this hub can do; a missing key means no.
var capabilities = map[string]bool{
	wire.CapabilityAcknowledgedMessages: true,
	wire.CapabilityWatchers:             true,
	"titleSuggestion":                   false,
	"workGraph":                         false,
}

// health serves GET /health.
func (a *API) health(w http.ResponseWriter, r *http.Request) error {
	a.write(w, r, http.StatusOK, wire.HubHealth{
		Status:          "ok",
		ProtocolVersion: wire.ProtocolVersion,
		Capabilities:    capabilities,
		Ready:           a.ready(),
	})
	return nil
}
