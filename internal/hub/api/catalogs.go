package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/sessions"
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

// sessionCatalog is a list that only sessions of one flavor have.
type sessionCatalog struct {
	flavor wire.Flavor
	method string
}

// Catalogs of a session's agent, by route.
var sessionCatalogs = map[string]sessionCatalog{
	"codex-models":                      {wire.FlavorCodex, wire.MethodListCodexModels},
	"opencode-models":                   {wire.FlavorOpencode, wire.MethodListOpencodeModels},
	"cursor-models":                     {wire.FlavorCursor, wire.MethodListCursorModels},
	"grok-models":                       {wire.FlavorGrok, wire.MethodListGrokModels},
	"copilot-models":                    {wire.FlavorCopilot, wire.MethodListCopilotModels},
	"pi-models":                         {wire.FlavorPi, wire.MethodListPiModels},
	"opencode-reasoning-effort-options": {wire.FlavorOpencode, wire.MethodListOpencodeEfforts},
	"grok-reasoning-effort-options":     {wire.FlavorGrok, wire.MethodListGrokEfforts},
}

func (a *API) catalogRoutes(mux *http.ServeMux) {
	a.handle(mux, "GET /api/sessions/{id}/slash-commands", a.slashCommands)
	a.handle(mux, "GET /api/sessions/{id}/skills", a.skills)
	for route, c := range sessionCatalogs {
		a.handle(mux, "GET /api/sessions/{id}/"+route, a.sessionModels(c))
	}
}

// sessionModels serves GET /api/sessions/{id}/…-models and …-options.
func (a *API) sessionModels(c sessionCatalog) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		s, err := a.activeSession(r)
		if err != nil {
			return err
		}
		if sessions.Flavor(&s) != c.flavor {
			a.write(w, r, http.StatusBadRequest, callFailed{Error: "Only " + c.flavor.Label() + " sessions have this", Code: "wrong_flavor"})
			return nil
		}
		return a.passThrough(w, r, string(s.ID), c.method, struct{}{}, http.StatusInternalServerError)
	}
}

// slashCommands serves GET /api/sessions/{id}/slash-commands: what the session
// process lists, and beside it what the agent said of itself.
func (a *API) slashCommands(w http.ResponseWriter, r *http.Request) error {
	s, err := a.session(r)
	if err != nil {
		return err
	}
	var said struct {
		Commands []string `json:"slashCommands"`
	}
	_ = json.Unmarshal(s.Metadata, &said) // null has nothing to say
	raw, err := a.ask(r.Context(), string(s.ID), wire.MethodListSlashCommands, wire.SlashCommandsParams{Agent: sessions.Flavor(&s)})
	listed, failed := readSlashCommands(raw)
	switch {
	case len(said.Commands) == 0 && err != nil:
		return a.callFailed(w, r, err, http.StatusOK)
	case len(said.Commands) == 0 && failed != "":
		a.write(w, r, http.StatusOK, callFailed{Error: failed, Code: "command_failed"})
		return nil
	}
	a.write(w, r, http.StatusOK, struct {
		Success  bool              `json:"success"`
		Commands []json.RawMessage `json:"commands"`
	}{true, withNames(listed, said.Commands)})
	return nil
}

// readSlashCommands is the process's list, entry by entry as it came, or why
// there is none.
func readSlashCommands(raw json.RawMessage) (commands []json.RawMessage, failed string) {
	var out struct {
		Success  bool              `json:"success"`
		Commands []json.RawMessage `json:"commands"`
		Error    string            `json:"error"`
	}
	if json.Unmarshal(raw, &out) != nil {
		return nil, errBadAnswer.Text
	}
	if !out.Success {
		return nil, cmp.Or(out.Error, "The commands could not be listed")
	}
	return out.Commands, ""
}

// withNames adds the names that are not among the commands.
func withNames(commands []json.RawMessage, names []string) []json.RawMessage {
	all := append([]json.RawMessage{}, commands...)
	known := map[string]bool{}
	for _, raw := range commands {
		var c wire.SlashCommand
		_ = json.Unmarshal(raw, &c) // one without a name hides none
		known[c.Name] = true
	}
	for _, name := range names {
		if known[name] {
			continue
		}
		known[name] = true
		raw, err := json.Marshal(wire.SlashCommand{Name: name, Source: "builtin"})
		if err != nil { // it is made of strings
			panic(err)
		}
		all = append(all, raw)
	}
	return all
}

// skills serves GET /api/sessions/{id}/skills.
func (a *API) skills(w http.ResponseWriter, r *http.Request) error {
	s, err := a.session(r)
	if err != nil {
		return err
	}
	return a.passThrough(w, r, string(s.ID), wire.MethodListSkills, wire.SkillsParams{Flavor: sessions.Flavor(&s)}, http.StatusOK)
}
