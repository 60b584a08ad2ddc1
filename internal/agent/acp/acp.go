// Package acp drives any agent that speaks the Agent Client Protocol: JSON-RPC
// 2.0, one message a line, over the agent's input and output. What differs
// between agents is in their Spec.
package acp

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	sdk "github.com/coder/acp-go-sdk"

	"hapi/internal/agent"
	"hapi/internal/agent/opencode/api"
	"hapi/internal/wire"
)

// Agent is an agent that speaks the protocol.
type Agent struct{ Spec Spec }

// Flavor implements agent.Agent.
func (a Agent) Flavor() wire.Flavor { return a.Spec.Flavor }

// Local implements agent.Agent. The protocol has no terminal.
func (Agent) Local(context.Context, agent.Host, agent.Options) error { return agent.ErrNoTerminal }

// Open implements agent.Agent.
func (a Agent) Open(ctx context.Context, h agent.Host, o agent.Options) (agent.Conversation, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &conversation{pause: askAgainAfter, spec: a.Spec, host: h, o: o, log: o.Logger, config: o.Config, nativeID: o.Resume}
	c.convert = newConverter(a.Spec.text, func(data map[string]any) { h.Emit(row(data)) }, c.shellText)
	c.convert.label = a.Spec.Label
	if g, ok := h.(agent.Gallery); ok {
		c.convert.gallery = g.ShowContent
	}
	c.ctx, c.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	return c, nil
}

// Warm implements agent.Warmer.
func (c *conversation) Warm() {
	c.running.Go(func() {
		proc, err := c.ready(c.ctx)
		if err != nil { // the first prompt tries again, and tells
			c.log.Info("the agent did not start ahead of the first prompt", "err", err)
			return
		}
		c.applyBeforePrompt(c.ctx, proc)
	})
}

// conversation is a conversation with an agent, over the processes that carry
// it one after another.
type conversation struct {
	spec Spec
	host agent.Host
	o    agent.Options
	log  *slog.Logger

	pause   time.Duration   // before an agent is asked again that is not ready
	ctx     context.Context // of what works in the background
	stop    context.CancelCauseFunc
	running sync.WaitGroup

	starting sync.Mutex // one process at a time is started or ended
	applying sync.Mutex // the configuration is applied by one at a time, and not while a prompt runs

	mu       sync.Mutex
	config   agent.Config // what is asked for; what holds is native's
	nativeID string
	proc     *process // nil while there is none
	turn     *turn
	closed   bool
	commands []string
	title    string // the agent's own, as it was passed on

	handling sync.Mutex // updates are handled one after another
	convert  *converter // guarded by handling
	late     *time.Timer
	heard    time.Time // of the latest update; guarded by handling
	muted    bool      // what the agent says of its work is not shown; likewise
}

// turn is a prompt that the agent works on.
type turn struct {
	ended chan struct{}

	mu          sync.Mutex
	interrupted bool
	worked      bool // something of it reached the conversation
}

func (t *turn) interrupt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.interrupted = true
}

func (t *turn) work() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.worked = true
}

func (t *turn) state() (interrupted, worked bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.interrupted, t.worked
}

const (
	// answerWithin is how long an agent may take for anything but a prompt.
	answerWithin = 120 * time.Second
	// interruptWithin is how long an agent may take to end a turn it was asked
	// to end; then it is killed.
	interruptWithin = 10 * time.Second
)

// How often, and how soon, an agent is asked that is not ready yet.
const (
	askAtMost     = 3
	askAgainAfter = time.Second
)

var errClosed = errors.New("the conversation is closed")

// Prompt implements agent.Conversation.
func (c *conversation) Prompt(ctx context.Context, p agent.Prompt) error {
	t := &turn{ended: make(chan struct{})}
	c.setTurn(t)
	defer func() {
		c.setTurn(nil)
		close(t.ended)
		c.applyWhatWaited(ctx)
	}()
	proc, err := c.ready(ctx)
	if err != nil {
		if interrupted, _ := t.state(); interrupted {
			return agent.ErrInterrupted
		}
		return err
	}
	byService := isCompact(p.Text) && proc.service != nil && !c.compacts()
	if isCompact(p.Text) && !byService && !c.compacts() {
		return &agent.Failure{Kind: agent.CompactFailed, Text: c.spec.Label + " cannot shorten its conversation."}
	}
	c.applyBeforePrompt(ctx, proc)
	c.endReplay(ctx, proc)
	if interrupted, _ := t.state(); interrupted {
		return agent.ErrInterrupted
	}
	if byService {
		return c.compact(ctx, proc, t, p.Accepted)
	}
	return c.work(ctx, proc, t, p)
}

// work gives the agent the prompt and waits for the end of its turn.
func (c *conversation) work(ctx context.Context, proc *process, t *turn, p agent.Prompt) error {
	if p.Accepted != nil {
		proc.whenPromptIsWritten(p.Accepted)
	}
	type outcome struct {
		raw []byte
		err error
	}
	answered := make(chan outcome, 1)
	c.running.Go(func() {
		raw, err := proc.call(context.WithoutCancel(ctx), sdk.AgentMethodSessionPrompt, map[string]any{
			"sessionId": proc.native().id, "prompt": []any{map[string]any{"type": "text", "text": promptText(p)}},
		})
		answered <- outcome{raw, err}
	})
	watching, stop := context.WithCancel(ctx)
	defer stop()
	c.running.Go(func() { c.watchTurn(watching, proc) })
	var o outcome
	select {
	case o = <-answered:
	case <-ctx.Done():
		c.abandon(ctx, proc)
		return context.Cause(ctx)
	}
	proc.withdrawAsks(errFinished)
	interrupted, worked := t.state()
	if o.err != nil {
		if proc.gone() { // what it said before comes first
			proc.settle()
		}
		c.settle("The turn broke off")
		if interrupted {
			return agent.ErrInterrupted
		}
		return c.explain(proc, o.err, !worked)
	}
	return c.finish(proc, o.raw, interrupted)
}

// finish deals with the answer to a prompt.
func (c *conversation) finish(proc *process, raw []byte, interrupted bool) error {
	answer, err := read[struct {
		StopReason string `json:"stopReason"`
		Usage      *usage `json:"usage"`
		Meta       struct {
			Quota struct {
				Tokens *usage `json:"token_count"` // where Gemini says it
			} `json:"quota"`
		} `json:"_meta"`
	}](raw)
	if err != nil {
		return &agent.Failure{Kind: agent.Stopped, Text: c.spec.Label + " answered something unreadable: " + err.Error()}
	}
	if interrupted || answer.StopReason == "cancelled" {
		c.settle("Interrupted")
	}
	c.handling.Lock()
	c.convert.flush()
	if used := cmp.Or(answer.Usage, answer.Meta.Quota.Tokens); used != nil {
		c.convert.usage(used)
	}
	c.handling.Unlock()
	c.followTitle(proc)
	if interrupted {
		return agent.ErrInterrupted
	}
	return c.stopped(answer.StopReason)
}

// settle ends in the conversation what will not end any more.
func (c *conversation) settle(why string) {
	c.handling.Lock()
	defer c.handling.Unlock()
	c.convert.interrupted(why)
}

// promptText names the attachments, then says the text.
func promptText(p agent.Prompt) string {
	var parts []string
	refs := make([]string, 0, len(p.Attachments))
	for _, a := range p.Attachments {
		refs = append(refs, "@"+a.Path)
	}
	if len(refs) > 0 {
		parts = append(parts, strings.Join(refs, " "))
	}
	if p.Text != "" {
		parts = append(parts, p.Text)
	}
	return strings.Join(parts, "\n\n")
}

const compactCommand = "compact"

func isCompact(text string) bool {
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return word == "/"+compactCommand
}

// compacts says whether the agent has a command to shorten its conversation.
func (c *conversation) compacts() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.commands, compactCommand)
}

func (c *conversation) setTurn(t *turn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn = t
}

func (c *conversation) current() (*turn, *process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.turn, c.proc
}

func (c *conversation) mode() wire.PermissionMode {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config.PermissionMode
}

// Interrupt implements agent.Conversation.
func (c *conversation) Interrupt(ctx context.Context) error {
	t, proc := c.current()
	if t == nil {
		return nil
	}
	if proc == nil { // it is being started
		t.interrupt()
		return nil
	}
	c.abort(proc, errAborted)
	wait := time.NewTimer(interruptWithin)
	defer wait.Stop()
	select {
	case <-t.ended:
		return nil
	case <-proc.done:
		return nil
	case <-ctx.Done():
	case <-wait.C:
	}
	c.log.Warn("the agent did not end its turn when asked; it is killed")
	proc.kill()
	return nil
}

// abort asks the agent to end its turn, and withdraws what it asked: in this
// order, as an agent that only learns that a tool was canceled goes on with the
// turn and tells the model.
func (c *conversation) abort(proc *process, why error) {
	if t, _ := c.current(); t != nil {
		t.interrupt()
	}
	if n := proc.native(); n != nil {
		err := proc.conn.SendNotification(context.Background(), sdk.AgentMethodSessionCancel, map[string]any{"sessionId": n.id})
		if err != nil {
			c.log.Debug("the agent could not be asked to stop", "err", err)
		}
	}
	proc.withdrawAsks(why)
}

// abandon stops a turn that nobody waits for any more.
func (c *conversation) abandon(ctx context.Context, proc *process) {
	proc.remember()
	c.abort(proc, errEnded)
	c.settle(context.Cause(ctx).Error())
}

// notice is a remark of ours in the conversation.
func (c *conversation) notice(text string) {
	c.host.Emit(agent.Event(map[string]any{"type": "message", "message": text}))
}

// Reset implements agent.Conversation.
func (c *conversation) Reset(context.Context) error {
	c.endProcess()
	c.mu.Lock()
	c.nativeID = ""
	c.mu.Unlock()
	c.host.Resumable("")
	return nil
}

// Close implements agent.Conversation.
func (c *conversation) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop(errClosed)
	c.endProcess()
	c.running.Wait()
	c.handling.Lock()
	defer c.handling.Unlock()
	if c.late != nil {
		c.late.Stop()
	}
	c.convert.flush()
	return nil
}

// endProcess ends the process, if there is one, and waits for it.
func (c *conversation) endProcess() {
	c.starting.Lock()
	defer c.starting.Unlock()
	c.dropProcess()
}

// dropProcess does it for a caller that holds starting.
func (c *conversation) dropProcess() {
	c.mu.Lock()
	proc := c.proc
	c.proc = nil
	c.mu.Unlock()
	if proc != nil {
		proc.end()
	}
}

// ready is a process with a session, started if needed.
func (c *conversation) ready(ctx context.Context) (*process, error) {
	c.starting.Lock()
	defer c.starting.Unlock()
	c.mu.Lock()
	proc, closed := c.proc, c.closed
	c.mu.Unlock()
	switch {
	case closed:
		return nil, errClosed
	case proc != nil && !proc.gone() && proc.native() != nil:
		return proc, nil
	}
	c.dropProcess()
	return c.start(ctx)
}

// start starts the agent and opens its session. The caller holds starting.
func (c *conversation) start(ctx context.Context) (*process, error) {
	command := firstOf(c.o.Path, c.spec.Command)
	path, err := exec.LookPath(command)
	if err != nil {
		return nil, c.notInstalled(command)
	}
	args, env := c.arguments(), c.environment()
	var service *api.Server
	if c.spec.serves {
		if service, err = api.New(); err != nil {
			return nil, err
		}
		args, env = append(args, service.Arguments()...), append(env, service.Environment()...)
	}
	proc, err := startProcess(ctx, processOptions{path: path, args: args, dir: c.o.Dir, env: env, log: c.log, serve: c.serve, service: service})
	if err != nil {
		return nil, &agent.Failure{Kind: agent.Crashed, Silent: true, Text: c.spec.Label + " could not be started: " + err.Error()}
	}
	c.mu.Lock()
	c.proc = proc
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := c.greet(ctx, proc); err != nil {
		c.mu.Lock()
		c.proc = nil
		c.mu.Unlock()
		err = c.explain(proc, err, true)
		proc.kill()
		return nil, err
	}
	if service != nil {
		c.running.Go(func() { c.followRetries(proc) })
	}
	return proc, nil
}

// mute makes what the agent says of its work be left out, or not any more.
func (c *conversation) mute(yes bool) {
	c.handling.Lock()
	defer c.handling.Unlock()
	c.muted = yes
}

func (c *conversation) arguments() []string {
	return append(slices.Clone(c.spec.Args), c.o.Args...)
}

func (c *conversation) environment() []string {
	env := c.o.Env
	if env == nil {
		env = os.Environ()
	}
	return append(slices.Clone(env), c.spec.Env...)
}

// shellText is what a command of the agent has said.
func (c *conversation) shellText(id string) string {
	_, proc := c.current()
	if proc == nil {
		return ""
	}
	return proc.shells.text(id)
}
