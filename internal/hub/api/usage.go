package api

import (
	"net/http"

	"hapi/internal/hub/usage"
	"hapi/internal/wire"
)

var errUsageOfOwner = &wire.Error{Kind: wire.Forbidden, Text: "Usage summary is only available to the hub owner"}

// usageSummary serves GET /api/usage/summary.
func (a *API) usageSummary(w http.ResponseWriter, r *http.Request) error {
	if err := a.connected(); err != nil {
		return err
	}
	ns := callerOf(r).NS
	if ns != wire.OwnerNamespace {
		return errUsageOfOwner
	}
	params := r.URL.Query()
	query, err := usage.ParseQuery(params.Get("range"), params.Get("timeZone"))
	if err != nil {
		return err
	}
	summary, err := a.usage.Summary(r.Context(), ns, query)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	a.write(w, r, http.StatusOK, summary)
	return nil
}
