package claude

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/agent"
	"hapi/internal/agent/hook"
	"hapi/internal/wire"
)

// notebook is a session that notes what it is told.
type notebook struct {
	agent.Host // nothing else is called
	rows       []string
	resumable  string
	working    bool
	mode       wire.PermissionMode
	asked      []string
	settled    []string
}

func (n *notebook) Emit(r agent.Record) {
	var c struct {
		Content struct{ Text string }
	}
	_ = json.Unmarshal(r.Content, &c)
	n.rows = append(n.rows, c.Content.Text)
}
func (n *notebook) Resumable(id string)               { n.resumable = id }
func (n *notebook) Past(agent.Past)                   {}
func (n *notebook) Began(wire.LocalID, string)        {}
func (n *notebook) Working(yes bool)                  { n.working = yes }
func (n *notebook) ModeChanged(m wire.PermissionMode) { n.mode = m }
func (n *notebook) Suggested(string)                  {}
func (n *notebook) Titled(string)                     {}
func (n *notebook) Configured(func(c *agent.Config))  {}
func (n *notebook) Ask(context.Context, agent.PermissionRequest) (agent.Decision, error) {
	panic("nobody is asked from here")
}

func (n *notebook) Observed(r agent.PermissionRequest) func(status, reason string) {
	n.asked = append(n.asked, string(r.ID))
	return func(status, _ string) { n.settled = append(n.settled, string(r.ID)+" "+status) }
}

func observing(t *testing.T) (*terminal, *notebook, string) {
	t.Helper()
	n := &notebook{}
	return &terminal{
		agent: New("hapi"), host: n, log: slog.New(slog.DiscardHandler), calls: map[string]toolCall{},
		asked: map[string]func(status, reason string){}, wake: make(chan struct{}, 1), mode: wire.ModeDefault,
	}, n, filepath.Join(t.TempDir(), "s1.jsonl")
}

func prompt(main, id string) hook.Event {
	return hook.Event{Name: "UserPromptSubmit", SessionID: "s1", Transcript: main, PromptID: id, Prompt: "Hello " + id, Mode: "default"}
}

func promptLine(id string) string {
	return transcriptLine("user", "u"+id, "01", map[string]any{"role": "user", "content": "Hello " + id}, map[string]any{"promptId": id})
}

func TestAPromptIsToldOnceWhoeverTellsOfItFirst(t *testing.T) {
	t.Parallel()
	v, n, main := observing(t)
	v.hook(prompt(main, "1")) // the hook is first
	if !n.working || n.resumable != "s1" {
		t.Errorf("working %v in %q", n.working, n.resumable)
	}
	appendTo(t, main, promptLine("1"))
	v.scan(false)
	appendTo(t, main, promptLine("2")) // the transcript is first
	v.scan(false)
	v.hook(prompt(main, "2"))
	v.hook(hook.Event{Name: "Stop", SessionID: "s1", Transcript: main, Mode: "acceptEdits"})
	v.finish()
	if want := []string{"Hello 1", "Hello 2"}; !cmp.Equal(n.rows, want) {
		t.Errorf("told %q, want %q", n.rows, want)
	}
	if n.working || n.mode != wire.ModeAcceptEdits || n.resumable != "s1" {
		t.Errorf("working %v, mode %q, resumable %q", n.working, n.mode, n.resumable)
	}
}

func TestAPromptThatClaudeNeverWroteIsTold(t *testing.T) {
	t.Parallel()
	v, n, main := observing(t)
	v.hook(prompt(main, "1"))
	v.finish()
	if want := []string{"Hello 1"}; !cmp.Equal(n.rows, want) || n.resumable != "" {
		t.Errorf("told %q, resumable %q; want %q and nothing to resume", n.rows, n.resumable, want)
	}
}

func TestClaudeWorksUntilItHasTakenWhatWasEnteredInATurn(t *testing.T) {
	t.Parallel()
	queue := func(operation string) string {
		return fmt.Sprintf(`{"type":"queue-operation","operation":%q,"timestamp":"2026-08-01T10:00:00Z"}`+"\n", operation)
	}
	stop := hook.Event{Name: "Stop", SessionID: "s1"}
	for name, c := range map[string]struct {
		operations []string
		works      bool
		after      []string // the end of the turn
	}{
		"nothing entered":                     {},
		"one waits, and is taken":             {[]string{"enqueue"}, true, []string{"dequeue"}},
		"one was taken in the turn":           {[]string{"enqueue", "remove"}, false, nil},
		"two wait, and are taken":             {[]string{"enqueue", "enqueue"}, true, []string{"dequeue", "dequeue"}},
		"the person takes all back":           {[]string{"enqueue", "enqueue"}, true, []string{"popAll"}},
		"more is taken than was ever waiting": {[]string{"dequeue"}, false, nil},
	} {
		v, n, main := observing(t)
		v.hook(prompt(main, "1"))
		appendTo(t, main, promptLine("1"))
		for _, o := range c.operations {
			appendTo(t, main, queue(o))
		}
		stop.Transcript = main
		v.hook(stop)
		if n.working != c.works {
			t.Errorf("%s: after the turn it works: %v", name, n.working)
		}
		for _, o := range c.after {
			appendTo(t, main, queue(o))
		}
		v.scan(false)
		if n.working {
			t.Errorf("%s: in the end it works", name)
		}
	}
}

func TestAQueueThatIsNeverTakenKeepsNobodyWaitingForEver(t *testing.T) {
	t.Parallel()
	v, n, main := observing(t)
	v.hook(prompt(main, "1"))
	appendTo(t, main, `{"type":"queue-operation","operation":"enqueue","timestamp":"2026-08-01T10:00:00Z"}`+"\n")
	v.hook(hook.Event{Name: "Stop", SessionID: "s1", Transcript: main})
	v.busy.ended = v.busy.ended.Add(-takenWithin)
	v.scan(false)
	if n.working {
		t.Error("it works for ever")
	}
}

func TestARequestAtTheTerminalIsShownAndSettled(t *testing.T) {
	t.Parallel()
	v, n, main := observing(t)
	input := json.RawMessage(`{"command":"make"}`)
	ask := hook.Event{Name: "PermissionRequest", SessionID: "s1", Transcript: main, Tool: "Bash", Input: input}
	call := func(id string) string {
		return transcriptLine("assistant", "a"+id, "02", map[string]any{"content": []any{map[string]any{"type": "tool_use", "id": id, "name": "Bash", "input": input}}}, nil)
	}
	result := func(id, decision string) string {
		return transcriptLine("user", "r"+id, "03", map[string]any{"content": []any{map[string]any{"type": "tool_result", "tool_use_id": id}}}, map[string]any{"permissionDecision": map[string]string{"decision": decision}})
	}
	v.hook(ask) // the transcript does not have the call yet
	v.scan(false)
	if len(n.asked) != 0 {
		t.Fatalf("shown too early: %v", n.asked)
	}
	appendTo(t, main, call("t1"))
	v.scan(false)
	appendTo(t, main, result("t1", "accept"))
	v.scan(false)
	appendTo(t, main, call("t2"))
	v.hook(ask)
	v.scan(false)
	appendTo(t, main, result("t2", "reject"))
	v.scan(false)
	appendTo(t, main, call("t3"))
	v.hook(ask)
	v.scan(false)
	v.host.Working(true)
	appendTo(t, main, transcriptLine("user", "i", "04", map[string]any{"content": []any{map[string]any{"type": "text", "text": "[Request interrupted by user]"}}}, nil))
	v.scan(false)
	if want := "t1 approved, t2 denied, t3 canceled"; strings.Join(n.settled, ", ") != want || !cmp.Equal(n.asked, []string{"t1", "t2", "t3"}) {
		t.Errorf("shown %v, settled %v, want %s", n.asked, n.settled, want)
	}
	if n.working {
		t.Error("an interrupted turn still works")
	}
}

func TestATranscriptUnderAnotherNameIsTheSame(t *testing.T) {
	t.Parallel()
	v, n, main := observing(t)
	appendTo(t, main, promptLine("1")) // it came by the hub
	v.main, v.native = main, "s1"
	v.agent.known.skip(main, false)
	link := filepath.Join(t.TempDir(), "linked")
	if err := os.Symlink(filepath.Dir(main), link); err != nil {
		t.Fatal(err)
	}
	v.hook(hook.Event{Name: "SessionStart", SessionID: "s1", Transcript: filepath.Join(link, "s1.jsonl")})
	appendTo(t, main, promptLine("2"))
	v.finish()
	if want := []string{"Hello 2"}; !cmp.Equal(n.rows, want) {
		t.Errorf("told %q, want %q", n.rows, want)
	}
}
