package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"hapi/internal/hub/sessions"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

func conflict(text, code string) *wire.Error {
	return &wire.Error{Kind: wire.Conflict, Text: text, Code: code}
}

var (
	errHistoryHeld     = conflict("Conversation history action already in progress", "history_busy")
	errQueued          = conflict("Session has queued messages", "messages_queued")
	errControlled      = conflict("Session is controlled from its terminal", "controlled_by_user")
	errThinking        = conflict("The agent is working; wait for the end of its turn", "session_thinking")
	errDiverged        = conflict("The hub's copy of this conversation no longer matches the agent's", "history_diverged")
	errUnsupported     = conflict("The agent of this session cannot do this with its history", "history_unsupported")
	errNoBoundary      = conflict("This message is not in the conversation, or the agent has not taken it yet", "boundary_not_invoked")
	errForkUnavailable = conflict("Session metadata missing machine or path", "fork_unavailable")
)

// capability names a thing an agent can do with its history, in metadata.
type capability string

const (
	forkCurrent     capability = "forkCurrent"
	forkAtMessage   capability = "forkAtMessage"
	rewindToMessage capability = "rewindToMessage"
)

// historyReady checks what holds for every action on the session's history and
// gives the position of the boundary, if one is asked for. The history is held:
// no message can come in between.
func (s *Service) historyReady(ctx context.Context, w *wire.Session, needs capability, boundary wire.LocalID) (*wire.Position, error) {
	if !w.Active {
		return nil, wire.ErrSessionInactive
	}
	state, err := sessions.AgentState(w)
	if err != nil {
		return nil, err
	}
	m := sessions.Metadata(w)
	switch {
	case controlled(&state):
		return nil, errControlled
	case w.Thinking:
		return nil, errThinking
	case m.Diverged:
		return nil, errDiverged
	case !m.Capabilities.ConversationHistory[string(needs)]:
		return nil, errUnsupported
	}
	pending, err := s.store.PendingMessages(ctx, s.store.Reader(), w.ID)
	if err != nil {
		return nil, fmt.Errorf("list waiting prompts: %w", err)
	}
	// A fork leaves prompts for later where they are; a rewind might delete them.
	later := func(m store.Message) bool { return m.ScheduledAt != nil && *m.ScheduledAt > wire.At(s.now()) }
	if needs != rewindToMessage {
		pending = slices.DeleteFunc(pending, later)
	}
	if len(pending) > 0 {
		return nil, errQueued
	}
	if boundary == "" {
		return nil, nil
	}
	return s.boundary(ctx, w.ID, boundary)
}

func (s *Service) boundary(ctx context.Context, id wire.SessionID, local wire.LocalID) (*wire.Position, error) {
	rows, err := s.store.LocalMessages(ctx, s.store.Reader(), id, []wire.LocalID{local})
	if err != nil {
		return nil, fmt.Errorf("find the boundary: %w", err)
	}
	if len(rows) == 0 || rows[0].InvokedAt == nil {
		return nil, errNoBoundary
	}
	position := rows[0].Position()
	return &position, nil
}

// hold keeps the history of an active session and looks at the session again:
// what was accepted before is then in the store.
func (s *Service) hold(ctx context.Context, w *wire.Session) (release func(), err error) {
	release, ok := s.sessions.HoldHistory(w.ID)
	if !ok {
		return nil, errHistoryHeld
	}
	err = s.store.Write(ctx, func(*store.Tx) error { return nil })
	if err == nil {
		*w, err = s.sessions.Get(w.Namespace, w.ID)
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// setDiverged notes that the agent's history is not what the hub has of it.
func (s *Service) setDiverged(ctx context.Context, w *wire.Session) error {
	err := s.sessions.SetMetadata(ctx, w.Namespace, w.ID, map[string]json.RawMessage{"conversationHistoryDiverged": json.RawMessage("true")})
	if err != nil && !errors.Is(err, wire.ErrSessionNotFound) {
		return fmt.Errorf("note that the history of session %s diverged: %w", w.ID, err)
	}
	return nil
}
