package session

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// How a person goes on when the agent cannot open the earlier conversation.
const (
	goOnAgain = "Try again"
	goOnAnew  = "Start a new conversation"
	goOnNot   = "Leave it"
)

// give gives the agent a prompt. An earlier conversation that the agent cannot
// open is neither given up nor replaced unasked: a person decides, and the prompt
// waits for that.
func (s *Session) give(ctx context.Context, t *turn, conv agent.Conversation, p agent.Prompt) error {
	for {
		err := conv.Prompt(ctx, p)
		var failed *agent.Failure
		if !errors.As(err, &failed) || failed.Kind != agent.NotResumed {
			return err
		}
		choice, err := s.askInTurn(ctx, t, failed.Text)
		switch {
		case s.aborted(t):
			return agent.ErrInterrupted
		case err != nil:
			return err
		}
		switch choice {
		case goOnAgain:
		case goOnAnew:
			if err := conv.Reset(ctx); err != nil {
				return err
			}
			s.event(message("Context was reset"))
		default:
			return &agent.Failure{Kind: agent.NotResumed, Text: failed.Text + " Your message was not given to it, and no other conversation was begun. Send it again to be asked again, or /clear to begin anew."}
		}
	}
}

// askInTurn asks until ctx ends or the turn is aborted.
func (s *Session) askInTurn(ctx context.Context, t *turn, why string) (choice string, err error) {
	ctx, withdraw := context.WithCancelCause(ctx)
	defer withdraw(nil)
	s.mu.Lock()
	t.withdraw = withdraw
	if t.cancelled {
		withdraw(errAborted)
	}
	s.mu.Unlock()
	return askHowToGoOn(ctx, host{s}, why)
}

// askHowToGoOn asks a person, as agents ask their questions. Without an answer
// nothing is chosen.
func askHowToGoOn(ctx context.Context, h agent.Host, why string) (choice string, err error) {
	const tool, question = "request_user_input", "resume"
	option := func(label, description string) map[string]string {
		return map[string]string{"label": label, "description": description}
	}
	input := map[string]any{"questions": []any{map[string]any{
		"id": question, "header": "Resume", "question": why + " How should it go on? Your message waits.",
		"options": []any{
			option(goOnAgain, "Open it once more, such as after you have put it right on the machine."),
			option(goOnAnew, "The agent begins without knowing what was said before. You still see it here."),
			option(goOnNot, "Nothing happens. Your message is not given to the agent."),
		},
	}}}
	id := uuid.NewString()
	h.Emit(agent.Generic(map[string]any{"type": "tool-call", "name": tool, "callId": id, "input": input, "id": uuid.NewString()}))
	d, err := h.Ask(ctx, agent.PermissionRequest{ID: wire.RequestID(id), Tool: tool, Arguments: mustObject(input)})
	output, refused := map[string]any{"decision": wire.DecisionDenied}, true
	if err == nil && d.Approved {
		for _, label := range []string{goOnAgain, goOnAnew, goOnNot} {
			if slices.Contains(d.Given()[question], label) {
				choice, refused = label, false
				output = map[string]any{"answers": map[string]any{question: map[string]any{"answers": []string{label}}}}
			}
		}
	}
	h.Emit(agent.Generic(map[string]any{"type": "tool-call-result", "callId": id, "output": output, "is_error": refused, "id": uuid.NewString()}))
	return choice, err
}
