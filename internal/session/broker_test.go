package session

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// shownState is an agent state that is written like the hub's.
type shownState struct {
	mu    sync.Mutex
	state wire.AgentState
	wrote chan struct{}
}

func newShownState() *shownState { return &shownState{wrote: make(chan struct{}, 100)} }

func (s *shownState) write(ctx context.Context, change func(*wire.AgentState)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	change(&s.state)
	s.wrote <- struct{}{}
	return nil
}

func (s *shownState) completed(id wire.RequestID) wire.CompletedRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.CompletedRequests[id]
}

type answered struct {
	d   agent.Decision
	err error
}

func askInBackground(ctx context.Context, b *broker, r agent.PermissionRequest) chan answered {
	out := make(chan answered, 1)
	go func() {
		d, err := b.ask(ctx, r)
		out <- answered{d, err}
	}()
	return out
}

func TestTheFirstAnswerCounts(t *testing.T) {
	t.Parallel()
	shown := newShownState()
	b := newBroker(shown.write, func(context.Context, agent.Decision) {}, atOnce)
	result := askInBackground(t.Context(), b, agent.PermissionRequest{ID: "r1", Tool: "Bash", Arguments: json.RawMessage(`{}`)})
	<-shown.wrote
	for _, approved := range []bool{true, false} {
		if err := b.answer(t.Context(), agent.Decision{ID: "r1", Approved: approved}); err != nil {
			t.Fatal(err)
		}
	}
	if got := <-result; got.err != nil || !got.d.Approved {
		t.Errorf("the agent got %+v", got)
	}
	if got := shown.completed("r1").Status; got != wire.StatusApproved {
		t.Errorf("people see %q", got)
	}
}

func TestAWithdrawnRequestIsShownAsCancelledAndAsksNoMore(t *testing.T) {
	t.Parallel()
	shown := newShownState()
	b := newBroker(shown.write, func(context.Context, agent.Decision) {}, atOnce)
	ctx, withdraw := context.WithCancelCause(t.Context())
	result := askInBackground(ctx, b, agent.PermissionRequest{ID: "r1", Tool: "Bash"})
	<-shown.wrote
	reason := errors.New("the turn was aborted")
	withdraw(reason)
	if got := <-result; !errors.Is(got.err, reason) {
		t.Errorf("the agent got %+v", got)
	}
	if got := shown.completed("r1"); got.Status != wire.StatusCanceled || got.Reason != reason.Error() {
		t.Errorf("people see %+v", got)
	}
	if err := b.answer(t.Context(), agent.Decision{ID: "r1", Approved: true}); err != nil {
		t.Fatal(err)
	}
	if got := shown.completed("r1"); got.Status != wire.StatusCanceled {
		t.Errorf("a late answer made it %q", got.Status)
	}
}

func TestAQuestionApprovedWithoutAnAnswerIsARefusal(t *testing.T) {
	t.Parallel()
	shown := newShownState()
	b := newBroker(shown.write, func(context.Context, agent.Decision) {}, atOnce)
	result := askInBackground(t.Context(), b, agent.PermissionRequest{ID: "q1", Tool: "AskUserQuestion", Arguments: json.RawMessage(`{}`)})
	<-shown.wrote
	if err := b.answer(t.Context(), agent.Decision{ID: "q1", Approved: true}); err != nil {
		t.Fatal(err)
	}
	<-result
	if got := shown.completed("q1").Status; got != wire.StatusDenied {
		t.Errorf("people see %q, want denied", got)
	}
}

// atOnce does what a session does in the background.
func atOnce(do func(context.Context) error) { _ = do(context.Background()) }
