package codex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// Methods implements agent.Caller.
func (c *conversation) Methods() map[string]agent.Method {
	return map[string]agent.Method{
		wire.MethodListCodexModels: c.callModels,
		wire.MethodListSkills:      c.callSkills,
		wire.MethodFork:            c.callFork,
		wire.MethodRewind:          c.callRewind,
	}
}

// skill is a skill that Codex knows in the directory.
type skill struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Path        string `json:"path"`
	Enabled     bool   `json:"enabled"`
}

// nativeSkills are the skills that Codex knows, asked for once until it says that
// they changed.
func (c *conversation) nativeSkills(ctx context.Context, s *server) ([]skill, error) {
	c.mu.Lock()
	known, reload := c.skills, c.skillsChanged
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	raw, err := s.call(ctx, "skills/list", map[string]any{"cwds": []string{c.o.Dir}, "forceReload": reload}, nil)
	if err != nil {
		return nil, fmt.Errorf("ask codex for its skills: %w", err)
	}
	var in struct {
		Data []struct {
			Skills []skill `json:"skills"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("read codex's skills: %w", err)
	}
	skills := []skill{}
	for _, dir := range in.Data {
		skills = append(skills, dir.Skills...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skills, c.skillsChanged = skills, false
	return skills, nil
}

func (c *conversation) forgetSkills() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skills, c.skillsChanged = nil, true
}

// callSkills answers listSkills with the enabled skills.
func (c *conversation) callSkills(ctx context.Context, _ json.RawMessage) (any, error) {
	s, err := c.ready(ctx)
	if err != nil {
		return wire.Failed{Error: err.Error()}, nil //nolint:nilerr // the answer says it
	}
	skills, err := c.nativeSkills(ctx, s)
	if err != nil {
		return wire.Failed{Error: err.Error()}, nil //nolint:nilerr // the answer says it
	}
	list := []wire.Skill{}
	for _, k := range skills {
		if k.Enabled {
			list = append(list, wire.Skill{Name: k.Name, Description: k.Description})
		}
	}
	return wire.Skills{Success: true, Skills: list}, nil
}

// Model is a model that Codex offers (socket contract §10.3).
type Model struct {
	ID            string   `json:"id"`
	DisplayName   string   `json:"displayName"`
	IsDefault     bool     `json:"isDefault"`
	DefaultEffort string   `json:"defaultReasoningEffort,omitempty"`
	DefaultTier   *string  `json:"defaultServiceTier"`
	Efforts       []string `json:"supportedReasoningEfforts"`
	Tiers         []string `json:"serviceTiers"`

	hidden bool
}

// models answers listCodexModels.
type models struct {
	Success bool    `json:"success"`
	Models  []Model `json:"models"`
}

type modelsParams struct {
	IncludeHidden bool `json:"includeHidden"`
}

// callModels answers listCodexModels from the session's own process.
func (c *conversation) callModels(ctx context.Context, params json.RawMessage) (any, error) {
	var in modelsParams
	_ = json.Unmarshal(params, &in) // without parameters hidden ones are left out
	s, err := c.ready(ctx)
	if err != nil {
		return wire.Failed{Error: err.Error()}, nil //nolint:nilerr // the answer says it
	}
	all, err := listModels(ctx, s)
	if err != nil {
		return wire.Failed{Error: err.Error()}, nil //nolint:nilerr // the answer says it
	}
	return models{Success: true, Models: shown(all, in.IncludeHidden)}, nil
}

func shown(all []Model, hidden bool) []Model {
	return slices.DeleteFunc(slices.Clone(all), func(m Model) bool { return m.hidden && !hidden })
}

func listModels(ctx context.Context, s *server) ([]Model, error) {
	all, cursor := []Model{}, any(nil)
	for {
		raw, err := s.call(ctx, "model/list", map[string]any{"includeHidden": true, "cursor": cursor}, nil)
		if err != nil {
			return nil, fmt.Errorf("ask codex for its models: %w", err)
		}
		page, next, err := readModels(raw)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if next == "" || len(page) == 0 {
			return all, nil
		}
		cursor = next
	}
}

func readModels(raw json.RawMessage) (page []Model, next string, err error) {
	var in struct {
		Data []struct {
			ID            string  `json:"id"`
			Model         string  `json:"model"`
			DisplayName   string  `json:"displayName"`
			Hidden        bool    `json:"hidden"`
			IsDefault     bool    `json:"isDefault"`
			DefaultEffort string  `json:"defaultReasoningEffort"`
			DefaultTier   *string `json:"defaultServiceTier"`
			Efforts       []struct {
				Effort string `json:"reasoningEffort"`
			} `json:"supportedReasoningEfforts"`
			Tiers []struct {
				ID   string `json:"id"`
				Name string `json:"name"`
			} `json:"serviceTiers"`
		} `json:"data"`
		Next *string `json:"nextCursor"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, "", fmt.Errorf("read codex's models: %w", err)
	}
	for _, from := range in.Data {
		m := Model{
			ID: first(from.ID, from.Model), DisplayName: first(from.DisplayName, from.ID, from.Model), IsDefault: from.IsDefault,
			DefaultEffort: from.DefaultEffort, DefaultTier: from.DefaultTier, Efforts: []string{}, Tiers: []string{}, hidden: from.Hidden,
		}
		for _, e := range from.Efforts {
			m.Efforts = append(m.Efforts, e.Effort)
		}
		for _, t := range from.Tiers { // clients offer the fast tier by either word
			for _, word := range []string{strings.ToLower(t.ID), strings.ToLower(t.Name)} {
				if word != "" && !slices.Contains(m.Tiers, word) {
					m.Tiers = append(m.Tiers, word)
				}
			}
		}
		page = append(page, m)
	}
	if in.Next != nil {
		next = *in.Next
	}
	return page, next, nil
}

// modelsKept is how long a machine's list of models is good.
const modelsKept = 5 * time.Minute

// Models lists the models that the Codex of this machine offers, for where there
// is no session. It is safe for several goroutines, which share one look.
type Models struct {
	Path   string // of the executable; empty: it is searched
	Logger *slog.Logger

	mu   sync.Mutex
	list []Model
	at   time.Time
}

// Call answers listCodexModels of a machine.
func (m *Models) Call(ctx context.Context, params json.RawMessage) (any, error) {
	var in modelsParams
	_ = json.Unmarshal(params, &in) // without parameters hidden ones are left out
	all, err := m.all(ctx)
	if err != nil {
		return wire.Failed{Error: err.Error()}, nil //nolint:nilerr // the answer says it
	}
	return models{Success: true, Models: shown(all, in.IncludeHidden)}, nil
}

func (m *Models) all(ctx context.Context) ([]Model, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.list != nil && time.Since(m.at) < modelsKept {
		return m.list, nil
	}
	list, err := m.look(ctx)
	if err != nil {
		return nil, err
	}
	m.list, m.at = list, time.Now()
	return list, nil
}

func (m *Models) look(ctx context.Context) ([]Model, error) {
	codex, err := find(ctx, m.Path)
	if err != nil {
		return nil, notInstalled()
	}
	log := m.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return nil, fmt.Errorf("find the home directory: %w", err)
	}
	s, err := startServer(ctx, serverOptions{path: codex.path, args: codex.with("app-server"), dir: dir, log: log, handler: deaf{}})
	if err != nil {
		return nil, fmt.Errorf("start codex: %w", err)
	}
	_, err = initialize(ctx, s, "hapi-codex-models")
	var list []Model
	if err == nil {
		list, err = listModels(ctx, s)
	}
	return list, errors.Join(err, s.end())
}

// deaf takes no notice of what a process says by itself.
type deaf struct{}

func (deaf) notified(*server, string, json.RawMessage) {}
func (deaf) asked(s *server, r *request)               { s.refuse(r, codeNoMethod, "Method not found: "+r.method) }
