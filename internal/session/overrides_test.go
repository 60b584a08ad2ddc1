package session

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

func TestWhatAMessageOverridesHoldsUntilItIsTakenBack(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := &Session{flavor: wire.FlavorClaude, queue: newQueue(), log: slog.New(slog.NewTextHandler(&log, nil))}
	s.queue.isAlone = func(text string) bool { return strings.HasPrefix(text, "/") }
	base := agent.Overrides{AppendPrompt: "Be brief.", AllowedTools: "Read,Bash(ls:*)"}
	system := base
	system.SystemPrompt = "You are a pirate."
	less := system
	less.AppendPrompt = ""
	for i, meta := range []string{
		`{"sentFrom":"peer"}`,
		`{"appendSystemPrompt":"Be brief.","allowedTools":["Read","Bash(ls:*)"]}`,
		`{"sentFrom":"peer"}`,
		`{"customSystemPrompt":"You are a pirate.","disallowedTools":"secret","fallbackModel":7,"allowedTools":["a",1]}`,
		`{"appendSystemPrompt":null,"fallbackModel":"\u0000"}`,
		`[]`,
	} {
		s.receive(wire.DeliveredMessage{ID: wire.MessageID(fmt.Sprint(i)), Content: json.RawMessage(`{"role":"user","content":{"type":"text","text":"m` + fmt.Sprint(i) + `"},"meta":` + meta + `}`)})
	}
	for _, want := range []struct {
		text string
		over agent.Overrides
	}{{"m0", agent.Overrides{}}, {"m1\nm2", base}, {"m3", system}, {"m4\nm5", less}} {
		batch := s.queue.take()
		text, files := joined(batch)
		if p := promptOf(batch, text, files); p.Text != want.text || p.Overrides != want.over {
			t.Errorf("the agent gets %+v, want %+v", p, want)
		}
	}
	for _, key := range []string{"disallowedTools", "fallbackModel", "allowedTools"} {
		if !strings.Contains(log.String(), "key="+key) {
			t.Errorf("nothing says that %s was left out: %s", key, log.String())
		}
	}
	if strings.Contains(log.String(), "secret") {
		t.Error("what a message says is in the log")
	}
}

func TestOtherAgentsHaveNoOverrides(t *testing.T) {
	t.Parallel()
	s := &Session{flavor: wire.FlavorCodex, log: slog.New(slog.DiscardHandler)}
	if got := s.override(json.RawMessage(`{"appendSystemPrompt":"Be brief."}`)); got != (agent.Overrides{}) {
		t.Errorf("it has %+v", got)
	}
}
