package opencode

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/agent"
	"hapi/internal/agent/opencode/api"
	"hapi/internal/wire"
)

// hub is the session as OpenCode tells it.
type hub struct {
	mu   sync.Mutex
	rows []string          // what is told, one line each
	keys map[string]string // rows by key
}

func (h *hub) add(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rows = append(h.rows, fmt.Sprintf(format, args...))
}

func (h *hub) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.rows)
}

func (h *hub) Emit(r agent.Record) {
	var c struct {
		Role    string `json:"role"`
		Content struct {
			Type string          `json:"type"`
			Text string          `json:"text"`
			Data json.RawMessage `json:"data"`
		} `json:"content"`
	}
	var d struct {
		Type    string          `json:"type"`
		Message string          `json:"message"`
		Name    string          `json:"name"`
		Input   json.RawMessage `json:"input"`
		Output  json.RawMessage `json:"output"`
		Failed  bool            `json:"is_error"`
		Scope   string          `json:"hapiUsageScope"`
		Model   string          `json:"model"`
		Info    struct {
			Total json.RawMessage `json:"total"`
		} `json:"info"`
	}
	_ = json.Unmarshal(r.Content, &c)
	_ = json.Unmarshal(c.Content.Data, &d)
	line := d.Type + ": " + d.Message
	switch {
	case c.Role == "user":
		line = "person: " + c.Content.Text
	case d.Type == "tool-call":
		line = fmt.Sprintf("call %s %s", d.Name, canonical(d.Input))
	case d.Type == "tool-call-result":
		line = fmt.Sprintf("result %.48s %v", canonical(d.Output), d.Failed)
	case d.Type == "token_count":
		line = fmt.Sprintf("used %s %s %s", d.Model, d.Info.Total, d.Scope)
	}
	h.add("%s", line)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.keys == nil {
		h.keys = map[string]string{}
	}
	if h.keys[r.Key] != "" {
		h.rows = append(h.rows, "TOLD TWICE: "+r.Key)
	}
	h.keys[r.Key] = line
}

func (h *hub) Ask(context.Context, agent.PermissionRequest) (agent.Decision, error) {
	panic("nobody is asked from afar")
}
func (h *hub) Decided(agent.PermissionRequest, agent.Decision) { panic("nothing is decided") }
func (h *hub) Resumable(id string)                             { h.add("conversation %s", id) }
func (h *hub) Past(agent.Past)                                 {}
func (h *hub) Began(wire.LocalID, string)                      {}
func (h *hub) Catalog(agent.Catalog)                           {}
func (h *hub) ModeChanged(m wire.PermissionMode)               { h.add("mode %s", m) }
func (h *hub) Titled(title string)                             { h.add("title %s", title) }
func (h *hub) Suggested(string)                                {}
func (h *hub) Working(yes bool)                                { h.add("working %v", yes) }

func (h *hub) Configured(change func(c *agent.Config)) {
	var c agent.Config
	change(&c)
	h.add("configured %s %s", c.Model, c.Effort)
}

func (h *hub) Observed(r agent.PermissionRequest) func(status, reason string) {
	h.add("asks %s %s", r.Tool, canonical(r.Arguments))
	return func(status, _ string) { h.add("%s %s", status, r.Tool) }
}

// canonical is JSON with its keys sorted, as it is read by people.
func canonical(raw json.RawMessage) string {
	var v any
	_ = json.Unmarshal(raw, &v)
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return strings.TrimSpace(b.String())
}

// recordedMirror follows a recording, which is of any time.
func recordedMirror(t *testing.T, h agent.Host, o agent.Options) *mirror {
	t.Helper()
	server, err := api.New() // nobody listens there
	if err != nil {
		t.Fatal(err)
	}
	o.Logger = slog.New(slog.DiscardHandler)
	m := newMirror(h, o, server)
	m.began = 0
	if o.Resume == "" || o.Untold {
		m.since = 0
	}
	return m
}

func (m *mirror) replay(t *testing.T, name string) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m.event(t.Context(), lines.Bytes())
	}
	m.finish()
}

func exported(t *testing.T, name string) []exchange {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Messages []exchange `json:"messages"`
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out.Messages
}

const firstSession = "ses_de83ea310ffeKyHKjzATKrQ4EW"

// The recordings are of OpenCode 1.18, of a person at its interface: the first of
// a conversation with tools, requests and a sub-agent, which the person left in
// the middle of a command; the second of one that goes on with yolo, then of a
// new one with a compaction and a command of the person's own.
func TestRecordedConversation(t *testing.T) {
	t.Parallel()
	h := &hub{}
	m := recordedMirror(t, h, agent.Options{})
	m.replay(t, "testdata/first.jsonl")
	const answer, thought = "message: Answer from the model.", "reasoning: **Think** hard"
	const used = `used double/scripted {"cacheWriteInputTokens":0,"cachedInputTokens":0,"inputTokens":12,"outputTokens":7,"thoughtTokens":0,"totalTokens":19} `
	const questions = `{"questions":[{"header":"Colour","options":[{"description":"r","label":"Red"},{"description":"g","label":"Green"}],"question":"Which colour?"}]}`
	const bash = `{"command":"echo from-the-shell > made.txt; echo out","description":"do it"}`
	const write = `{"content":"some text\n","filePath":"/home/dev/project/written.txt"}`
	then := []string{used, thought, answer, used, "working false"}
	want := slices.Concat(
		[]string{"conversation " + firstSession, "person: Hello there", "working true", "title A fine title", thought, answer, used, "working false"},
		[]string{"person: please DOBASH now", "working true", "call bash " + bash, "asks bash " + bash, "approved bash", `result {"content":"out\n","metadata":{"exit":0,"output" false`}, then,
		[]string{"person: DOASK me", "working true", "asks AskUserQuestion " + questions, "call AskUserQuestion " + questions, "approved AskUserQuestion", `result {"content":"User has answered your questions: \" false`}, then,
		[]string{"person: DOTODO list", "working true", `call todowrite {"todos":[{"content":"Count","priority":"high","status":"in_progress"},{"content":"Sum","priority":"low","status":"pending"}]}`, `result {"content":"[\n  {\n    \"content\": \"Count\",\ false`}, then,
		[]string{"person: DOTASK sub", "working true", `call task {"description":"look around","prompt":"SUBAGENT go","subagent_type":"general"}`, `result {"content":"<task id=\"ses_de833ee44ffeZzf5nIK8I false`}, then,
		[]string{"person: DOREAD it", "working true", `call read {"filePath":"/home/dev/project/missing.txt"}`, `result {"content":"File not found: /home/dev/project/mi true`}, then,
		[]string{"person: DOWRITE it", "working true", "call write " + write, "asks write " + write, "denied write", `result {"content":"The user rejected permission to use  true`, used, "working false"},
		[]string{"person: DOSLOW x", "working true", `asks bash {"command":"echo begun; sleep 20; echo done"}`, `call bash {"command":"echo begun; sleep 20; echo done","description":"do it"}`, "approved bash", "working false", `result {"content":"begun\n\n\n<shell_metadata>\nUser ab false`, "message: Aborted by user"},
	)
	got := h.all()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the conversation differs (-want +got):\n%s", diff)
	}
	if m.incomplete() {
		t.Error("OpenCode said that nothing follows, and more is awaited")
	}

	// What is read back, and the events once more, say nothing that was not said.
	m.tellAll(exported(t, "testdata/first.export.json"), true)
	m.tellAll(exported(t, "testdata/first.export.json"), false)
	if now := h.all(); len(now) != len(got) {
		t.Errorf("what was read back says again: %q", now[len(got):])
	}
	other := &hub{}
	late := recordedMirror(t, other, agent.Options{Resume: firstSession, Untold: true})
	late.tellAll(exported(t, "testdata/first.export.json"), true)
	late.finish()
	if diff := cmp.Diff(h.keys, other.keys); diff != "" {
		t.Errorf("what is read back is not what was told at once (-at once +read back):\n%s", diff)
	}
}

func TestAPersonGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	h := &hub{}
	m := recordedMirror(t, h, agent.Options{Resume: "ses_de8321a2cffejE8aHPKkE4CaoH", Config: agent.Config{PermissionMode: wire.ModeYolo, Model: "double/other"}})
	m.since = 0
	m.replay(t, "testdata/second.jsonl")
	got := strings.Join(h.all(), "\n")
	for _, want := range []string{
		"configured double/scripted \nmode plan\nperson: DOWRITE auto",
		"working false\nconversation ses_de830ed0effe10qiKK3Ux8d830\nperson: in a new one\nworking true",
		"message: Compaction started\nworking true\nreasoning: A fine title\n",
		"message: Compaction completed\nworking false",
		`call bash {"command":"echo shellcmd"}` + "\nresult " + `{"content":"shellcmd\n","metadata":{"output":"sh false` + "\nworking false",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "The following tool was executed") {
		t.Error("OpenCode's own words are shown as the person's")
	}
}

func TestWhatWasSaidBeforeIsToldOnlyToAHubThatHasNothing(t *testing.T) {
	t.Parallel()
	all := exported(t, "testdata/first.export.json")
	h := &hub{}
	m := recordedMirror(t, h, agent.Options{Resume: firstSession})
	m.since = all[len(all)-2].Info.Time.Created // the last prompt
	m.tellAll(all, true)
	if got := h.all(); got[0] != "person: DOSLOW x" || len(got) != 4 {
		t.Errorf("told is %q, want the last prompt and what followed", got)
	}
	h = &hub{}
	m = recordedMirror(t, h, agent.Options{Resume: firstSession, Untold: true})
	m.began = all[len(all)-1].Info.Time.Created + 1
	m.tellAll(all, true)
	if got := strings.Join(h.all(), "\n"); !strings.HasPrefix(got, "person: Hello there") || !strings.Contains(got, `"totalTokens":19} imported-history`) {
		t.Errorf("told is\n%s", got)
	}
}

func TestACutOffCallIsClosed(t *testing.T) {
	t.Parallel()
	h := &hub{}
	m := recordedMirror(t, h, agent.Options{Resume: firstSession, Untold: true})
	all := exported(t, "testdata/first.export.json")
	last := all[len(all)-1]
	for i := range last.Parts {
		last.Parts[i].State.Status, last.Parts[i].State.Output = "running", nil
	}
	last.Info.Error = nil
	m.tellAll([]exchange{last}, true)
	m.finish()
	if got := h.all(); len(got) != 2 || got[1] != `result {"error":"OpenCode ended","status":"canceled"} true` {
		t.Errorf("told is %q", got)
	}
}

// FuzzEvent: whatever comes by the stream, nothing panics and nothing is told
// twice.
func FuzzEvent(f *testing.F) {
	for _, name := range []string{"testdata/first.jsonl", "testdata/second.jsonl"} {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			if !strings.Contains(line, "server.connected") {
				f.Add([]byte(line))
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if strings.Contains(string(raw), "connected") {
			t.Skip() // it asks the server
		}
		h := &hub{}
		m := recordedMirror(t, h, agent.Options{Resume: firstSession, Untold: true})
		m.children["ses_de833ee44ffeZzf5nIK8IgO1JZ"] = true
		m.learn(&info{ID: "msg_217cc33e5001hAenbGVTUbdu86", SessionID: firstSession, Role: "assistant"})
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nobody answers
		m.event(ctx, raw)
		m.event(ctx, raw)
		m.finish()
		if strings.Contains(strings.Join(h.all(), "\n"), "TOLD TWICE: opencode:") {
			t.Errorf("told is %q", h.all())
		}
	})
}
