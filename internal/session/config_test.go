package session

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"

	"hapi/internal/agent"
	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

// confirming is a conversation whose agent takes efforts at once, one model later
// and another one never.
type confirming struct {
	agent.Conversation
	holds agent.Config
}

func (c *confirming) Holds() agent.Config { return c.holds }

func (c *confirming) Change(_ context.Context, change func(*agent.Config)) error {
	asked := c.holds
	change(&asked)
	c.holds.Effort, c.holds.PermissionMode = asked.Effort, asked.PermissionMode
	if asked.Model == "never" {
		return errors.New("Fake did not take it")
	}
	return nil
}

func TestWhatIsSaidToBeAppliedIsWhatHolds(t *testing.T) {
	t.Parallel()
	conv := &confirming{holds: agent.Config{Model: "old", PermissionMode: wire.ModeDefault}}
	client := hubclient.New(hubclient.Options{BaseURL: "http://hub", Logger: slog.New(slog.DiscardHandler)})
	row := wire.Session{ID: "mine"}
	s := &Session{flavor: wire.FlavorOpencode, client: client, row: row, conv: conv, config: conv.holds, want: Remote, log: slog.New(slog.DiscardHandler)}
	s.link = client.Link(row, hubclient.LinkOptions{})
	for _, step := range []struct{ params, applied, refused, effort string }{
		{`{"modelReasoningEffort":"high"}`, `{"applied":{"model":"old","modelReasoningEffort":"high","permissionMode":"default"}}`, "", "high"},
		{`{"model":"later","permissionMode":"plan"}`, `{"applied":{"model":"old","modelReasoningEffort":"high","permissionMode":"plan"}}`, "", "high"},
		{`{"model":"never","modelReasoningEffort":"low"}`, `null`, "Fake did not take it", "low"},
		{`{"model":7,"modelReasoningEffort":"max"}`, `null`, "Invalid model", "low"},
	} {
		answer, err := s.callConfigure(t.Context(), json.RawMessage(step.params))
		if got := string(mustObject(answer)); got != step.applied || (err == nil) != (step.refused == "") || err != nil && err.Error() != step.refused {
			t.Errorf("%s: %s, %v, want %s, %q", step.params, got, err, step.applied, step.refused)
		}
		if got := s.configured(); got.Model != "old" || got.Effort != step.effort {
			t.Errorf("%s: peers are told %+v", step.params, got)
		}
	}
}
