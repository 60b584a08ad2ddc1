package acp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

const (
	// modelsKept is how long a list of models is taken for the present one.
	modelsKept = time.Minute
	// modelsWithin is how long an agent may take to say which models it has.
	modelsWithin = 30 * time.Second
)

// Models tells which models an agent has in a directory, where there is no
// session yet: by starting it for a moment.
type Models struct {
	Spec   Spec
	Path   string                // of the executable; empty: it is searched
	Inside func(dir string) bool // the directories that may be asked about

	mu    sync.Mutex // one question at a time
	known map[string]modelsAnswer
}

type modelsAnswer struct {
	at     time.Time
	answer any
}

// Call answers {cwd}, as an RPC method of a machine.
func (m *Models) Call(ctx context.Context, params json.RawMessage) (any, error) {
	var in struct {
		Dir string `json:"cwd"`
	}
	if err := json.Unmarshal(params, &in); err != nil || !filepath.IsAbs(in.Dir) {
		return wire.Failed{Error: "cwd is required: the whole path of a directory"}, nil //nolint:nilerr // the answer says it
	}
	if !m.Inside(in.Dir) {
		return wire.Failed{Error: "The directory is outside of the workspace roots of this machine"}, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.known[in.Dir]; a.answer != nil && time.Since(a.at) < modelsKept {
		return a.answer, nil
	}
	answer, err := m.ask(ctx, in.Dir)
	if err != nil {
		return wire.Failed{Error: err.Error()}, nil //nolint:nilerr // likewise
	}
	m.known = map[string]modelsAnswer{in.Dir: {time.Now(), answer}} // the form is about one directory
	return answer, nil
}

func (m *Models) ask(ctx context.Context, dir string) (answer any, err error) {
	ctx, cancel := context.WithTimeout(ctx, modelsWithin)
	defer cancel()
	opened, err := Agent{m.Spec}.Open(ctx, nobody{}, agent.Options{Dir: dir, Path: m.Path})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	c := opened.(*conversation) //nolint:forcetypeassert // Open makes one
	if _, err := c.ready(ctx); err != nil {
		return nil, fmt.Errorf("ask %s for its models: %w", m.Spec.Label, err)
	}
	return c.callModels(ctx, nil)
}

// nobody is a host without a session.
type nobody struct{}

func (nobody) Emit(agent.Record)               {}
func (nobody) Resumable(string)                {}
func (nobody) Past(agent.Past)                 {}
func (nobody) Began(wire.LocalID, string)      {}
func (nobody) Catalog(agent.Catalog)           {}
func (nobody) ModeChanged(wire.PermissionMode) {}
func (nobody) Configured(func(*agent.Config))  {}
func (nobody) Titled(string)                   {}
func (nobody) Suggested(string)                {}
func (nobody) Working(bool)                    {}

func (nobody) Decided(agent.PermissionRequest, agent.Decision) {}

func (nobody) Ask(context.Context, agent.PermissionRequest) (agent.Decision, error) {
	return agent.Decision{}, errEnded
}

func (nobody) Observed(agent.PermissionRequest) func(status, reason string) {
	return func(string, string) {}
}
