package acp

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// The test binary plays an agent when FAKE_AGENT says which.
func TestMain(m *testing.M) {
	if name := os.Getenv("FAKE_AGENT"); name != "" {
		play(name)
		return
	}
	os.Exit(m.Run())
}

// fake is an agent made of what a test needs.
type fake struct {
	in     *bufio.Scanner
	loads  bool
	ids    int
	failed int
	values map[string]string              // of its settings, if it has any
	prompt func(f *fake, text string) any // the answer to a prompt
}

type fakeMessage struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
}

func (f *fake) line(v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(raw))
}

func (f *fake) update(kind string, fields map[string]any) {
	if fields == nil {
		fields = map[string]any{}
	}
	fields["sessionUpdate"] = kind
	f.line(map[string]any{"jsonrpc": "2.0", "method": "session/update", "params": map[string]any{"sessionId": "fake-1", "update": fields}})
}

func (f *fake) say(text string) {
	f.update("agent_message_chunk", map[string]any{"content": map[string]any{"type": "text", "text": text}})
}

// ask makes a request of the client and waits for the result; ids begin at 0.
func (f *fake) ask(method string, params map[string]any) json.RawMessage {
	params["sessionId"] = "fake-1"
	f.line(map[string]any{"jsonrpc": "2.0", "id": f.ids, "method": method, "params": params})
	f.ids++
	for f.in.Scan() {
		var m fakeMessage
		if json.Unmarshal(f.in.Bytes(), &m) == nil && m.Method == "" {
			return f.in.Bytes()
		}
	}
	return nil
}

// settings are those of an agent that has some. Its model "plain" has no effort.
func (f *fake) settings() []any {
	list := func(values ...string) (all []any) {
		for _, v := range values {
			all = append(all, map[string]any{"value": v, "name": strings.ToUpper(v)})
		}
		return all
	}
	all := []any{
		map[string]any{"id": "model", "category": "model", "currentValue": f.values["model"], "options": list("a", "b", "plain", "dear", "stubborn")},
		map[string]any{"id": "mode", "category": "mode", "currentValue": f.values["mode"], "options": list("build", "plan")},
	}
	if f.values["model"] != "plain" {
		all = append(all, map[string]any{"id": "effort", "category": "thought_level", "currentValue": f.values["effort"], "options": list("low", "medium", "high")})
	}
	return all
}

func play(name string) {
	f := &fake{in: bufio.NewScanner(os.Stdin), prompt: fakes[strings.TrimSuffix(name, "+banner")]}
	f.in.Buffer(nil, 16<<20)
	if strings.HasSuffix(name, "+banner") {
		fmt.Println("Welcome to the fake agent")
	}
	f.loads = name == "replay" || name == "lost"
	for f.in.Scan() {
		var m fakeMessage
		if json.Unmarshal(f.in.Bytes(), &m) != nil {
			continue
		}
		var result any = map[string]any{}
		switch m.Method {
		case "initialize":
			result = map[string]any{"protocolVersion": 1, "agentCapabilities": map[string]any{"loadSession": f.loads}}
			if name == "no-version" {
				result = map[string]any{}
			}
		case "session/new":
			if f.failed++; name == "flaky" && f.failed < 3 {
				f.line(map[string]any{"jsonrpc": "2.0", "id": m.ID, "error": map[string]any{"code": -32603, "message": "Internal error", "data": map[string]any{"details": "still busy"}}})
				continue
			}
			if name == "no-login" {
				f.line(map[string]any{"jsonrpc": "2.0", "id": m.ID, "error": map[string]any{"code": -32000, "message": "Authentication required"}})
				continue
			}
			if name == "settings" {
				f.values = map[string]string{"model": "a", "effort": "low", "mode": "build"}
				result = map[string]any{"sessionId": "fake-1", "configOptions": f.settings()}
				break
			}
			result = map[string]any{"sessionId": "fake-1", "models": map[string]any{"currentModelId": "a", "availableModels": []any{map[string]any{"modelId": "a"}, map[string]any{"modelId": "b"}}}}
		case "session/load":
			if name == "lost" {
				f.line(map[string]any{"jsonrpc": "2.0", "id": m.ID, "error": map[string]any{"code": -32603, "message": "Internal error", "data": map[string]any{"details": "Session not found"}}})
				continue
			}
			f.say("What was said before.")
		case "session/set_config_option":
			var p struct{ ConfigID, Value string }
			_ = json.Unmarshal(m.Params, &p)
			if p.Value == "dear" || p.Value == "plan" {
				f.line(map[string]any{"jsonrpc": "2.0", "id": m.ID, "error": map[string]any{"code": -32000, "message": "Your account does not have it"}})
				continue
			}
			if p.Value != "stubborn" {
				f.values[p.ConfigID] = p.Value
			}
			if p.Value == "b" { // a model may begin with an effort of its own
				f.values["effort"] = "medium"
			}
			result = map[string]any{"configOptions": f.settings()}
		case "session/set_model":
			f.line(map[string]any{"jsonrpc": "2.0", "id": m.ID, "error": map[string]any{"code": -32601, "message": "Method not found"}})
			continue
		case "session/prompt":
			var p struct {
				Prompt []struct{ Text string }
			}
			_ = json.Unmarshal(m.Params, &p)
			result = f.prompt(f, p.Prompt[0].Text)
		}
		if len(m.ID) > 0 && m.Method != "" {
			f.line(map[string]any{"jsonrpc": "2.0", "id": m.ID, "result": result})
		}
	}
}

var endTurn = map[string]any{"stopReason": "end_turn"}

var fakes = map[string]func(f *fake, text string) any{
	"echo":   func(f *fake, text string) any { f.say("You said " + text); return endTurn },
	"lost":   func(f *fake, text string) any { f.say("You said " + text); return endTurn },
	"replay": func(f *fake, text string) any { f.say("You said " + text); return endTurn },
	"settings": func(f *fake, text string) any {
		switch text {
		case "Ask":
			f.ask("session/request_permission", map[string]any{"toolCall": map[string]any{"toolCallId": "t", "title": "do it"}, "options": []any{}})
		case "Move":
			f.values["model"] = "b"
			f.update("config_option_update", map[string]any{"configOptions": f.settings()})
		}
		f.say(fmt.Sprintf("I am %s at %s. ", f.values["model"], f.values["effort"]))
		return endTurn
	},
	"no-login":   nil,
	"no-version": nil,
	"garbage": func(f *fake, text string) any {
		if text == "Spoil it" {
			fmt.Println("123")
			fmt.Println(`["a list"]`)
			fmt.Println("console.log debugging, oops")
			select {} // the answer never comes
		}
		f.say("You said " + text)
		return endTurn
	},
	"dies": func(f *fake, text string) any {
		if text == "Die" {
			for range lastWords {
				f.say("I am going. ")
			}
			fmt.Fprintln(os.Stderr, "out of memory")
			os.Exit(7)
		}
		f.say("You said " + text)
		return endTurn
	},
	"limits": func(*fake, string) any { return map[string]any{"stopReason": "max_tokens"} },
	"late": func(f *fake, _ string) any {
		f.line(map[string]any{"jsonrpc": "2.0", "id": 3, "result": endTurn}) // before its last words
		f.say("One more thing.")
		return endTurn
	},
	"flood": func(f *fake, _ string) any {
		for range 5000 {
			f.say("word ")
		}
		return endTurn
	},
	"tools": func(f *fake, _ string) any {
		f.update("tool_call", map[string]any{"toolCallId": "t1", "title": "bash", "kind": "execute", "status": "pending", "rawInput": map[string]any{"command": "ls"}})
		f.update("tool_call_update", map[string]any{"toolCallId": "t1", "status": "in_progress", "rawInput": map[string]any{}})
		answer := f.ask("session/request_permission", map[string]any{
			"toolCall": map[string]any{"toolCallId": "t1", "title": "ls", "kind": "execute"},
			"options":  []any{map[string]any{"optionId": "y", "name": "Yes", "kind": "allow_once"}, map[string]any{"optionId": "n", "name": "No", "kind": "reject_once"}},
		})
		f.update("tool_call_update", map[string]any{"toolCallId": "t1", "status": "completed", "content": []any{map[string]any{"type": "content", "content": map[string]any{"type": "text", "text": string(answer)}}}})
		return endTurn
	},
	"odd": func(f *fake, _ string) any {
		for i, options := range [][]any{
			{map[string]any{"optionId": "first", "name": "Allow"}, map[string]any{"optionId": "second", "name": "Reject"}}, // no kinds
			{},
			{map[string]any{"optionId": "x", "name": "X", "kind": "a_kind_of_tomorrow"}},
		} {
			f.say(string(f.ask("session/request_permission", map[string]any{"toolCall": map[string]any{"toolCallId": fmt.Sprint("t", i), "title": "do it"}, "options": options})) + "\n")
		}
		return endTurn
	},
	"kinds": func(f *fake, _ string) any {
		chunk := func(block map[string]any) { f.update("agent_message_chunk", map[string]any{"content": block}) }
		f.update("user_message_chunk", map[string]any{"content": map[string]any{"type": "text", "text": "You said so."}})
		f.update("agent_thought_chunk", map[string]any{"content": map[string]any{"type": "text", "text": "Let me see."}})
		chunk(map[string]any{"type": "text", "text": "Not for you.", "annotations": map[string]any{"audience": []string{"user"}}})
		chunk(map[string]any{"type": "text", "text": "Look: ", "annotations": map[string]any{"audience": []string{"assistant", "user"}}})
		chunk(map[string]any{"type": "image", "mimeType": "image/png", "data": "UElD"})
		chunk(map[string]any{"type": "audio", "mimeType": "audio/wav", "data": "not base64!"})
		chunk(map[string]any{"type": "resource_link", "name": "the docs", "uri": "https://docs.test/"})
		chunk(map[string]any{"type": "resource", "resource": map[string]any{"uri": "file:///a.md", "text": "```\ncode\n```"}})
		chunk(map[string]any{"type": "resource", "resource": map[string]any{"uri": "file:///b", "blob": "QkxPQg=="}})
		chunk(map[string]any{"type": "hologram"})
		for _, piece := range []string{`{"type":"rate_limit_event","rate_limit_info":{"status":"rej`, `ected","resetsAt":1700000000,"rateLimitType":"five_hour"}}`} {
			chunk(map[string]any{"type": "text", "text": piece})
		}
		f.update("plan", map[string]any{"entries": []any{
			map[string]any{"content": "First", "priority": "high", "status": "completed"},
			map[string]any{"content": "Odd", "priority": "dire", "status": "pending"},
			map[string]any{"priority": "low", "status": "pending"},
		}})
		f.update("usage_update", map[string]any{"used": 500, "size": 1000})
		f.update("session_info_update", map[string]any{"title": "  New Session ", "contextTokens": 600})
		f.update("session_info_update", map[string]any{"title": " A good\ntitle "})
		f.update("session_info_update", map[string]any{"title": nil})
		f.update("available_commands_update", map[string]any{"availableCommands": []any{map[string]any{"name": "review"}, map[string]any{}}})
		return map[string]any{"stopReason": "end_turn", "usage": map[string]any{"input_tokens": 10, "output_tokens": 4, "cached_input_tokens": 5, "cache_creation_input_tokens": 7, "thought_tokens": 2}}
	},
	"grows": func(f *fake, text string) any {
		for _, whole := range []string{text + " is what ", text + " is what you ", text + " is what you said"} {
			f.update("agent_thought_chunk", map[string]any{"content": map[string]any{"type": "text", "text": whole}})
		}
		for _, whole := range []string{text + " it", text + " it is"} {
			f.say(whole)
		}
		return endTurn
	},
	"flaky": func(f *fake, text string) any { f.say("You said " + text); return endTurn },
	"unknown": func(f *fake, _ string) any {
		f.update("a_kind_of_tomorrow", nil)
		f.line(map[string]any{"jsonrpc": "2.0", "method": "_vendor/thing", "params": map[string]any{}})
		f.line(map[string]any{"jsonrpc": "2.0", "id": 900, "result": 1}) // nobody asked
		f.say(string(f.ask("vendor/ask", map[string]any{})))
		return endTurn
	},
	"files": func(f *fake, path string) any {
		f.say(string(f.ask("fs/read_text_file", map[string]any{"path": path})) + "\n")
		f.say(string(f.ask("fs/write_text_file", map[string]any{"path": path, "content": "written"})))
		return endTurn
	},
	"terminal": func(f *fake, command string) any {
		var created struct {
			Result struct{ TerminalID string }
		}
		_ = json.Unmarshal(f.ask("terminal/create", map[string]any{"command": command, "outputByteLimit": 1000}), &created)
		f.say("Started " + created.Result.TerminalID + "\n")
		if strings.HasPrefix(command, "sleep") {
			select {} // until the session ends
		}
		f.ask("terminal/wait_for_exit", map[string]any{"terminalId": created.Result.TerminalID})
		f.say(string(f.ask("terminal/output", map[string]any{"terminalId": created.Result.TerminalID})))
		return endTurn
	},
}

// recorder is the session as the agent sees it.
type recorder struct {
	t      *testing.T
	decide func(r agent.PermissionRequest) agent.Decision

	mu     sync.Mutex
	rows   []map[string]any
	titles []string
	offers []agent.Catalog
	asked  []agent.PermissionRequest
	config agent.Config
	heard  chan struct{}
}

func (r *recorder) Emit(rec agent.Record) {
	var row struct {
		Content struct {
			Data map[string]any `json:"data"`
		} `json:"content"`
	}
	if err := json.Unmarshal(rec.Content, &row); err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row.Content.Data)
	close(r.heard)
	r.heard = make(chan struct{})
}

func (r *recorder) Ask(ctx context.Context, q agent.PermissionRequest) (agent.Decision, error) {
	r.mu.Lock()
	r.asked = append(r.asked, q)
	r.mu.Unlock()
	if r.decide == nil {
		<-ctx.Done()
		return agent.Decision{}, context.Cause(ctx)
	}
	return r.decide(q), nil
}

func (*recorder) Decided(agent.PermissionRequest, agent.Decision) {}
func (*recorder) Resumable(string)                                {}
func (*recorder) Past(agent.Past)                                 {}
func (*recorder) Began(wire.LocalID, string)                      {}
func (*recorder) ModeChanged(wire.PermissionMode)                 {}
func (*recorder) Suggested(string)                                {}
func (*recorder) Working(bool)                                    {}
func (*recorder) Observed(agent.PermissionRequest) func(status, reason string) {
	return func(string, string) {}
}

func (r *recorder) Configured(change func(c *agent.Config)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.config)
}

func (r *recorder) Titled(title string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.titles = append(r.titles, title)
}

func (r *recorder) Catalog(c agent.Catalog) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offers = append(r.offers, c)
}

// ShowContent implements agent.Gallery.
func (r *recorder) ShowContent(content []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, map[string]any{"type": "generated-image", "message": string(content)})
	return nil
}

func (r *recorder) configured() agent.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config
}

// texts are the final rows of a type.
func (r *recorder) texts(kind string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, row := range r.rows {
		if row["type"] == kind && row["live"] != true {
			all = append(all, fmt.Sprint(row["message"]))
		}
	}
	return strings.Join(all, "|")
}

func (r *recorder) waitFor(what string, holds func() bool) {
	r.t.Helper()
	for {
		r.mu.Lock()
		heard := r.heard
		r.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-heard:
		case <-r.t.Context().Done():
			r.t.Fatalf("waiting for %s", what)
		}
	}
}

func open(t *testing.T, name string, r *recorder, o agent.Options) agent.Conversation {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	r.t, r.heard = t, make(chan struct{})
	spec := Spec{Flavor: wire.FlavorACP, Label: "Fake", Command: exe, Env: []string{"FAKE_AGENT=" + name}}
	c, err := Agent{Spec: spec}.Open(t.Context(), r, o)
	if err != nil {
		t.Fatal(err)
	}
	c.(*conversation).pause = time.Millisecond
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}
