package acp

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	sdk "github.com/coder/acp-go-sdk"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// choice is one of several values of a setting.
type choice struct{ ID, Name string }

// native is the agent's own session, as the agent describes it.
type native struct {
	id string

	mu      sync.Mutex
	holds   agent.Config // what was asked for and confirmed
	resumed bool         // its history may still be replayed
	models  []choice
	model   string
	launch  string // the model it began with
	usual   string // and the effort
	asked   bool   // another effort was asked for
	setMode bool   // it has session/set_mode
	modes   []choice
	mode    string
	normal  string // the mode it began with
	options []configOption
	noModel bool // it said that its model cannot be changed
}

// configOption is a setting of the agent.
type configOption struct {
	ID           string          `json:"id"`
	Category     string          `json:"category"`
	CurrentValue string          `json:"currentValue"`
	RawOptions   json.RawMessage `json:"options"`
}

// is says whether an option is of a category, by its category or its id.
func (o *configOption) is(category string) bool { return o.Category == category || o.ID == category }

// choices are the option's values; they may stand in groups.
func (o *configOption) choices() []choice {
	var list []struct {
		Value   string          `json:"value"`
		Name    string          `json:"name"`
		Options json.RawMessage `json:"options"`
	}
	if lenient(json.Unmarshal(o.RawOptions, &list)) != nil {
		return nil
	}
	var all []choice
	for _, v := range list {
		if len(v.Options) > 0 {
			all = append(all, (&configOption{RawOptions: v.Options}).choices()...)
		} else if v.Value != "" {
			all = append(all, choice{ID: v.Value, Name: firstOf(v.Name, v.Value)})
		}
	}
	return all
}

// sessionAnswer answers session/new and session/load.
type sessionAnswer struct {
	SessionID string     `json:"sessionId"`
	Models    *modelList `json:"models"`
	modelList
	Modes *struct {
		Available []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"availableModes"`
		Current string `json:"currentModeId"`
	} `json:"modes"`
	ConfigOptions []configOption `json:"configOptions"`
}

type modelList struct {
	Available []struct {
		ID   string `json:"modelId"`
		Name string `json:"name"`
	} `json:"availableModels"`
	Current string `json:"currentModelId"`
}

func readSession(raw json.RawMessage) (*native, error) {
	var in sessionAnswer
	if len(raw) > 0 {
		if err := lenient(json.Unmarshal(raw, &in)); err != nil {
			return nil, fmt.Errorf("read the agent's session: %w", err)
		}
	}
	n := &native{id: in.SessionID}
	models := in.modelList
	if in.Models != nil {
		models = *in.Models
	}
	for _, m := range models.Available {
		n.models = append(n.models, choice{ID: m.ID, Name: firstOf(m.Name, m.ID)})
	}
	n.model = models.Current
	if in.Modes != nil {
		n.setMode, n.mode = true, in.Modes.Current
		for _, m := range in.Modes.Available {
			n.modes = append(n.modes, choice{ID: m.ID, Name: firstOf(m.Name, m.ID)})
		}
	}
	n.take(in.ConfigOptions)
	n.launch, n.normal = n.model, n.mode
	if effort, ok := n.find("thought_level"); ok {
		n.usual = effort.CurrentValue
	}
	return n, nil
}

// take reads what the agent's settings say now.
func (n *native) take(options []configOption) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if options != nil {
		n.options = options
	}
	if o, ok := n.find("model"); ok {
		for _, offered := range o.choices() {
			if !slices.ContainsFunc(n.models, func(m choice) bool { return m.ID == offered.ID }) {
				n.models = append(n.models, offered)
			}
		}
		n.model = firstOf(o.CurrentValue, n.model)
	}
	if o, ok := n.find("mode"); ok {
		if !n.setMode {
			n.modes = o.choices()
		}
		n.mode = firstOf(o.CurrentValue, n.mode)
	}
}

// set notes the value of a setting.
func (n *native) set(id, value string) {
	n.mu.Lock()
	for i := range n.options {
		if n.options[i].ID == id {
			n.options[i].CurrentValue = value
		}
	}
	n.mu.Unlock()
	n.take(nil)
}

// find does it for a caller that holds mu.
func (n *native) find(category string) (configOption, bool) {
	i := slices.IndexFunc(n.options, func(o configOption) bool { return o.is(category) })
	if i < 0 {
		return configOption{}, false
	}
	return n.options[i], true
}

func (n *native) option(category string) (configOption, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.find(category)
}

// offers are the models to choose from, and the present one.
func (n *native) offers() (list []choice, now string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.models), n.model
}

// replays says whether what the agent says is its history.
func (n *native) replays() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.resumed
}

func (n *native) endReplay() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.resumed = false
}

// moved notes a mode that the agent chose; plan says whether it is for planning.
func (n *native) moved(id string) (plan bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mode = id
	return id == n.planMode()
}

// planMode is the agent's own mode for planning, or "". The caller holds mu.
func (n *native) planMode() string {
	for _, m := range n.modes {
		if strings.EqualFold(m.ID, "plan") || strings.HasSuffix(strings.ToLower(m.ID), "#plan") {
			return m.ID
		}
	}
	return ""
}

// modeFor is the agent's mode for one of ours, and whether that is a change.
func (n *native) modeFor(mode wire.PermissionMode) (id string, change bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id = n.normal
	if plan := n.planMode(); plan != "" {
		switch {
		case mode == wire.ModePlan:
			id = plan
		case id == plan: // it began with planning
			id = n.otherMode(plan)
		}
	}
	return id, id != "" && id != n.mode
}

func (n *native) otherMode(than string) string {
	for _, m := range n.modes {
		if m.ID != than {
			return m.ID
		}
	}
	return ""
}

func (c *conversation) setOption(ctx context.Context, p *process, id, value string) error {
	n := p.native()
	raw, err := p.call(ctx, sdk.AgentMethodSessionSetConfigOption, map[string]any{"sessionId": n.id, "configId": id, "value": value})
	if err != nil {
		return plain(err)
	}
	answer, err := read[struct {
		ConfigOptions []configOption `json:"configOptions"`
	}](raw)
	if err == nil && answer.ConfigOptions != nil {
		n.take(answer.ConfigOptions)
		return nil
	}
	n.set(id, value)
	return nil
}
