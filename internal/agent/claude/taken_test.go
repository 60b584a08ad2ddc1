package claude

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// TestMain lets the test's own program be a Claude that does what a test wants.
func TestMain(m *testing.M) {
	if manner := os.Getenv("TEST_CLAUDE"); manner != "" {
		os.Exit(playClaude(manner))
	}
	os.Exit(m.Run())
}

// playClaude speaks Claude's protocol: a Claude that hesitates has prompts in
// its queue and does not begin, one that drops dead ends without a word.
func playClaude(manner string) int {
	say := func(v map[string]any) {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		_, _ = fmt.Println(string(raw))
	}
	if name := os.Getenv("TEST_CLAUDE_STARTS"); name != "" {
		raw, _ := json.Marshal(os.Args[1:])
		f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		_, _ = fmt.Fprintln(f, string(raw))
		_ = f.Close()
	}
	var waiting []string
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var l struct {
			Type, UUID string
			RequestID  string `json:"request_id"`
			Request    struct{ Subtype, Mode string }
		}
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return 2
		}
		switch {
		case l.Type == "user" && manner == "drops dead":
			return 3
		case l.Type == "user":
			waiting = append(waiting, l.UUID)
			say(map[string]any{"type": "command_lifecycle", "command_uuid": l.UUID, "state": "queued"})
			say(map[string]any{"type": "system", "subtype": "status", "uuid": newUUID()}) // of something else
			if manner == "hesitates" {
				break
			}
			say(map[string]any{"type": "command_lifecycle", "command_uuid": l.UUID, "state": "started"})
			say(map[string]any{"type": "system", "subtype": "init", "session_id": "s1", "permissionMode": "default", "uuid": newUUID()})
			say(map[string]any{"type": "assistant", "uuid": newUUID(), "session_id": "s1", "message": map[string]any{"content": "Hello"}})
			say(map[string]any{"type": "result", "subtype": "success", "session_id": "s1", "uuid": newUUID()})
		case l.Type == "control_request" && l.Request.Mode == "auto":
			say(map[string]any{"type": "control_response", "response": map[string]any{"subtype": "error", "request_id": l.RequestID, "error": "auto mode unavailable for this model"}})
		case l.Type == "control_request":
			say(map[string]any{"type": "control_response", "response": map[string]any{
				"subtype": "success", "request_id": l.RequestID, "response": map[string]any{"still_queued": []string{}, "cancelled": waiting},
			}})
			waiting = nil
		}
	}
	return 0
}

// told notes what a session would be told, in order.
type told struct {
	agent.Host // nothing else is called
	events     chan string
}

func (h *told) Emit(agent.Record)               { h.events <- "row" }
func (h *told) Resumable(string)                {}
func (h *told) Catalog(agent.Catalog)           {}
func (h *told) Past(agent.Past)                 {}
func (h *told) ModeChanged(wire.PermissionMode) {}

// opened is a conversation with a Claude of a manner, and what is told of it.
func opened(t *testing.T, manner string, change ...func(*agent.Options)) (*conversation, agent.Prompt, chan string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := &told{events: make(chan string, 8)}
	o := agent.Options{Dir: t.TempDir(), Path: self, Env: append(os.Environ(), "TEST_CLAUDE="+manner)}
	for _, c := range change {
		c(&o)
	}
	conv, err := New("hapi").Open(t.Context(), h, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conv.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return conv.(*conversation), agent.Prompt{Text: "Hello", Accepted: func() { h.events <- "accepted" }}, h.events
}

// all is what was told so far.
func all(events chan string) []string {
	var list []string
	for {
		select {
		case e := <-events:
			list = append(list, e)
		default:
			return list
		}
	}
}

func TestAPromptIsAcceptedOnceClaudeHasBegunWithIt(t *testing.T) {
	t.Parallel()
	c, p, events := opened(t, "answers")
	if err := c.Prompt(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(all(events)); got != "[accepted row row]" {
		t.Errorf("told %s, want it to be accepted once, before what it brings about", got)
	}
}

func TestAPromptThatClaudeHadNotBegunWithIsNotAcceptedAtASwitch(t *testing.T) {
	t.Parallel()
	c, p, events := opened(t, "hesitates")
	switched := errors.New("switched")
	ctx, leave := context.WithCancelCause(t.Context())
	go leaveOnceQueued(c, func() { leave(switched) })
	if err := c.Prompt(ctx, p); !errors.Is(err, switched) {
		t.Errorf("it ended by %v, want the switch", err)
	}
	if got := all(events); len(got) != 0 {
		t.Errorf("told %v, want nothing: the prompt is given again", got)
	}
}

func TestAnAbortTakesBackAPromptThatClaudeHadNotBegunWith(t *testing.T) {
	t.Parallel()
	c, p, events := opened(t, "hesitates")
	aborted := make(chan error, 1)
	go leaveOnceQueued(c, func() { aborted <- c.Interrupt(t.Context()) })
	if err := c.Prompt(t.Context(), p); !errors.Is(err, agent.ErrInterrupted) {
		t.Errorf("it ended by %v, want the abort", err)
	}
	if err := <-aborted; err != nil {
		t.Error(err)
	}
	if got := all(events); len(got) != 0 {
		t.Errorf("told %v, want nothing", got)
	}
}

// leaveOnceQueued acts when Claude has the running prompt in its queue.
func leaveOnceQueued(c *conversation, act func()) {
	for {
		c.mu.Lock()
		queued := c.turn != nil && c.turn.queued
		c.mu.Unlock()
		if queued {
			act()
			return
		}
		runtime.Gosched()
	}
}

func TestAPromptIsNotAcceptedByAClaudeThatEndsBeforeItBegins(t *testing.T) {
	t.Parallel()
	c, p, events := opened(t, "drops dead")
	var failed *agent.Failure
	if err := c.Prompt(t.Context(), p); !errors.As(err, &failed) || !failed.Silent {
		t.Errorf("it ended by %v, want a failure that did nothing", err)
	}
	if got := all(events); len(got) != 0 {
		t.Errorf("told %v, want nothing: the prompt can be given again", got)
	}
}

func TestAutoModeThatClaudeRefusesIsNotTaken(t *testing.T) {
	t.Parallel()
	c, p, _ := opened(t, "answers")
	if err := c.Prompt(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	before := c.config
	var refused *agent.ModeRefused
	if err := c.Configure(t.Context(), agent.Config{PermissionMode: wire.ModeAuto, Model: "other"}); !errors.As(err, &refused) || c.config != before || c.stale {
		t.Errorf("it ended by %v and has %+v, want it refused, and nothing changed", err, c.config)
	}
	if err := c.Configure(t.Context(), agent.Config{PermissionMode: wire.ModePlan}); err != nil || c.config.PermissionMode != wire.ModePlan {
		t.Errorf("planning: %v", err)
	}
}

func TestAClaudeThatBeginsWithoutAutoModeSaysSo(t *testing.T) {
	t.Parallel()
	c, p, events := opened(t, "answers", func(o *agent.Options) { o.Config.PermissionMode = wire.ModeAuto })
	if err := c.Prompt(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got := all(events); len(got) != 4 || c.config.PermissionMode != wire.ModeDefault {
		t.Errorf("told %v and it has %q, want a notice besides, and the default", got, c.config.PermissionMode)
	}
}
