package api

import (
	"encoding/json"
	"net/http"
	"slices"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/sessions"
	"hapi/internal/wire"
)

// setting is something people change about a running agent (http contract §5.3).
type setting struct {
	name   string // for people
	of     func(wire.Flavor) bool
	remote func(wire.Flavor) bool // whether the terminal's user must not be in control
	read   func(o *object, c *wire.SessionConfig) (ok bool)
}

// can is true of flavors that have a setting; an unknown one has none here.
func can(key wire.ConfigKey) func(wire.Flavor) bool {
	return func(f wire.Flavor) bool { return f.Known() && f.Has(key) }
}

func only(flavors ...wire.Flavor) func(wire.Flavor) bool {
	return func(f wire.Flavor) bool { return slices.Contains(flavors, f) }
}

func always(wire.Flavor) bool { return true }

var (
	settingModel = setting{"Model selection", can(wire.KeyModel), only(wire.FlavorCodex, wire.FlavorCursor, wire.FlavorGrok),
		func(o *object, c *wire.SessionConfig) bool {
			c.Model = o.fields["model"]
			return o.choice("model") || o.modelOfProvider("model")
		}}
	settingEffort = setting{"Effort selection", can(wire.KeyEffort), only(wire.FlavorGrok),
		func(o *object, c *wire.SessionConfig) bool {
			c.Effort = o.fields["effort"]
			return o.choice("effort")
		}}
	settingReasoningEffort = setting{"Reasoning effort selection", can(wire.KeyReasoningEffort), always,
		func(o *object, c *wire.SessionConfig) bool {
			c.ModelReasoningEffort = o.fields["modelReasoningEffort"]
			return o.choice("modelReasoningEffort")
		}}
	settingServiceTier = setting{"Service tier selection", can(wire.KeyServiceTier), always,
		func(o *object, c *wire.SessionConfig) bool {
			c.ServiceTier = o.fields["serviceTier"]
			return o.oneOf("serviceTier", "fast", "standard") != ""
		}}
	settingCollaborationMode = setting{"Collaboration mode", can(wire.KeyCollaborationMode), always,
		func(o *object, c *wire.SessionConfig) bool {
			c.CollaborationMode = o.oneOf("mode", "default", "plan")
			return c.CollaborationMode != ""
		}}
	settingCopilotAgentMode = setting{"Agent mode", only(wire.FlavorCopilot), always,
		func(o *object, c *wire.SessionConfig) bool {
			c.CopilotAgentMode = o.oneOf("mode", "interactive", "plan", "autopilot", "fleet")
			if c.CopilotAgentMode == "fleet" {
				c.CopilotAgentMode = "interactive"
			}
			return c.CopilotAgentMode != ""
		}}
)

// configure serves the routes that change one setting of an active session.
func (a *API) configure(s setting) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		session, err := a.activeSession(r)
		if err != nil {
			return err
		}
		flavor := sessions.Flavor(&session)
		if !s.of(flavor) {
			return &wire.Error{Kind: wire.Invalid, Text: s.name + " is not supported for this session type"}
		}
		var change wire.SessionConfig
		o, err := readObject(r)
		if err != nil {
			return bare(err)
		}
		if !s.read(o, &change) {
			return wire.ErrInvalidBody
		}
		if s.remote(flavor) {
			if err := remoteControlled(&session, s.name); err != nil {
				return err
			}
		}
		return a.configureSession(w, r, &session, change)
	}
}

// remoteControlled refuses a change while the agent is driven from its terminal.
func remoteControlled(s *wire.Session, what string) error {
	state, err := sessions.AgentState(s)
	if err != nil {
		return err
	}
	if state.ControlledByUser != nil && *state.ControlledByUser {
		return &wire.Error{Kind: wire.Conflict, Text: what + " is not available while the session is controlled from its terminal", Code: "controlled_by_user"}
	}
	return nil
}

func (a *API) configureSession(w http.ResponseWriter, r *http.Request, s *wire.Session, change wire.SessionConfig) error {
	if err := a.lifecycle.Configure(r.Context(), s, change); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

// setPermissionMode serves POST /api/sessions/{id}/permission-mode. The mode of
// an inactive session is kept for its next resume.
func (a *API) setPermissionMode(w http.ResponseWriter, r *http.Request) error {
	s, err := a.session(r)
	if err != nil {
		return err
	}
	o, err := readObject(r)
	if err != nil {
		return bare(err)
	}
	mode, err := o.permissionMode("mode", sessions.Flavor(&s))
	if err != nil {
		return err
	}
	if mode == "" {
		return wire.ErrInvalidBody
	}
	if s.Active && mode == wire.ModePlan && sessions.Flavor(&s) == wire.FlavorOpencode {
		if err := remoteControlled(&s, "Plan mode"); err != nil {
			return err
		}
	}
	return a.configureSession(w, r, &s, wire.SessionConfig{PermissionMode: mode})
}

// permissionMode is a mode of the flavor, or "" when the field is absent.
func (o *object) permissionMode(name string, flavor wire.Flavor) (wire.PermissionMode, error) {
	text := o.text(name)
	switch {
	case !o.has(name):
		return "", nil
	case text == nil, !wire.PermissionModeKnown(wire.PermissionMode(*text)):
		return "", wire.ErrInvalidBody
	case !flavor.Allows(wire.PermissionMode(*text)):
		return "", errModeOfOtherFlavor
	}
	return wire.PermissionMode(*text), nil
}

// choice says whether the field is there: a text, or null for the agent's default.
func (o *object) choice(name string) bool {
	if o.null(name) {
		return true
	}
	text := o.text(name)
	return text != nil && *text != ""
}

// modelOfProvider says whether the field is {provider, modelId}.
func (o *object) modelOfProvider(name string) bool {
	var choice struct{ Provider, ModelID string }
	return kindOf(o.fields[name]) == "object" && json.Unmarshal(o.fields[name], &choice) == nil && choice.Provider != "" && choice.ModelID != ""
}
