// Package claude drives Claude Code. Without a terminal it is one long-lived
// process that speaks newline-delimited JSON, is asked by control requests, and
// asks before it uses a tool. At a terminal it is itself; what is said there is
// read from its transcripts, and what goes on is told by hooks that decide
// nothing.
package claude

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// Agent is Claude Code for one session. It remembers what goes from one
// conversation of the session to the next.
type Agent struct {
	self  string // hapi's own executable, for the hooks
	rules *rules
	known transcripts // of one Local at a time
	given prompts     // of one Prompt at a time
}

// New makes an Agent. self is hapi's own executable, which Claude calls.
func New(self string) *Agent { return &Agent{self: self, rules: &rules{}, given: prompts{}} }

// Flavor implements agent.Agent.
func (*Agent) Flavor() wire.Flavor { return wire.FlavorClaude }

// Open implements agent.Agent. The process starts with the first prompt.
func (a *Agent) Open(ctx context.Context, h agent.Host, o agent.Options) (agent.Conversation, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &conversation{
		host: h, o: o, log: o.Logger, config: o.Config, rules: a.rules, given: a.given, nativeID: o.Resume, fork: o.Fork,
		convert: newConverter(o.Dir, gitBranch(ctx, o.Dir)),
	}, nil
}

// conversation is a Claude conversation, over the processes that carry it one
// after another.
type conversation struct {
	host agent.Host
	o    agent.Options
	log  *slog.Logger

	given    prompts    // used by Prompt alone
	starting sync.Mutex // one process at a time is started or ended

	mu         sync.Mutex
	config     agent.Config
	rules      *rules
	nativeID   string
	fork       bool
	started    bool            // there has been a conversation: how it began does not count any more
	proc       *process        // nil while there is none
	noSnapshot bool            // Claude is too old to know snapshotFlag
	made       agent.Overrides // proc was started for them
	stale      bool            // proc was started for another configuration
	turn       *turn
	closed     bool
	skills     []string // Claude's, as it said last; nil: it has not
	tools      string   // the file that names the session's tools

	taking sync.Mutex // guards taken and over of turns

	handling sync.Mutex // lines are handled one after another
	convert  *converter // guarded by handling
	catalog  agent.Catalog
	forkable bool // people were told that they can fork the conversation
}

// turn is a prompt that Claude works on.
type turn struct {
	uuid        string
	accepted    func() // tells that Claude has the prompt; nil: nobody wants to know
	queued      bool   // Claude said that it waits; results are not its own yet
	taken       bool   // Claude has begun with it
	over        bool   // Prompt has returned
	interrupted bool
	said        bool // something of it reached the conversation
	notLoggedIn bool
	compactFail string
	ended       chan struct{} // closed with outcome
	outcome     error
	once        sync.Once
}

func (t *turn) end(outcome error) {
	t.once.Do(func() {
		t.outcome = outcome
		close(t.ended)
	})
}

// interruptWithin is how long Claude may take to end a turn it was asked to
// end; then it is killed.
const interruptWithin = 5 * time.Second

var errClosed = errors.New("the conversation is closed")

// Prompt implements agent.Conversation.
func (c *conversation) Prompt(ctx context.Context, p agent.Prompt) error {
	text := promptText(p, c.isSkill)
	name, again := c.given.name(p.ID, text)
	if !again && c.has(name) {
		if p.Accepted != nil {
			p.Accepted()
		}
		c.host.Emit(notice("Claude had this message already when hapi ended, and may not have finished with it. It is not given again: tell Claude to go on, if need be."))
		return nil
	}
	if err := c.contradiction(p.Overrides); err != nil {
		return err
	}
	err := c.attempt(ctx, p, name, text)
	if old := (*agent.Failure)(nil); errors.As(err, &old) && old.Kind == agent.BadArguments && strings.Contains(old.Text, snapshotFlag) {
		c.mu.Lock()
		c.noSnapshot = true
		c.mu.Unlock()
		err = c.attempt(ctx, p, name, text)
	}
	var failed *badResume
	if !errors.As(err, &failed) {
		return err
	}
	if err := c.endProcess(); err != nil {
		c.log.Warn("claude did not end well", "err", err)
	}
	c.forget()
	c.host.Emit(notice("The earlier conversation is not on this machine any more. Claude begins a new one."))
	return c.attempt(ctx, p, newUUID(), text)
}

// attempt gives Claude a prompt under a name that Claude has not seen: those it
// has it leaves out without a word.
func (c *conversation) attempt(ctx context.Context, p agent.Prompt, name, text string) error {
	proc, err := c.ready(ctx, p.Overrides)
	if err != nil {
		return err
	}
	t := &turn{uuid: name, accepted: p.Accepted, ended: make(chan struct{})}
	c.setTurn(t)
	defer c.leaveTurn(t)
	if err := proc.write(userLine(t.uuid, text)); err != nil {
		<-proc.done
		return c.explainExit(proc, t)
	}
	select {
	case <-t.ended:
	case <-proc.done:
		c.settleExit(proc, t)
	case <-ctx.Done():
		c.abandon(ctx, proc, t)
		return context.Cause(ctx)
	}
	proc.withdrawAsks(reasonTurnEnded)
	return t.outcome
}

func (c *conversation) setTurn(t *turn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn = t
}

// leaveTurn ends a turn for us. What Claude says from now on is not about it.
func (c *conversation) leaveTurn(t *turn) {
	c.setTurn(nil)
	c.taking.Lock()
	defer c.taking.Unlock()
	t.over = true
}

// took notes that Claude has begun with a prompt. A prompt that only lies in
// its input may still be lost with the process, or be taken back.
func (c *conversation) took(t *turn) {
	if t == nil {
		return
	}
	c.taking.Lock()
	defer c.taking.Unlock()
	if t.taken || t.over {
		return
	}
	t.taken = true
	if t.accepted != nil {
		t.accepted()
	}
}

func (c *conversation) hasTaken(t *turn) bool {
	c.taking.Lock()
	defer c.taking.Unlock()
	return t.taken
}

func (c *conversation) current() *turn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.turn
}

// Interrupt implements agent.Conversation.
func (c *conversation) Interrupt(ctx context.Context) error {
	c.mu.Lock()
	t, proc := c.turn, c.proc
	if t != nil {
		t.interrupted = true
	}
	c.mu.Unlock()
	if t == nil || proc == nil {
		return nil
	}
	proc.withdrawAsks(reasonAborted)
	ctx, cancel := context.WithTimeout(ctx, interruptWithin)
	defer cancel()
	withdrawn, err := proc.interrupt(ctx, t.uuid)
	if withdrawn {
		t.end(agent.ErrInterrupted)
	}
	if err == nil {
		select {
		case <-t.ended:
			return nil
		case <-proc.done:
			return nil
		case <-ctx.Done():
		}
	}
	c.log.Warn("claude did not end its turn when asked; it is killed", "err", err)
	proc.kill()
	<-proc.done
	return nil
}

// abandon stops a turn that nobody waits for any more. Without it Claude would
// take the end of its input as a refusal of what it asked, and go on. A process
// that has not begun with its prompt must not do so later: it is killed, and
// the prompt is not accepted.
func (c *conversation) abandon(ctx context.Context, proc *process, t *turn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	c.mu.Lock()
	t.interrupted = true
	c.mu.Unlock()
	proc.withdrawAsks(reasonEnded)
	withdrawn, err := proc.interrupt(ctx, t.uuid)
	switch {
	case withdrawn:
		return
	case err != nil:
		c.log.Debug("claude did not stop when asked", "err", err)
	default:
		select {
		case <-t.ended:
		case <-proc.done:
		case <-ctx.Done():
		}
	}
	if !c.hasTaken(t) {
		proc.kill()
		<-proc.done
	}
}

// interrupt asks Claude to end its turn. withdrawn says that it had not begun
// with a prompt, and now will not.
func (p *process) interrupt(ctx context.Context, prompt string) (withdrawn bool, err error) {
	raw, err := p.control(ctx, map[string]any{"subtype": "interrupt", "cancel_queued": true})
	if err != nil {
		return false, err
	}
	var reply struct {
		Cancelled []string `json:"cancelled"`
	}
	_ = json.Unmarshal(raw, &reply) // older versions say nothing
	return slices.Contains(reply.Cancelled, prompt), nil
}

// Configure implements agent.Conversation. What Claude cannot change while it
// runs takes effect with the next prompt.
func (c *conversation) Configure(ctx context.Context, config agent.Config) error {
	c.mu.Lock()
	old, proc := c.config, c.proc
	c.config = config
	c.mu.Unlock()
	if proc == nil {
		return nil
	}
	for _, change := range changes(old, config) {
		if _, err := proc.control(ctx, change); err != nil {
			if answer := refusal(""); errors.As(err, &answer) && change["mode"] == wire.ModeAuto {
				c.mu.Lock()
				c.config = old
				c.mu.Unlock()
				return &agent.ModeRefused{Text: "Claude does not offer auto mode here: " + string(answer)}
			}
			c.log.Debug("claude does not change this while it runs; it is restarted with the next prompt", "change", change["subtype"], "err", err)
			c.mu.Lock()
			c.stale = c.stale || c.proc == proc
			c.mu.Unlock()
		}
	}
	return nil
}

// changes are the control requests that turn one configuration into another.
func changes(from, to agent.Config) []map[string]any {
	var list []map[string]any
	if nativeMode(from.PermissionMode) != nativeMode(to.PermissionMode) {
		list = append(list, map[string]any{"subtype": "set_permission_mode", "mode": nativeMode(to.PermissionMode)})
	}
	if from.Model != to.Model {
		var model any
		if to.Model != "" {
			model = to.Model
		}
		list = append(list, map[string]any{"subtype": "set_model", "model": model})
	}
	if from.Effort != to.Effort {
		list = append(list, map[string]any{"subtype": "apply_flag_settings", "settings": map[string]any{"effortLevel": orNil(to.Effort)}})
	}
	return list
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// nativeMode is the mode Claude itself runs in. The modes between default and
// yolo are ours: its requests are answered by them, so leaving one takes effect
// at once.
func nativeMode(m wire.PermissionMode) wire.PermissionMode {
	if m == wire.ModePlan || m == wire.ModeAuto {
		return m
	}
	return wire.ModeDefault
}

// Reset implements agent.Conversation.
func (c *conversation) Reset(context.Context) error {
	err := c.endProcess()
	c.forget()
	c.host.Resumable("")
	c.host.Past(agent.Past{})
	return err
}

// forget makes the next process begin anew.
func (c *conversation) forget() {
	c.mu.Lock()
	c.nativeID, c.fork, c.started = "", false, true
	c.mu.Unlock()
	c.handling.Lock()
	c.convert.restart("")
	c.forkable = false
	c.handling.Unlock()
}

// Close implements agent.Conversation.
func (c *conversation) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	err := c.endProcess()
	if c.tools != "" {
		_ = os.Remove(c.tools) // it may have gone
	}
	return err
}

// ready is a process that fits the configuration, started if needed.
func (c *conversation) ready(ctx context.Context, o agent.Overrides) (*process, error) {
	c.mu.Lock()
	proc, stale, closed := c.proc, c.stale || c.made != o, c.closed
	c.mu.Unlock()
	switch {
	case closed:
		return nil, errClosed
	case proc != nil && !stale && !proc.gone():
		return proc, nil
	}
	if err := c.endProcess(); err != nil {
		c.log.Warn("claude did not end well", "err", err)
	}
	return c.start(ctx, o)
}

// endProcess ends the process, if there is one, and waits for it.
func (c *conversation) endProcess() error {
	c.starting.Lock()
	defer c.starting.Unlock()
	c.mu.Lock()
	proc := c.proc
	c.proc, c.stale = nil, false
	c.mu.Unlock()
	if proc == nil {
		return nil
	}
	return proc.end()
}

func (c *conversation) start(ctx context.Context, o agent.Overrides) (*process, error) {
	c.starting.Lock()
	defer c.starting.Unlock()
	path, err := find(c.o.Path)
	if err != nil {
		return nil, &agent.Failure{Kind: agent.NotInstalled, Silent: true, Text: "Claude Code is not installed on this machine, or not found: install it there, or set HAPI_CLAUDE_PATH to its executable. Then send your message again."}
	}
	c.mu.Lock()
	begins := c.nativeID == "" && !c.started
	c.mu.Unlock()
	tools, rest, err := toolArguments(c.o, o, withoutChoice(withoutOwned(c.o.Args, begins)))
	if err != nil {
		return nil, &agent.Failure{Kind: agent.Crashed, Silent: true, Text: fmt.Sprintf("Claude Code could not be started: %v", err)}
	}
	c.mu.Lock()
	args := c.arguments(o, tools, rest)
	c.tools = tools.file
	c.mu.Unlock()
	proc, err := startProcess(ctx, processOptions{
		path: path, args: args, dir: c.o.Dir, env: remoteEnvironment(c.o.Env), log: c.log, line: c.handle,
	})
	if err != nil {
		return nil, &agent.Failure{Kind: agent.Crashed, Silent: true, Text: fmt.Sprintf("Claude Code could not be started: %v", err)}
	}
	c.mu.Lock()
	c.proc, c.made, c.stale = proc, o, false
	c.mu.Unlock()
	return proc, nil
}

// arguments starts Claude for the present configuration. The caller holds mu.
func (c *conversation) arguments(o agent.Overrides, tools toolFlags, rest []string) []string {
	args := []string{"-p", "--output-format", "stream-json", "--verbose"}
	args = append(args, inOneWord("--system-prompt", o.SystemPrompt)...)
	args = append(args, inOneWord("--append-system-prompt", tools.prompt)...)
	if !c.noSnapshot && o.SystemPrompt+o.AppendPrompt != "" {
		args = append(args, snapshotFlag+"=off")
	}
	if c.config.Model != "" {
		args = append(args, "--model", c.config.Model)
	}
	if c.config.Effort != "" {
		args = append(args, "--effort", c.config.Effort)
	}
	args = append(args, "--permission-prompt-tool", "stdio")
	args = append(args, inOneWord("--resume", c.nativeID)...)
	if c.nativeID != "" {
		if c.fork {
			args = append(args, "--fork-session")
		}
	}
	args = append(args, rest...)
	args = append(args, inOneWord("--allowedTools", tools.allowed)...)
	args = append(args, inOneWord("--disallowedTools", o.DisallowedTools)...)
	for _, dir := range c.o.AddDirs {
		args = append(args, "--add-dir", dir)
	}
	args = append(args, "--permission-mode", string(nativeMode(c.config.PermissionMode)))
	args = append(args, inOneWord("--fallback-model", o.FallbackModel)...)
	args = append(args, "--input-format", "stream-json")
	return append(args, inOneWord("--mcp-config", tools.file)...)
}

// snapshotFlag has Claude take instructions that are others than those its
// conversation began with. Without it these are sent again, whatever it is given.
const snapshotFlag = "--system-prompt-snapshot"

// inOneWord is a flag with its value: what begins with a dash is not taken
// for a flag then, nor the next word for another value. Without a value it is
// left out.
func inOneWord(name, value string) []string {
	if value == "" {
		return nil
	}
	return []string{name + "=" + value}
}

// contradiction refuses what Claude cannot be started with.
func (c *conversation) contradiction(o agent.Overrides) error {
	c.mu.Lock()
	model := c.config.Model
	c.mu.Unlock()
	fallback := o.FallbackModel
	if fallback == "" {
		_, fallback = takeValue(c.o.Args, "--fallback-model")
	}
	if fallback == "" || fallback != model {
		return nil
	}
	return &agent.Failure{Kind: agent.BadArguments, Silent: true, Text: fmt.Sprintf("Claude Code cannot be started: the fallback model is the model itself, %s. Choose another model, or another fallback model, and send your message again.", model)}
}

// owned are flags that the conversation sets itself, with whether a value follows.
var owned = map[string]bool{
	"-p": false, "--print": false, "--verbose": false, "--output-format": true, "--input-format": true, "--permission-prompt-tool": true,
	"--permission-mode": true, "--model": true, "--effort": true, "--dangerously-skip-permissions": false,
}

// beginning are flags that say how a conversation begins.
var beginning = map[string]bool{"-c": false, "--continue": false, "--fork-session": false, "-r": true, "--resume": true}

// withoutOwned leaves out of a person's arguments those that are ours to set.
// Those that say how to begin are the person's where nothing has begun yet.
func withoutOwned(args []string, begins bool) []string {
	var kept []string
	for i := 0; i < len(args); i++ {
		name, _, inOne := strings.Cut(args[i], "=")
		takesValue, ours := owned[name]
		if value, begin := beginning[name]; begin && !begins {
			takesValue, ours = value, true
		}
		if !ours {
			kept = append(kept, args[i])
			continue
		}
		if takesValue && !inOne && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			i++
		}
	}
	return kept
}

// remoteEnvironment is Claude's without a terminal. It hides what it did so from
// its list of conversations, unless its person names another entry point.
func remoteEnvironment(base []string) []string {
	env := environment(base)
	if entry := lookup(base, "HAPI_CLAUDE_ENTRYPOINT"); entry != "" {
		env = append(env, "CLAUDE_CODE_ENTRYPOINT="+entry)
	}
	return env
}

// withoutChoice leaves out a --resume that lets its person choose: without a
// terminal nobody can.
func withoutChoice(args []string) []string {
	return slices.DeleteFunc(args, func(arg string) bool { return arg == "-r" || arg == "--resume" })
}

// environment is Claude's: without what an outer Claude left in it.
func environment(base []string) []string {
	if base == nil {
		base = os.Environ()
	}
	env := slices.DeleteFunc(slices.Clone(base), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return name == "CLAUDECODE" || name == "CLAUDE_CODE_SSE_PORT" || name == "CLAUDE_CODE_ENTRYPOINT"
	})
	return append(env, "DISABLE_AUTOUPDATER=1")
}
