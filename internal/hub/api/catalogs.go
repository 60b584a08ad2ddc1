package api

import (
	"errors"
	"net/http"

	"hapi/internal/hub/answer"
	"hapi/internal/wire"
)

// Catalogs of models that a machine's agents offer, by route.
var machineCatalogs = map[string]string{
	"codex-models":  wire.MethodListCodexModels,
	"cursor-models": wire.MethodListCursorModels,
	"agy-models":    wire.MethodListAgyModels,
	"pi-models":     wire.MethodMachinePiModels,
}

// Those that depend on the directory an agent would run in.
var directoryCatalogs = map[string]string{
	"opencode-models": wire.MethodMachineOpencodeModels,
	"grok-models":     wire.MethodMachineGrokModels,
	"copilot-models":  wire.MethodMachineCopilotModels,
}

// machineModels serves GET /api/machines/{id}/…-models.
func (a *API) machineModels(method string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		m, ok, err := a.machineWithModels(w, r)
		if !ok {
			return err
		}
		result, err := a.ask(r.Context(), string(m.ID), method, struct{}{})
		if err == nil {
			a.write(w, r, http.StatusOK, result)
			return nil
		}
		return a.callFailed(w, r, err, catalogStatus(method, err))
	}
}

// catalogStatus tells clients of the Codex and Pi catalogs that there is nobody
// to ask: they ask a session instead.
func catalogStatus(method string, err error) int {
	var known *wire.Error
	if (method == wire.MethodListCodexModels || method == wire.MethodMachinePiModels) && errors.As(err, &known) && known.Code == codeTargetMissing {
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// directoryModels serves GET /api/machines/{id}/…-models?cwd=.
func (a *API) directoryModels(method string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		m, ok, err := a.machineWithModels(w, r)
		if !ok {
			return err
		}
		cwd := r.URL.Query().Get("cwd")
		if cwd == "" {
			a.write(w, r, http.StatusBadRequest, callFailed{Error: "cwd query parameter is required"})
			return nil
		}
		return a.passThrough(w, r, string(m.ID), method, map[string]string{"cwd": cwd}, http.StatusInternalServerError)
	}
}

// machineWithModels is machine; these routes say in their own form that the hub
// is starting or stopping. ok is false when the request is answered or failed.
func (a *API) machineWithModels(w http.ResponseWriter, r *http.Request) (m wire.Machine, ok bool, err error) {
	m, err = a.machine(r)
	if errors.Is(err, wire.ErrNotConnected) {
		a.write(w, r, answer.Status(wire.Unavailable), callFailed{Error: wire.ErrNotConnected.Text})
		return m, false, nil
	}
	return m, err == nil, err
}
