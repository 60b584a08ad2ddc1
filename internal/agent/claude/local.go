package claude

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"hapi/internal/agent"
	"hapi/internal/agent/child"
	"hapi/internal/agent/hook"
	"hapi/internal/wire"
)

// scanEvery is the pace at which the transcript is looked at. Hooks make it be
// looked at once more.
const scanEvery = 300 * time.Millisecond

// Local implements agent.Agent.
func (a *Agent) Local(ctx context.Context, h agent.Host, o agent.Options) error {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	path, err := find(o.Path)
	if err != nil {
		return &agent.Failure{Kind: agent.NotInstalled, Text: "Claude Code CLI not found on PATH. Install Claude Code or set HAPI_CLAUDE_PATH."}
	}
	t := &terminal{
		agent: a, host: h, log: o.Logger, config: configDir(o.Env), native: o.Resume, mode: o.Config.PermissionMode,
		model: o.Config.Model, calls: map[string]toolCall{}, asked: map[string]func(status, reason string){}, wake: make(chan struct{}, 1),
		busy: busy{began: time.Now()},
	}
	t.open(o.Resume, o.Keyed)
	hooks, err := hook.Serve(ctx, t.hook)
	if err != nil {
		return err
	}
	defer hooks.Close()
	args, files, err := t.arguments(o)
	for _, file := range files {
		defer os.Remove(file) //nolint:errcheck // it may have gone
	}
	if err != nil {
		return err
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		t.follow(following)
	}()
	err = child.Foreground{
		Path: path, Args: args, Dir: o.Dir, Terminal: o.Terminal,
		Env: append(environment(o.Env), hook.PortVariable+"="+hooks.Port, hook.TokenVariable+"="+hooks.Token),
	}.Run(ctx)
	stop()
	<-followed
	child.SweepMarked(lookup(o.Env, child.Mark))
	hooks.Close() // what is told later is told to nobody
	t.finish()
	var exit *child.Exit
	if errors.As(err, &exit) {
		return t.explain(exit)
	}
	if err != nil && ctx.Err() == nil {
		return &agent.Failure{Kind: agent.Crashed, Text: fmt.Sprintf("Failed to spawn claude: %v. Is Claude CLI installed and on PATH?", err)}
	}
	return err
}

// explain says why Claude ended. When its terminal goes, so does its session.
func (t *terminal) explain(exit *child.Exit) error {
	if exit.Hangup() {
		return nil
	}
	return &agent.Failure{Kind: agent.Crashed, Text: exit.Error()}
}

// terminal is Claude at the terminal, as it is seen from outside.
type terminal struct {
	agent  *Agent
	host   agent.Host
	log    *slog.Logger
	config string        // Claude's configuration directory
	wake   chan struct{} // look at the transcript now

	mu     sync.Mutex
	native string              // the conversation's id
	main   string              // its transcript; empty: not known yet
	left   []string            // transcripts of conversations it was before: read once more
	mode   wire.PermissionMode // as Claude said last
	effort string              // likewise
	model  string

	reading sync.Mutex  // what follows is guarded by it
	typed   *hook.Event // the last prompt, until the transcript has it
	told    string      // id of the last prompt that the transcript had
	answer  string      // the last text that Claude said
	calls   map[string]toolCall
	order   []string // ids of the calls without a result, the oldest first
	waiting []hook.Event
	asked   map[string]func(status, reason string)
	busy    busy
}

// toolCall is a call whose result has not come.
type toolCall struct {
	tool  string
	input json.RawMessage
}

// open finds the transcript of the conversation that is resumed. What it says
// already is known to the hub; but a hapi that was killed may have missed the
// end of what was said at a terminal.
func (t *terminal) open(resume string, keyed bool) {
	if t.main = transcriptOf(t.config, resume); t.main == "" {
		t.native = ""
		return
	}
	_, opened := t.agent.known.files[t.main]
	t.agent.known.skip(t.main, keyed && !opened)
}

// arguments are Claude's at the terminal: the person's, and what went before.
func (t *terminal) arguments(o agent.Options) (args, files []string, err error) {
	if t.native != "" {
		args = append(args, "--resume="+t.native)
		if o.Fork {
			args = append(args, "--fork-session")
		}
	}
	rest, own, err := takeSettings(withoutOwned(o.Args, t.native == ""), o.Dir)
	if err != nil {
		return nil, nil, err
	}
	tools, rest, err := toolArguments(o, agent.Overrides{}, rest)
	if err != nil {
		return nil, nil, err
	}
	args = append(args, inOneWord("--append-system-prompt", tools.prompt)...)
	args = append(args, inOneWord("--mcp-config", tools.file)...)
	args = append(args, inOneWord("--allowedTools", tools.allowed)...)
	if args = append(args, rest...); tools.file != "" {
		files = append(files, tools.file)
	}
	if o.Config.Model != "" {
		args = append(args, "--model", o.Config.Model)
	}
	if o.Config.Effort != "" {
		args = append(args, "--effort", o.Config.Effort)
	}
	if mode := t.launchMode(); mode != "" {
		args = append(args, "--permission-mode", string(mode))
	}
	content, err := hookSettings(t.agent.self, own)
	if err != nil {
		return nil, files, fmt.Errorf("make claude's settings: %w", err)
	}
	settings, err := writeScratch(o.Scratch, fmt.Sprintf("session-hook-local-%d.json", os.Getpid()), content)
	// Further directories are for attachments, which come from the hub. At its
	// terminal Claude would first ask whether to trust them.
	return append(args, "--settings", settings), append(files, settings), err
}

// launchMode is the mode Claude begins in. It refuses to run without asking for
// root; its person is asked then.
func (t *terminal) launchMode() wire.PermissionMode {
	if t.mode == wire.ModeBypassPermissions && os.Getuid() == 0 {
		t.host.Emit(notice("Claude does not run without asking for root. At the terminal it asks before it acts."))
		t.mode = wire.ModeAcceptEdits
	}
	return t.mode
}

// hook takes an event of Claude's.
func (t *terminal) hook(e hook.Event) {
	t.follows(e)
	t.adopt(e)
	switch e.Name {
	case "UserPromptSubmit":
		t.reading.Lock()
		if e.PromptID == "" || e.PromptID != t.told { // the transcript may be first
			t.typed = &e
		}
		t.busy.turn = true
		t.host.Working(true)
		t.reading.Unlock()
	case "PermissionRequest":
		t.reading.Lock()
		t.waiting = append(t.waiting, e)
		t.reading.Unlock()
	case "Stop", "StopFailure":
		t.catchUp(&e) // what was said comes before its end
		t.reading.Lock()
		t.turnEnded(e.Delegated())
		t.reading.Unlock()
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// turnEnded notes that Claude has finished with a prompt. The caller holds
// reading.
func (t *terminal) turnEnded(delegated bool) {
	t.busy.turn, t.busy.delegated, t.busy.ended = false, delegated, time.Now()
	t.host.Working(t.busy.now())
}

// catchUpWithin is how long the transcript may be behind what a hook says.
const catchUpWithin = 500 * time.Millisecond

// catchUp reads the transcript until it has the answer that ended the turn.
func (t *terminal) catchUp(e *hook.Event) {
	deadline := time.After(catchUpWithin)
	tick := time.NewTicker(scanEvery / 10)
	defer tick.Stop()
	for {
		t.scan(false)
		t.reading.Lock()
		there := strings.TrimSpace(e.Answer) == "" || strings.TrimSpace(t.answer) == strings.TrimSpace(e.Answer)
		t.reading.Unlock()
		if there {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			return
		}
	}
}

// follows takes over which conversation Claude is in.
func (t *terminal) follows(e hook.Event) {
	t.mu.Lock()
	fresh := e.SessionID != t.native
	if fresh {
		t.native = e.SessionID
	}
	if e.Transcript != "" && !sameFile(e.Transcript, t.main) {
		if t.main != "" {
			t.left = append(t.left, t.main)
		}
		t.main = e.Transcript
	}
	t.mu.Unlock()
	if fresh {
		t.host.Resumable(e.SessionID)
	}
}

// sameFile says whether two names are of one file: Claude resolves links.
func sameFile(a, b string) bool {
	if a == b {
		return true
	}
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// adopt takes over what the person changed at the terminal. What Claude says
// that it did not say before was changed there; what it repeats was not.
func (t *terminal) adopt(e hook.Event) {
	mode := wire.PermissionMode(e.Mode)
	if mode == "manual" {
		mode = wire.ModeDefault
	}
	t.mu.Lock()
	newMode := wire.FlavorClaude.Allows(mode) && mode != t.mode
	if newMode {
		t.mode = mode
	}
	newEffort := e.Effort.Level != "" && t.effort != "" && e.Effort.Level != t.effort
	if e.Effort.Level != "" {
		t.effort = e.Effort.Level
	}
	t.mu.Unlock()
	if newMode {
		t.host.ModeChanged(mode)
	}
	if newEffort {
		t.host.Configured(func(c *agent.Config) { c.Effort = e.Effort.Level })
	}
}

// follow reads the transcript until ctx ends.
func (t *terminal) follow(ctx context.Context) {
	tick := time.NewTicker(scanEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-t.wake:
		case <-ctx.Done():
			return
		}
		t.scan(false)
	}
}

// finish reads what Claude wrote last, and closes what waits. A Claude that is
// ended in its first turn writes nothing: its person's words are known all the
// same, but there is no conversation to resume.
func (t *terminal) finish() {
	t.scan(true)
	t.reading.Lock()
	defer t.reading.Unlock()
	if p := t.typed; p != nil && saidByPerson(p.Prompt) {
		t.host.Emit(agent.Record{Key: "claude:prompt:" + p.PromptID, Content: personSaid(p.Prompt)})
	}
	if t.native != "" && !hasMessage(t.main) {
		t.host.Resumable("")
	}
	for id := range t.asked {
		t.settle(id, wire.StatusCanceled, reasonEnded.Error())
	}
}

// scan tells what was added to the transcripts.
func (t *terminal) scan(atEnd bool) {
	t.reading.Lock()
	defer t.reading.Unlock()
	t.mu.Lock()
	paths := append(slices.Clone(t.left), t.main)
	t.left = nil
	t.mu.Unlock()
	for _, path := range paths {
		if path == "" {
			continue
		}
		entries, err := t.agent.known.read(path, atEnd || path != paths[len(paths)-1])
		if err != nil {
			t.log.Warn("claude's transcript could not be read", "err", err)
		}
		for _, e := range entries {
			t.tell(e)
		}
	}
	t.showWaiting()
	if b := &t.busy; b.queued > 0 && !b.turn && !b.ended.IsZero() && time.Since(b.ended) > takenWithin {
		b.queued = 0
		t.host.Working(b.now())
	}
}

// tell adds an entry to the conversation and follows what it says.
func (t *terminal) tell(e *entry) {
	switch e.Type {
	case "ai-title":
		t.host.Suggested(e.AITitle)
		return
	case "custom-title":
		if e.CustomTitle != "" {
			t.host.Titled(e.CustomTitle)
		}
		return
	case "summary":
		t.host.Suggested(e.Summary)
		return
	case "queue-operation":
		t.queueMoved(e)
		return
	}
	if r, ok := e.row(); ok {
		t.host.Emit(r)
	}
	if (e.Type == "user" || e.Type == "attachment") && e.side == "" {
		t.toldPrompt(e)
	}
	var m struct {
		Content json.RawMessage `json:"content"`
		Model   string          `json:"model"`
	}
	_ = json.Unmarshal(e.Message, &m) // without one there is nothing to follow
	var blocks []block
	_ = json.Unmarshal(m.Content, &blocks) // a text has none
	for _, b := range blocks {
		switch {
		case b.Type == "tool_use" && b.ID != "":
			t.calls[b.ID] = toolCall{tool: b.Name, input: b.Input}
			t.order = append(t.order, b.ID)
		case b.Type == "tool_result":
			t.closed(b.ToolUseID, e)
		case b.Type == "text" && e.Type == "assistant" && e.side == "":
			t.answer = b.Text
		case b.Type == "text" && e.Type == "user" && e.side == "" && strings.HasPrefix(b.Text, interruptedText):
			t.interrupted()
		}
	}
	if e.Type == "assistant" && e.side == "" {
		t.adoptModel(m.Model)
	}
}

// toldPrompt notes that the transcript has a prompt.
func (t *terminal) toldPrompt(e *entry) {
	if e.PromptID != "" {
		t.told = e.PromptID
	}
	text, ok := humanText(e.Message)
	if e.Type == "attachment" {
		text, ok = e.typedMeanwhile()
	}
	if t.typed != nil && (t.typed.PromptID == e.PromptID || ok && strings.TrimSpace(text) == strings.TrimSpace(t.typed.Prompt)) {
		t.typed = nil
	}
}

// adoptModel takes over another model that the person chose at the terminal.
func (t *terminal) adoptModel(model string) {
	if model == "" || strings.HasPrefix(model, "<") {
		return
	}
	t.mu.Lock()
	before := t.model
	t.model = model
	t.mu.Unlock()
	if before != "" && before != model && strings.HasPrefix(before, "claude-") {
		t.host.Configured(func(c *agent.Config) { c.Model = model })
	}
}

// closed notes a call's result; the request for it has been answered.
func (t *terminal) closed(id string, e *entry) {
	delete(t.calls, id)
	t.order = slices.DeleteFunc(t.order, func(known string) bool { return known == id })
	if strings.HasPrefix(e.Permission.Decision, "reject") || bytes.Contains(e.Message, []byte("doesn't want to proceed with this tool use")) {
		t.settle(id, wire.StatusDenied, "")
		return
	}
	t.settle(id, wire.StatusApproved, "")
}

// interrupted ends the turn that the person stopped: no hook tells of it.
func (t *terminal) interrupted() {
	t.waiting = nil
	for id := range t.asked {
		t.settle(id, wire.StatusCanceled, reasonAborted.Error())
	}
	t.turnEnded(false)
}

// queueMoved follows what its person entered while Claude worked: between two
// turns it is in nobody's hands but Claude's.
func (t *terminal) queueMoved(e *entry) {
	if e.at.Before(t.busy.began) {
		return
	}
	t.busy.queue(e.Operation)
	t.host.Working(t.busy.now())
}

func (t *terminal) settle(id, status, reason string) {
	if settle := t.asked[id]; settle != nil {
		settle(status, reason)
		delete(t.asked, id)
	}
}

// showWaiting shows the requests that Claude asks its person about. Their hook
// does not say which call they are for; the transcript does, a little later.
func (t *terminal) showWaiting() {
	t.waiting = slices.DeleteFunc(t.waiting, func(e hook.Event) bool {
		for _, id := range slices.Backward(t.order) {
			c := t.calls[id]
			if t.asked[id] == nil && c.tool == e.Tool && sameJSON(c.input, e.Input) {
				t.asked[id] = t.host.Observed(agent.PermissionRequest{ID: wire.RequestID(id), Tool: c.tool, Arguments: c.input})
				return true
			}
		}
		return false
	})
	if n := len(t.waiting); n > maxWaiting {
		t.waiting = t.waiting[n-maxWaiting:]
	}
}

// maxWaiting is how many requests may wait for their call to be written.
const maxWaiting = 32

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
