// Package demo is an agent that needs no model, no network and no key: it plays
// a short script and says so. People try hapi with it; tests of interfaces feed
// on it. It speaks the Agent Client Protocol like any other agent.
package demo

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	sdk "github.com/coder/acp-go-sdk"
	"github.com/google/uuid"
)

// Models of the demo: they differ in how fast they talk.
const (
	modelQuick   = "demo-quick"
	modelPatient = "demo-patient"
)

// idPrefix marks the demo's own sessions: it remembers nothing, so each of them
// can be gone on with.
const idPrefix = "demo-"

const planMode = "plan"

// Serve plays the agent until its input ends.
func Serve(ctx context.Context, in io.Reader, out io.Writer) {
	a := &player{sessions: map[sdk.SessionId]*session{}}
	open := make(chan struct{})
	a.conn = sdk.NewAgentSideConnection(a, out, gate{open, in})
	a.conn.SetLogger(slog.New(slog.DiscardHandler))
	close(open)
	select {
	case <-a.conn.Done():
	case <-ctx.Done():
	}
	a.cancelAll()
	a.working.Wait()
}

// gate lets nothing in before the player has its connection.
type gate struct {
	open chan struct{}
	in   io.Reader
}

func (g gate) Read(b []byte) (int, error) {
	<-g.open
	return g.in.Read(b)
}

// player implements sdk.Agent.
type player struct {
	conn    *sdk.AgentSideConnection
	working sync.WaitGroup

	mu       sync.Mutex
	sessions map[sdk.SessionId]*session
}

// session is one conversation.
type session struct {
	dir    string
	model  sdk.ModelId
	mode   sdk.SessionModeId
	turns  int
	always bool // a person allowed everything for the session
	cancel context.CancelFunc
}

func (a *player) cancelAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.sessions {
		if s.cancel != nil {
			s.cancel()
		}
	}
}

// Initialize implements sdk.Agent.
func (a *player) Initialize(context.Context, sdk.InitializeRequest) (sdk.InitializeResponse, error) {
	return sdk.InitializeResponse{
		ProtocolVersion:   sdk.ProtocolVersionNumber,
		AgentCapabilities: sdk.AgentCapabilities{LoadSession: true},
		AgentInfo:         &sdk.Implementation{Name: "hapi-demo", Version: "1"},
		AuthMethods:       []sdk.AuthMethod{},
	}, nil
}

// NewSession implements sdk.Agent.
func (a *player) NewSession(_ context.Context, in sdk.NewSessionRequest) (sdk.NewSessionResponse, error) {
	id := sdk.SessionId(idPrefix + uuid.NewString())
	a.open(id, in.Cwd)
	return sdk.NewSessionResponse{SessionId: id, Models: models(), Modes: modes()}, nil
}

// LoadSession implements sdk.AgentLoader.
func (a *player) LoadSession(_ context.Context, in sdk.LoadSessionRequest) (sdk.LoadSessionResponse, error) {
	if !strings.HasPrefix(string(in.SessionId), idPrefix) {
		return sdk.LoadSessionResponse{}, &sdk.RequestError{Code: -32002, Message: "There is no such session"}
	}
	a.open(in.SessionId, in.Cwd)
	return sdk.LoadSessionResponse{Models: models(), Modes: modes()}, nil
}

func (a *player) open(id sdk.SessionId, dir string) {
	a.mu.Lock()
	a.sessions[id] = &session{dir: dir, model: modelQuick, mode: "work"}
	a.mu.Unlock()
	a.working.Go(func() {
		a.say(context.Background(), id, sdk.SessionUpdate{AvailableCommandsUpdate: &sdk.SessionAvailableCommandsUpdate{
			SessionUpdate: "available_commands_update",
			AvailableCommands: []sdk.AvailableCommand{
				{Name: "tour", Description: "show everything the demo can do"},
				{Name: "compact", Description: "pretend to shorten the conversation"},
			},
		}})
	})
}

func models() *sdk.SessionModelState {
	return &sdk.SessionModelState{CurrentModelId: modelQuick, AvailableModels: []sdk.ModelInfo{
		{ModelId: modelQuick, Name: "Demo, quick"}, {ModelId: modelPatient, Name: "Demo, patient"},
	}}
}

func modes() *sdk.SessionModeState {
	return &sdk.SessionModeState{CurrentModeId: "work", AvailableModes: []sdk.SessionMode{{Id: "work", Name: "Work"}, {Id: planMode, Name: "Plan"}}}
}

// Prompt implements sdk.Agent.
func (a *player) Prompt(ctx context.Context, in sdk.PromptRequest) (sdk.PromptResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.mu.Lock()
	s := a.sessions[in.SessionId]
	if s == nil {
		a.mu.Unlock()
		return sdk.PromptResponse{}, noSession
	}
	s.cancel = cancel
	s.turns++
	act := &act{player: a, id: in.SessionId, dir: s.dir, first: s.turns == 1, plan: s.mode == planMode, pause: pauses[s.model], always: &s.always}
	a.mu.Unlock()
	var text strings.Builder
	for _, b := range in.Prompt {
		if b.Text != nil {
			text.WriteString(b.Text.Text)
		}
	}
	err := act.perform(ctx, text.String())
	switch {
	case ctx.Err() != nil:
		return sdk.PromptResponse{StopReason: sdk.StopReasonCancelled}, nil //nolint:nilerr // the protocol's way to say it
	case err != nil:
		return sdk.PromptResponse{}, err
	}
	words := act.words
	return sdk.PromptResponse{StopReason: sdk.StopReasonEndTurn, Usage: &sdk.Usage{InputTokens: len(strings.Fields(text.String())), OutputTokens: words, TotalTokens: words}}, nil
}

var noSession = &sdk.RequestError{Code: -32002, Message: "There is no such session"}

// pauses between two words.
var pauses = map[sdk.ModelId]time.Duration{modelQuick: 12 * time.Millisecond, modelPatient: 60 * time.Millisecond}

// Cancel implements sdk.Agent.
func (a *player) Cancel(_ context.Context, in sdk.CancelNotification) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.sessions[in.SessionId]; s != nil && s.cancel != nil {
		s.cancel()
	}
	return nil
}

// SetSessionMode implements sdk.Agent.
func (a *player) SetSessionMode(_ context.Context, in sdk.SetSessionModeRequest) (sdk.SetSessionModeResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sessions[in.SessionId]
	if s == nil {
		return sdk.SetSessionModeResponse{}, noSession
	}
	s.mode = in.ModeId
	return sdk.SetSessionModeResponse{}, nil
}

// UnstableSetSessionModel implements a part of sdk.AgentExperimental.
func (a *player) UnstableSetSessionModel(_ context.Context, in sdk.UnstableSetSessionModelRequest) (sdk.UnstableSetSessionModelResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sessions[in.SessionId]
	model := sdk.ModelId(in.ModelId)
	switch {
	case s == nil:
		return sdk.UnstableSetSessionModelResponse{}, noSession
	case pauses[model] == 0:
		return sdk.UnstableSetSessionModelResponse{}, &sdk.RequestError{Code: -32602, Message: "the demo has no such model"}
	}
	s.model = model
	return sdk.UnstableSetSessionModelResponse{}, nil
}

// Authenticate implements sdk.Agent: there is nothing to sign in to.
func (*player) Authenticate(context.Context, sdk.AuthenticateRequest) (sdk.AuthenticateResponse, error) {
	return sdk.AuthenticateResponse{}, nil
}

// CloseSession implements sdk.Agent.
func (*player) CloseSession(context.Context, sdk.CloseSessionRequest) (sdk.CloseSessionResponse, error) {
	return sdk.CloseSessionResponse{}, sdk.NewMethodNotFound(sdk.AgentMethodSessionClose)
}

// ListSessions implements sdk.Agent.
func (*player) ListSessions(context.Context, sdk.ListSessionsRequest) (sdk.ListSessionsResponse, error) {
	return sdk.ListSessionsResponse{}, sdk.NewMethodNotFound(sdk.AgentMethodSessionList)
}

// ResumeSession implements sdk.Agent.
func (*player) ResumeSession(context.Context, sdk.ResumeSessionRequest) (sdk.ResumeSessionResponse, error) {
	return sdk.ResumeSessionResponse{}, sdk.NewMethodNotFound(sdk.AgentMethodSessionResume)
}

// SetSessionConfigOption implements sdk.Agent.
func (*player) SetSessionConfigOption(context.Context, sdk.SetSessionConfigOptionRequest) (sdk.SetSessionConfigOptionResponse, error) {
	return sdk.SetSessionConfigOptionResponse{}, sdk.NewMethodNotFound(sdk.AgentMethodSessionSetConfigOption)
}

// say sends an update. When nobody listens any more, the demo ends anyway.
func (a *player) say(ctx context.Context, id sdk.SessionId, u sdk.SessionUpdate) {
	_ = a.conn.SessionUpdate(ctx, sdk.SessionNotification{SessionId: id, Update: u})
}
