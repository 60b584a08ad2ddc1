package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/machines"
	"hapi/internal/wire"
)

func (a *API) machineRoutes(mux *http.ServeMux) {
	a.handle(mux, "GET /api/machines", a.listMachines)
	a.handle(mux, "PATCH /api/machines/{id}", a.renameMachine)
	a.handle(mux, "POST /api/machines/{id}/spawn", a.spawn)
	a.handle(mux, "POST /api/machines/{id}/list-directory", a.browse)
	a.handle(mux, "POST /api/machines/{id}/paths/exists", a.pathsExist)
	a.handle(mux, "POST /api/machines/{id}/restart-runner", a.restartRunner)
	for route, method := range machineCatalogs {
		a.handle(mux, "GET /api/machines/{id}/"+route, a.machineModels(method))
	}
	for route, method := range directoryCatalogs {
		a.handle(mux, "GET /api/machines/{id}/"+route, a.directoryModels(method))
	}
}

func machineID(r *http.Request) wire.MachineID { return wire.MachineID(r.PathValue("id")) }

// machine is the guard of a machine's routes: 503, 404, 403.
func (a *API) machine(r *http.Request) (wire.Machine, error) {
	if err := a.connected(); err != nil {
		return wire.Machine{}, err
	}
	return a.machines.Get(callerOf(r).NS, machineID(r))
}

// listMachines serves GET /api/machines: those that are online, and with
// include=offline all.
func (a *API) listMachines(w http.ResponseWriter, r *http.Request) error {
	if err := a.connected(); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, struct {
		Machines []wire.Machine `json:"machines"`
	}{a.machines.List(callerOf(r).NS, r.URL.Query().Get("include") == "offline")})
	return nil
}

const maxDisplayName = 64 // characters

var (
	errNoDisplayName = &wire.Error{Kind: wire.Invalid, Text: "Invalid body: displayName is required"}
	errLongName      = &wire.Error{Kind: wire.Invalid, Text: "displayName must be at most 64 characters"}
)

// renameMachine serves PATCH /api/machines/{id}.
func (a *API) renameMachine(w http.ResponseWriter, r *http.Request) error {
	m, err := a.machine(r)
	if err != nil {
		return err
	}
	in, err := readObject(r)
	if errors.Is(err, errTooLong) {
		return err
	}
	if err != nil || in.text("displayName") == nil {
		return errNoDisplayName
	}
	name := strings.TrimSpace(*in.text("displayName"))
	if utf8.RuneCountInString(name) > maxDisplayName {
		return errLongName
	}
	if err := a.machines.Rename(r.Context(), m.Namespace, m.ID, name); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

// spawn serves POST /api/machines/{id}/spawn. That no agent was started is an
// answer, not an error: clients show its message beside the form.
func (a *API) spawn(w http.ResponseWriter, r *http.Request) error {
	m, err := a.machine(r)
	if err != nil {
		return err
	}
	in, err := readObject(r)
	if err != nil {
		return bare(err)
	}
	request, err := decodeSpawn(in, func(f wire.Flavor) bool { return offersAgent(&m, f) })
	if err != nil {
		return err
	}
	session, err := a.machines.Spawn(r.Context(), m.Namespace, m.ID, request)
	if err != nil {
		return a.notSpawned(w, r, err)
	}
	a.write(w, r, http.StatusOK, wire.SpawnAnswer{Type: wire.SpawnSuccess, SessionID: session})
	return nil
}

func (a *API) notSpawned(w http.ResponseWriter, r *http.Request, err error) error {
	said := wire.SpawnAnswer{Type: wire.SpawnError}
	var refused *machines.SpawnFailure
	var known *wire.Error
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &refused):
		said.Message, said.Code = refused.Text, "spawn_failed"
	case errors.As(callFailure(err), &known) && known.Code != "":
		said.Message, said.Code = known.Text, known.Code
	default:
		return err
	}
	a.write(w, r, http.StatusOK, said)
	return nil
}

// offersAgent says whether a machine names an agent among those it can start.
func offersAgent(m *wire.Machine, f wire.Flavor) bool {
	var state struct {
		Capabilities wire.RunnerCapabilities `json:"capabilities"`
	}
	if json.Unmarshal(m.RunnerState, &state) != nil {
		return false
	}
	return slices.ContainsFunc(state.Capabilities.AgentConfigs, func(c wire.AgentConfig) bool { return c.Flavor == f })
}

// decodeSpawn reads what is to be started. offers says whether the machine has
// an agent of its own of a name.
func decodeSpawn(in *object, offers func(wire.Flavor) bool) (wire.SpawnRequest, error) {
	said := func(name string) string {
		if s := in.text(name); s != nil {
			return *s
		}
		return ""
	}
	s := wire.SpawnRequest{
		Directory: in.requiredText("directory"), Agent: wire.Flavor(said("agent")), Model: said("model"), Effort: said("effort"),
		ModelReasoningEffort: said("modelReasoningEffort"), Yolo: in.isSet("yolo"), PermissionMode: wire.PermissionMode(said("permissionMode")),
		SessionType: in.oneOf("sessionType", "simple", "worktree"), WorktreeName: said("worktreeName"),
		ServiceTier: in.oneOf("serviceTier", "fast", "standard"), CollaborationMode: in.oneOf("collaborationMode", "default", "plan"),
		CopilotAgentMode: in.oneOf("copilotAgentMode", "interactive", "plan", "autopilot", "fleet"),
		StartingMode:     in.oneOf("startingMode", "remote", "pty"),
	}
	if s.CopilotAgentMode == "fleet" { // an old name
		s.CopilotAgentMode = "interactive"
	}
	if in.err() != nil || s.Directory == "" || in.has("agent") && !s.Agent.Known() && !offers(s.Agent) ||
		in.has("permissionMode") && !wire.PermissionModeKnown(s.PermissionMode) {
		return s, wire.ErrInvalidBody
	}
	if s.StartingMode == "pty" && (s.Agent == wire.FlavorAgy || s.Agent == wire.FlavorDsh) {
		return s, &wire.Error{Kind: wire.Invalid, Text: strings.ToUpper(string(s.Agent)) + " only supports remote mode"}
	}
	return s, nil
}

// browse serves POST /api/machines/{id}/list-directory.
func (a *API) browse(w http.ResponseWriter, r *http.Request) error {
	m, err := a.machine(r)
	if err != nil {
		return err
	}
	in, err := readObject(r)
	if err != nil {
		return bare(err)
	}
	params := wire.MachineDirectoryParams{Path: in.requiredText("path"), IncludeHidden: in.isSet("includeHidden")}
	if in.err() != nil || params.Path == "" {
		return wire.ErrInvalidBody
	}
	return a.passThrough(w, r, string(m.ID), wire.MethodMachineDirectory, params, http.StatusInternalServerError)
}

const maxPaths = 1000

// pathsExist serves POST /api/machines/{id}/paths/exists.
func (a *API) pathsExist(w http.ResponseWriter, r *http.Request) error {
	m, err := a.machine(r)
	if err != nil {
		return err
	}
	in, err := readObject(r)
	if err != nil {
		return bare(err)
	}
	listed := in.texts("paths")
	if in.err() != nil || listed == nil || len(listed) > maxPaths {
		return wire.ErrInvalidBody
	}
	paths := distinct(listed)
	if len(paths) == 0 {
		a.write(w, r, http.StatusOK, json.RawMessage(`{"exists":{}}`))
		return nil
	}
	return a.passThrough(w, r, string(m.ID), wire.MethodPathExists, wire.PathExistsParams{Paths: paths}, http.StatusInternalServerError)
}

// distinct is the list trimmed, without blanks and repetitions.
func distinct(list []string) []string {
	seen := make(map[string]bool, len(list))
	var out []string
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" && !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// restartRunner serves POST /api/machines/{id}/restart-runner: it asks the
// runner to stop, and whoever supervises it starts it again.
func (a *API) restartRunner(w http.ResponseWriter, r *http.Request) error {
	m, err := a.machine(r)
	if errors.Is(err, wire.ErrMachineNotFound) {
		return coded(wire.ErrMachineNotFound, "machine_not_found")
	}
	if err != nil {
		return err
	}
	if !m.Active {
		return &wire.Error{Kind: wire.Unavailable, Text: "Machine is offline", Code: "machine_offline"}
	}
	var metadata struct {
		Supervised bool `json:"supervisedRestart"`
	}
	_ = json.Unmarshal(m.Metadata, &metadata) // null has nothing to say
	if !metadata.Supervised {
		return &wire.Error{
			Kind: wire.BadGateway, Code: "restart_unsupported",
			Text: "This runner is not started again by itself: restart it on its machine",
		}
	}
	result, err := a.ask(r.Context(), string(m.ID), wire.MethodStopRunner, struct{}{})
	var known *wire.Error
	if errors.As(err, &known) {
		return &wire.Error{Kind: wire.BadGateway, Text: known.Text, Code: "restart_failed"}
	}
	if err != nil {
		return err
	}
	var said struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(result, &said) // a runner that says nothing has understood too
	a.write(w, r, http.StatusOK, map[string]string{"message": cmp.Or(said.Message, "Runner stop request acknowledged")})
	return nil
}

// coded is a copy of e with a code.
func coded(e *wire.Error, code string) *wire.Error {
	c := *e
	c.Code = code
	return &c
}
