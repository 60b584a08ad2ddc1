package api

import (
	"net/http"
	"sync"

	spec "hapi/api"
	"hapi/internal/hub/answer"
	"hapi/internal/hub/apidocs"
)

// described is the contract, read when it is first asked for.
var described = sync.OnceValues(func() (*apidocs.Docs, error) { return apidocs.New(spec.Spec) })

// openAPI serves GET /api/openapi.json.
func (a *API) openAPI(w http.ResponseWriter, r *http.Request) error {
	d, err := described()
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-cache")
	answer.Write(w, r, http.StatusOK, "application/json", d.JSON)
	return nil
}

// docsPage serves GET /api/docs.
func (a *API) docsPage(w http.ResponseWriter, r *http.Request) error {
	d, err := described()
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Security-Policy", d.Policy)
	answer.Write(w, r, http.StatusOK, "text/html; charset=utf-8", d.Page)
	return nil
}
