package lifecycle

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"hapi/internal/hub/sessions"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Codes of lifecycle failures.
const (
	codeNotFound          = "session_not_found"
	codeDenied            = "access_denied"
	codeResumeUnavailable = "resume_unavailable"
)

func unavailable(text string) error {
	return &wire.Error{Kind: wire.Conflict, Text: text, Code: codeResumeUnavailable}
}

// Get is the session that id names, followed through merges, with the codes
// that the routes of this package add to a refusal.
func (s *Service) Get(ns wire.Namespace, id wire.SessionID) (wire.Session, error) {
	w, err := s.sessions.Get(ns, s.sessions.Resolve(ns, id))
	switch {
	case errors.Is(err, wire.ErrSessionNotFound):
		return w, &wire.Error{Kind: wire.NotFound, Text: wire.ErrSessionNotFound.Text, Code: codeNotFound}
	case errors.Is(err, wire.ErrSessionDenied):
		return w, &wire.Error{Kind: wire.Forbidden, Text: wire.ErrSessionDenied.Text, Code: codeDenied}
	}
	return w, err
}

// ResumeTarget is what it takes to go on with a session in a terminal.
func (s *Service) ResumeTarget(ctx context.Context, ns wire.Namespace, id wire.SessionID) (wire.LocalResumeTarget, error) {
	w, err := s.Get(ns, id)
	if err != nil {
		return wire.LocalResumeTarget{}, err
	}
	return s.target(ctx, &w)
}

func (s *Service) target(ctx context.Context, w *wire.Session) (t wire.LocalResumeTarget, err error) {
	m := sessions.Metadata(w)
	if m.Path == "" {
		return t, unavailable("Session metadata missing path")
	}
	native, err := s.nativeID(ctx, w)
	if err != nil {
		return t, err
	}
	if native == "" {
		return t, errNoNativeID
	}
	state, err := sessions.AgentState(w)
	if err != nil {
		return t, err
	}
	return wire.LocalResumeTarget{
		SessionID: w.ID, Flavor: sessions.Flavor(w), Directory: m.Path, MachineID: m.MachineID, Host: m.Host,
		Active: w.Active, Thinking: w.Thinking, ControlledByUser: controlled(&state), AgentSessionID: native,
		Model: w.Model, Effort: w.Effort, ModelReasoningEffort: w.ModelReasoningEffort, ServiceTier: w.ServiceTier,
		PermissionMode: w.PermissionMode, CollaborationMode: w.CollaborationMode, CopilotAgentMode: w.CopilotAgentMode,
	}, nil
}

var errNoNativeID = unavailable("Resume session ID unavailable. The agent of this session never reported the conversation it can go on with.")

func controlled(state *wire.AgentState) bool {
	return state.ControlledByUser != nil && *state.ControlledByUser
}

// Resumables lists the namespace's sessions that can go on in a terminal, of
// one machine or of all, latest activity first.
func (s *Service) Resumables(ctx context.Context, ns wire.Namespace, machine wire.MachineID) ([]wire.ResumableSession, error) {
	list := []wire.ResumableSession{}
	for _, w := range s.sessions.All(ns) {
		m := sessions.Metadata(&w)
		if machine != "" && m.MachineID != machine || sessions.NativeID(&w) == "" {
			continue
		}
		t, err := s.target(ctx, &w)
		if err != nil {
			continue // it cannot be resumed
		}
		r := wire.ResumableSession{LocalResumeTarget: t, UpdatedAt: w.UpdatedAt, Name: m.Name}
		if m.Summary != nil {
			r.Summary = m.Summary.Text
		}
		if r.FirstUserMessage, err = s.firstUserMessage(ctx, w.ID); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b wire.ResumableSession) int {
		return cmp.Or(cmp.Compare(b.UpdatedAt, a.UpdatedAt), cmp.Compare(a.SessionID, b.SessionID))
	})
	return list, nil
}

func (s *Service) firstUserMessage(ctx context.Context, id wire.SessionID) (string, error) {
	rows, err := s.store.FirstMessages(ctx, s.store.Reader(), id, 50)
	if err != nil {
		return "", fmt.Errorf("read the first messages: %w", err)
	}
	for i := range rows {
		content := gjson.ParseBytes(rows[i].Content)
		if content.Get("role").Str != "user" {
			continue
		}
		text := content.Get("content.text").Str
		if c := content.Get("content"); c.Type == gjson.String {
			text = c.Str
		}
		if words := strings.Fields(text); len(words) > 0 {
			return strings.Join(words, " "), nil
		}
	}
	return "", nil
}

// recoverFrom is how many rows are searched for a native id that was lost.
const recoverFrom = 200

// nativeID is the agent's own id of the session's conversation, or "". One that
// got lost is looked for in what the agent said, and kept if it is found.
func (s *Service) nativeID(ctx context.Context, w *wire.Session) (string, error) {
	if id := sessions.NativeID(w); id != "" {
		return id, nil
	}
	flavor := sessions.Flavor(w)
	read, ok := nativeIDReaders[flavor]
	if !ok {
		return "", nil
	}
	rows, err := s.store.MessagesBySeq(ctx, s.store.Reader(), w.ID, math.MaxInt64, recoverFrom)
	if err != nil {
		return "", fmt.Errorf("read the latest messages: %w", err)
	}
	id := lastNativeID(rows, read)
	if id == "" {
		return "", nil
	}
	err = s.sessions.SetMetadata(ctx, w.Namespace, w.ID, map[string]json.RawMessage{flavor.NativeIDKey(): wire.AppendString(nil, id)})
	return id, err
}

// lastNativeID goes through rows, newest first, back to where the agent's
// context was reset.
func lastNativeID(rows []store.Message, read func(data gjson.Result) string) string {
	for i := range rows {
		content := gjson.ParseBytes(rows[i].Content)
		if content.Get("role").Str != "agent" {
			continue
		}
		data := content.Get("content.data")
		if content.Get("content.type").Str == "event" && strings.TrimSpace(data.Get("message").Str) == "Context was reset" {
			return ""
		}
		if id := strings.TrimSpace(read(data)); id != "" {
			return id
		}
	}
	return ""
}

// nativeIDReaders find the native id in a row's data. Claude's side chains and
// Codex's child threads are other conversations.
var nativeIDReaders = map[wire.Flavor]func(gjson.Result) string{
	wire.FlavorClaude: func(data gjson.Result) string {
		if data.Get("isSidechain").Bool() {
			return ""
		}
		return data.Get("sessionId").Str
	},
	wire.FlavorCodex: func(data gjson.Result) string {
		if data.Get("scopeRole").Str == "child" || data.Get("hapiUsageScope").Str == "imported-history" {
			return ""
		}
		return cmp.Or(data.Get("threadId").Str, data.Get("thread_id").Str)
	},
}
