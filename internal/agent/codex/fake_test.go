package codex

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hapi/internal/agent"
	"hapi/internal/agent/child"
	"hapi/internal/wire"
)

// fakeVar makes the test binary a Codex that plays one of the fakes.
const fakeVar = "HAPI_TEST_FAKE_CODEX"

func TestMain(m *testing.M) {
	if name := os.Getenv(fakeVar); name != "" {
		f := &fake{lines: bufio.NewScanner(os.Stdin)}
		f.lines.Buffer(nil, 1<<20)
		fakes[name](f)
		return
	}
	os.Exit(m.Run())
}

// fake is the app-server's side of a conversation.
type fake struct {
	lines *bufio.Scanner
	// threads are the answers to thread/start and thread/resume; without any it
	// opens T1.
	threads []string
	items   int
}

// call is a line of ours that a fake read.
type received struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// next is the next line that is not part of every beginning.
func (f *fake) next() received {
	for f.lines.Scan() {
		var r received
		if err := json.Unmarshal(f.lines.Bytes(), &r); err != nil {
			panic(err)
		}
		switch r.Method {
		case "initialized":
		case "initialize":
			f.answer(r, `{"userAgent":"hapi-codex-client/0.169.0 (Debian)"}`)
		case "account/read", "skills/list":
			f.answer(r, `{}`)
		case "thread/start", "thread/resume":
			if len(f.threads) == 0 {
				f.answer(r, `{"thread":{"id":"T1"},"model":"m1"}`)
				continue
			}
			f.print(strings.Replace(f.threads[0], "$ID", string(r.ID), 1))
			f.threads = f.threads[1:]
		default:
			return r
		}
	}
	os.Exit(0) // its input ended
	return received{}
}

func (f *fake) print(line string) { fmt.Println(line) }

func (f *fake) answer(r received, result string) {
	f.print(`{"id":` + string(r.ID) + `,"result":` + result + `}`)
}

func (f *fake) refuse(r received, text string) {
	f.print(`{"id":` + string(r.ID) + `,"error":{"code":-32600,"message":` + quote(text) + `}}`)
}

func quote(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func (f *fake) notify(method, params string) {
	f.print(`{"method":"` + method + `","params":` + params + `}`)
}

// begin takes a turn on.
func (f *fake) begin(turn string) received {
	r := f.next()
	if r.Method != "turn/start" {
		f.print("expected a turn, got " + r.Method)
		os.Exit(3)
	}
	f.answer(r, `{"turn":{"id":"`+turn+`"}}`)
	f.notify("turn/started", `{"threadId":"T1","turn":{"id":"`+turn+`"}}`)
	return r
}

func (f *fake) say(turn, text string) {
	f.items++
	f.notify("item/completed", fmt.Sprintf(`{"threadId":"T1","turnId":%q,"item":{"type":"agentMessage","id":"i%d","text":%s}}`, turn, f.items, quote(text)))
}

func (f *fake) end(turn, status string) {
	f.notify("turn/completed", `{"threadId":"T1","turn":{"id":"`+turn+`","status":"`+status+`"}}`)
}

// hang does nothing any more, not even read.
func (f *fake) hang() { time.Sleep(time.Hour) }

// fail ends a turn with an error.
func (f *fake) fail(turn, info, text string) {
	f.notify("turn/completed", `{"threadId":"T1","turn":{"id":"`+turn+`","status":"failed","error":{"message":`+quote(text)+`,"codexErrorInfo":`+info+`}}}`)
}

// talk is a turn that says one text.
func (f *fake) talk(turn, text string) received {
	r := f.begin(turn)
	f.say(turn, text)
	f.end(turn, "completed")
	return r
}

// testHost is a session that notes what its agent does.
type testHost struct {
	t      *testing.T
	decide func(agent.PermissionRequest) agent.Decision // nil: nobody answers

	mu      sync.Mutex
	rows    []map[string]any
	times   []time.Time
	asked   []agent.PermissionRequest
	decided []agent.Decision
	ids     []string
	past    agent.Past
	began   []string
	config  agent.Config
	titles  []string
	working []bool
	shown   []string
	changed chan struct{}
}

func (h *testHost) note(do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do()
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *testHost) Emit(r agent.Record) {
	var row struct {
		Content struct {
			Data map[string]any `json:"data"`
		} `json:"content"`
	}
	if err := json.Unmarshal(r.Content, &row); err != nil {
		h.t.Error(err)
	}
	h.note(func() { h.rows, h.times = append(h.rows, row.Content.Data), append(h.times, r.At) })
}

func (h *testHost) Ask(ctx context.Context, r agent.PermissionRequest) (agent.Decision, error) {
	h.note(func() { h.asked = append(h.asked, r) })
	if h.decide != nil {
		return h.decide(r), nil
	}
	<-ctx.Done()
	return agent.Decision{}, context.Cause(ctx)
}

func (h *testHost) Show(path, tool string) error {
	if strings.HasSuffix(path, ".txt") {
		return errors.New("it is no picture")
	}
	h.note(func() { h.shown = append(h.shown, tool+" "+path) })
	return nil
}

func (h *testHost) Decided(_ agent.PermissionRequest, d agent.Decision) {
	h.note(func() { h.decided = append(h.decided, d) })
}
func (h *testHost) Observed(agent.PermissionRequest) func(string, string) {
	return func(string, string) {}
}
func (h *testHost) Suggested(title string) { h.note(func() { h.titles = append(h.titles, title) }) }
func (h *testHost) Working(yes bool)       { h.note(func() { h.working = append(h.working, yes) }) }
func (h *testHost) Resumable(id string)    { h.note(func() { h.ids = append(h.ids, id) }) }
func (h *testHost) Past(p agent.Past)      { h.note(func() { h.past = p }) }
func (h *testHost) Began(id wire.LocalID, turn string) {
	h.note(func() { h.began = append(h.began, string(id)+" "+turn) })
}
func (h *testHost) Catalog(agent.Catalog)            {}
func (h *testHost) ModeChanged(wire.PermissionMode)  {}
func (h *testHost) Configured(c func(*agent.Config)) { h.note(func() { c(&h.config) }) }
func (h *testHost) Titled(title string)              { h.note(func() { h.titles = append(h.titles, title) }) }

// wait waits until what was noted fulfils a condition.
func (h *testHost) wait(what string, holds func() bool) {
	h.t.Helper()
	deadline := time.After(time.Minute)
	for {
		h.mu.Lock()
		ok, changed := holds(), h.changed
		h.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			h.t.Fatalf("waiting for %s", what)
		}
	}
}

// said are the texts of the rows of a type.
func (h *testHost) said(kind string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var texts []string
	for _, row := range h.rows {
		if row["type"] == kind {
			texts = append(texts, fmt.Sprint(row["message"]))
		}
	}
	return texts
}

// open opens a conversation with a fake.
func open(t *testing.T, name string, o agent.Options) (*conversation, *testHost) {
	t.Helper()
	if fakes[name] == nil {
		t.Fatalf("there is no fake %q", name)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := &testHost{t: t, changed: make(chan struct{})}
	o.Dir, o.Path, o.Env = t.TempDir(), exe, append(os.Environ(), fakeVar+"="+name, child.Mark+"="+newID())
	c, err := New("").Open(t.Context(), h, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	conv, ok := c.(*conversation)
	if !ok {
		t.Fatalf("the conversation is a %T", c)
	}
	return conv, h
}

func (h *testHost) prompt(c *conversation, text string) {
	h.t.Helper()
	if err := c.Prompt(h.t.Context(), agent.Prompt{ID: "local-1", Text: text}); err != nil {
		h.t.Fatalf("the turn ended with %v", err)
	}
}

// failure is why a turn failed.
func (h *testHost) failure(err error) *agent.Failure {
	h.t.Helper()
	var failed *agent.Failure
	if !errors.As(err, &failed) {
		h.t.Fatalf("the turn ended with %v, want a failure", err)
	}
	return failed
}

func contains(texts []string, part string) bool {
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, part) })
}
