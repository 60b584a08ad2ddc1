package acp

import (
	"strings"
	"testing"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// change asks a conversation for a model and an effort.
func change(t *testing.T, c agent.Conversation, model, effort string) error {
	t.Helper()
	return c.(agent.Confirmer).Change(t.Context(), func(config *agent.Config) { config.Model, config.Effort = model, effort })
}

func holds(t *testing.T, c agent.Conversation, model, effort string) {
	t.Helper()
	if got := c.(agent.Confirmer).Holds(); got.Model != model || got.Effort != effort {
		t.Errorf("model %q and effort %q hold, want %q and %q", got.Model, got.Effort, model, effort)
	}
}

// working says something, and wants the agent to do it by a model and an effort.
func working(t *testing.T, r *recorder, c agent.Conversation, by string) {
	t.Helper()
	if err := say(t, c, "Go"); err != nil {
		t.Fatal(err)
	}
	if got := r.texts("message"); !strings.HasSuffix(got, "I am "+by+". ") {
		t.Errorf("the agent said %q, want it to be %s", got, by)
	}
}

func TestAModelAndAnEffortHoldOnceTheAgentConfirmedThem(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	c := open(t, "settings", r, agent.Options{})
	working(t, r, c, "a at low")
	holds(t, c, "", "")
	for _, step := range []struct{ model, effort, refused, holdsModel, holdsEffort, works string }{
		{"a", "high", "", "a", "high", "a at high"},
		{"b", "high", "", "b", "high", "b at high"}, // b begins with another effort
		{"dear", "high", `Fake did not take the model "dear": Your account does not have it`, "b", "high", "b at high"},
		{"stubborn", "high", `did not take the model "stubborn": it goes on with "b"`, "b", "high", "b at high"},
		{"a", "huge", `did not take the effort "huge": it does not offer that`, "a", "high", "a at high"},
		{"plain", "high", `did not take the effort "high"`, "plain", "", "plain at high"},
		{"", "", "", "", "", "a at low"}, // its present effort was asked for
		{"", "medium", "", "", "medium", "a at medium"},
		{"", "", "", "", "", "a at low"}, // as it began
	} {
		err := change(t, c, step.model, step.effort)
		if (err == nil) != (step.refused == "") || err != nil && !strings.Contains(err.Error(), step.refused) {
			t.Errorf("%s, %s: %v, want %q", step.model, step.effort, err, step.refused)
		}
		holds(t, c, step.holdsModel, step.holdsEffort)
		working(t, r, c, step.works)
	}
}

func TestAChangeInATurnHoldsAfterItAndThatIsSaid(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	c := open(t, "settings", r, agent.Options{})
	r.decide = func(q agent.PermissionRequest) agent.Decision {
		if err := change(t, c, "b", ""); err != nil {
			t.Error(err)
		}
		holds(t, c, "", "")
		return agent.Decision{ID: q.ID}
	}
	if err := say(t, c, "Ask"); err != nil {
		t.Fatal(err)
	}
	if got := r.texts("message"); got != `Fake takes the model "b" when this turn has ended.|I am a at low. ` {
		t.Errorf("the conversation has %q", got)
	}
	working(t, r, c, "b at medium")
	holds(t, c, "b", "")
	if r.configured().Model != "b" {
		t.Errorf("the session was told %+v", r.configured())
	}
}

func TestARefusalAfterATurnIsSaidAndRolledBack(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	c := open(t, "settings", r, agent.Options{})
	r.decide = func(q agent.PermissionRequest) agent.Decision {
		if err := change(t, c, "dear", "high"); err != nil {
			t.Error(err)
		}
		return agent.Decision{ID: q.ID}
	}
	if err := say(t, c, "Ask"); err != nil {
		t.Fatal(err)
	}
	r.waitFor("the refusal", func() bool {
		return strings.HasSuffix(r.texts("message"), `Fake did not take the model "dear": Your account does not have it.`)
	})
	holds(t, c, "", "high")
	if got := r.configured(); got.Model != "" || got.Effort != "high" {
		t.Errorf("the session was told %+v", got)
	}
}

func TestWhatASessionBeginsWithIsRefusedVisibly(t *testing.T) {
	t.Parallel()
	r := &recorder{config: agent.Config{Model: "dear"}}
	c := open(t, "settings", r, agent.Options{Config: agent.Config{Model: "dear", PermissionMode: wire.ModePlan}})
	holds(t, c, "dear", "") // it is what the agent is to begin with
	working(t, r, c, "a at low")
	if got := r.texts("message"); !strings.Contains(got, `did not take the model "dear": Your account does not have it.`) ||
		strings.Count(got, `did not change its own mode: Your account does not have it. What it asks for is decided by mode "plan" all the same.`) != 1 {
		t.Errorf("the conversation has %q", got)
	}
	holds(t, c, "", "")
	if r.configured().Model != "" {
		t.Errorf("the session was told %+v", r.configured())
	}
}

func TestAModelThatTheAgentTakesItselfIsTold(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	c := open(t, "settings", r, agent.Options{})
	if err := say(t, c, "Move"); err != nil {
		t.Fatal(err)
	}
	holds(t, c, "b", "")
	if r.configured().Model != "b" {
		t.Errorf("the session was told %+v", r.configured())
	}
	working(t, r, c, "b at low") // it is not undone
}

func TestAnAgentWithoutModelsSaysSoOnce(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	c := open(t, "echo", r, agent.Options{Config: agent.Config{Model: "b"}})
	for range 2 {
		if err := say(t, c, "hello"); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.texts("message"); got != `Fake did not take the model "b": its model cannot be changed from here.|You said hello|You said hello` {
		t.Errorf("the conversation has %q", got)
	}
	holds(t, c, "", "")
}
