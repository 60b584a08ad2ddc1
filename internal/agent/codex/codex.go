// Package codex drives OpenAI's Codex. Without a terminal it is one process for
// a conversation, the app-server, which speaks JSON-RPC; the thread outlives it.
// At a terminal it is itself; what is said there is read from its rollout.
package codex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// Agent is Codex.
type Agent struct {
	self string // hapi's own executable, for the hooks
}

// New makes an Agent. self is hapi's own executable, which Codex calls.
func New(self string) *Agent { return &Agent{self: self} }

// Flavor implements agent.Agent.
func (*Agent) Flavor() wire.Flavor { return wire.FlavorCodex }

// Open implements agent.Agent. The process starts with the first prompt.
func (*Agent) Open(ctx context.Context, h agent.Host, o agent.Options) (agent.Conversation, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &conversation{
		host: h, o: o, log: o.Logger, own: parseOverrides(o.Args), config: o.Config, threadID: o.Resume, fork: o.Fork,
		starting: make(chan struct{}, 1), rows: rowsOf(h),
	}
	c.alive, c.leave = context.WithCancelCause(context.WithoutCancel(ctx))
	return c, nil
}

// conversation is a Codex thread, over the processes that carry it one after
// another.
type conversation struct {
	host agent.Host
	o    agent.Options
	log  *slog.Logger
	own  overrides // of the command line

	alive   context.Context // ends with Close
	leave   context.CancelCauseFunc
	running sync.WaitGroup // what works in the background

	starting chan struct{} // of one: who holds it starts or ends a process

	mu            sync.Mutex
	config        agent.Config
	personality   string // friendly, pragmatic or none; empty: Codex's own
	delegation    string // when sub-agents are used; empty: Codex's own
	threadID      string
	fork          bool       // threadID is another's: the first turn forks it
	srv           *server    // nil while there is none
	open          bool       // the thread is open on srv
	past          agent.Past // what people were told that can be done with the thread
	turn          *turn
	skills        []skill // nil: not known
	skillsChanged bool
	noPlanning    bool // this Codex knows no collaboration modes
	closed        bool

	rows *rows
}

// turn is a prompt that Codex works on, or a compaction.
type turn struct {
	compaction bool
	giveUp     context.CancelCauseFunc // ends the opening of the thread

	// Guarded by the conversation's mu.
	config      agent.Config // it was started with
	sent        bool         // Codex may have the prompt
	id          string       // Codex's; empty until it has taken the prompt
	said        bool         // something of it reached the conversation
	interrupted bool

	taken     chan struct{} // closed when Codex has taken it on
	takenOnce sync.Once
	ended     chan struct{} // closed with outcome
	outcome   error
	endedOnce sync.Once
	failing   sync.Once                 // an end by failure is on its way
	failure   atomic.Pointer[turnError] // and which
}

func newTurn() *turn { return &turn{taken: make(chan struct{}), ended: make(chan struct{})} }

func (t *turn) end(outcome error) {
	t.endedOnce.Do(func() {
		t.outcome = outcome
		close(t.ended)
	})
}

// interruptWithin is how long Codex may take to end a turn it was asked to end;
// then it is killed.
const interruptWithin = 5 * time.Second

var errClosed = errors.New("the conversation is closed")

// Prompt implements agent.Conversation.
func (c *conversation) Prompt(ctx context.Context, p agent.Prompt) error {
	if p.Text == "/compact" && len(p.Attachments) == 0 {
		return c.compact(ctx, p)
	}
	return c.recovering(ctx, func() error { return c.attempt(ctx, p) })
}

// attempt runs one turn.
func (c *conversation) attempt(ctx context.Context, p agent.Prompt) error {
	return c.run(ctx, newTurn(), func(s *server, t *turn) error {
		if err := c.startTurn(ctx, s, t, p); err != nil {
			return err
		}
		c.host.Began(p.ID, c.idOf(t))
		if p.Accepted != nil {
			p.Accepted()
		}
		return nil
	})
}

// run opens the thread, starts a turn, and waits for its end.
func (c *conversation) run(ctx context.Context, t *turn, start func(*server, *turn) error) error {
	opening, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	t.giveUp = giveUp
	c.setTurn(t)
	defer c.setTurn(nil)
	s, err := c.opened(opening)
	if err != nil {
		return err
	}
	if !c.sending(t) {
		return agent.ErrInterrupted
	}
	if err := start(s, t); err != nil {
		return c.notStarted(ctx, s, t, err)
	}
	watching, unwatch := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { s.watch(watching) })
	defer watch.Wait()
	defer unwatch()
	select {
	case <-t.ended:
	case <-s.done:
		c.settleExit(s, t)
	case <-ctx.Done():
		c.abandon(ctx, s, t)
		return context.Cause(ctx)
	}
	s.withdrawAsks(reasonTurnEnded)
	return t.outcome
}

// sending marks that Codex is about to get the turn, unless a person has
// already ended it.
func (c *conversation) sending(t *turn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.sent, t.config = !t.interrupted, c.config
	return t.sent
}

// startTurn gives Codex a prompt.
func (c *conversation) startTurn(ctx context.Context, s *server, t *turn, p agent.Prompt) error {
	if strings.HasPrefix(p.Text, "$") { // it may begin with a skill
		if _, err := c.nativeSkills(ctx, s); err != nil {
			c.log.Warn("codex does not say which skills it has", "err", err)
		}
	}
	planning := t.config.CollaborationMode == collaborationPlan
	c.mu.Lock()
	noPlanning := c.noPlanning
	c.mu.Unlock()
	switch {
	case planning && noPlanning:
		return noPlanMode()
	case planning && t.config.Model == "": // Codex takes the mode with a model only
		return &agent.Failure{Kind: agent.BadArguments, Text: "Plan mode needs a model, and Codex did not say which one it uses: choose one with /model NAME, or leave plan mode with /default. Then send your message again."}
	}
	taken := func(result json.RawMessage) { c.turnTaken(t, result) }
	_, err := s.call(ctx, "turn/start", c.turnParams(t.config, p), taken)
	if !refusesPlanning(err) {
		return err
	}
	c.mu.Lock()
	c.noPlanning = true
	c.mu.Unlock()
	if planning {
		return noPlanMode()
	}
	_, err = s.call(ctx, "turn/start", c.turnParams(t.config, p), taken)
	return err
}

func noPlanMode() error {
	return &agent.Failure{Kind: agent.BadArguments, Text: "This version of Codex has no plan mode: update it, or leave plan mode with /default. Then send your message again."}
}

// turnTaken learns the id of a turn that Codex has taken on.
func (c *conversation) turnTaken(t *turn, result json.RawMessage) {
	var r struct {
		Turn struct {
			ID string `json:"id"`
		} `json:"turn"`
	}
	_ = json.Unmarshal(result, &r) // without an id any end is this turn's
	c.mu.Lock()
	defer c.mu.Unlock()
	t.take(r.Turn.ID)
}

func (c *conversation) idOf(t *turn) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return t.id
}

// take notes that Codex works on the turn. The caller holds the conversation's mu.
func (t *turn) take(id string) {
	if t.id == "" {
		t.id = id
	}
	t.takenOnce.Do(func() { close(t.taken) })
}

// isTaken says whether Codex works on the turn, or has.
func (t *turn) isTaken() bool {
	select {
	case <-t.taken:
		return true
	default:
		return false
	}
}

// compact summarises the thread to make room.
func (c *conversation) compact(ctx context.Context, p agent.Prompt) error {
	c.mu.Lock()
	nothing := c.threadID == ""
	c.mu.Unlock()
	if p.Accepted != nil {
		p.Accepted()
	}
	if nothing {
		return &agent.Failure{Kind: agent.CompactFailed, Text: "there is nothing to compact yet"}
	}
	err := c.runCompaction(ctx)
	var failed *agent.Failure
	if errors.As(err, &failed) {
		failed.Kind = agent.CompactFailed
	}
	return err
}

func (c *conversation) runCompaction(ctx context.Context) error {
	t := newTurn()
	t.compaction = true
	return explained(c.run(ctx, t, func(s *server, _ *turn) error {
		_, err := s.call(ctx, "thread/compact/start", map[string]any{"threadId": c.thread()}, nil)
		return err
	}))
}

func (c *conversation) setTurn(t *turn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn = t
}

func (c *conversation) configured() agent.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config
}

func (c *conversation) thread() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.threadID
}

// Interrupt implements agent.Conversation.
func (c *conversation) Interrupt(ctx context.Context) error {
	c.mu.Lock()
	t, s := c.turn, c.srv
	sent := false
	if t != nil {
		t.interrupted, sent = true, t.sent
	}
	c.mu.Unlock()
	switch {
	case t == nil:
		return nil
	case !sent || s == nil:
		t.giveUp(agent.ErrInterrupted)
		return nil
	}
	s.withdrawAsks(reasonAborted)
	ctx, cancel := context.WithTimeout(ctx, interruptWithin)
	defer cancel()
	if err := c.stopTurn(ctx, s, t); err != nil && ctx.Err() != nil {
		c.log.Warn("codex did not end its turn when asked; it is killed", "err", err)
		s.kill()
	}
	return nil
}

// stopTurn asks Codex to end a turn, once it has taken it on, and waits for that.
func (c *conversation) stopTurn(ctx context.Context, s *server, t *turn) error {
	select {
	case <-t.taken:
	case <-t.ended:
		return nil
	case <-s.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	c.mu.Lock()
	params := map[string]any{"threadId": c.threadID, "turnId": t.id}
	c.mu.Unlock()
	_, err := s.call(ctx, "turn/interrupt", params, nil)
	if err != nil {
		c.log.Debug("codex did not take the interrupt", "err", err)
	}
	select {
	case <-t.ended:
	case <-s.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// abandon stops a turn that nobody waits for any more.
func (c *conversation) abandon(ctx context.Context, s *server, t *turn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	c.mu.Lock()
	t.interrupted = true
	c.mu.Unlock()
	s.withdrawAsks(reasonEnded)
	if err := c.stopTurn(ctx, s, t); err != nil {
		c.log.Debug("codex did not stop when asked", "err", err)
	}
}

// Configure implements agent.Conversation. How requests are answered changes at
// once, everything else with the next turn.
func (c *conversation) Configure(_ context.Context, config agent.Config) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.config = config
	return nil
}

// reconfigure changes the configuration from within.
func (c *conversation) reconfigure(change func(*agent.Config)) {
	c.mu.Lock()
	change(&c.config)
	c.mu.Unlock()
	c.host.Configured(change)
}

// Reset implements agent.Conversation. The process stays; the next prompt opens
// another thread on it.
func (c *conversation) Reset(context.Context) error {
	c.mu.Lock()
	c.threadID, c.fork, c.open, c.past = "", false, false, agent.Past{}
	c.mu.Unlock()
	c.host.Resumable("")
	c.host.Past(agent.Past{})
	return nil
}

// Close implements agent.Conversation.
func (c *conversation) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.leave(errClosed)
	c.running.Wait()
	c.starting <- struct{}{}
	defer func() { <-c.starting }()
	return c.dropServer()
}

// Warm implements agent.Warmer.
func (c *conversation) Warm() {
	c.running.Go(func() {
		s, err := c.ready(c.alive)
		if err == nil {
			c.offerPast(s)
			_, err = c.nativeSkills(c.alive, s)
		}
		if err != nil {
			c.log.Debug("codex is not ready yet; the first prompt will tell", "err", err)
		}
	})
}

// opened is a process on which the thread is open.
func (c *conversation) opened(ctx context.Context) (*server, error) {
	s, err := c.ready(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	open := c.open && c.srv == s
	c.mu.Unlock()
	if open {
		return s, nil
	}
	return s, c.openThread(ctx, s)
}

// ready is a process that has introduced itself, started if needed.
func (c *conversation) ready(ctx context.Context) (*server, error) {
	select {
	case c.starting <- struct{}{}:
		defer func() { <-c.starting }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	c.mu.Lock()
	s, closed := c.srv, c.closed
	c.mu.Unlock()
	switch {
	case closed:
		return nil, errClosed
	case s != nil && !s.gone():
		return s, nil
	}
	if err := c.dropServer(); err != nil {
		c.log.Warn("codex did not end well", "err", err)
	}
	return c.start(ctx)
}

// dropServer ends the process, if there is one, and waits for it. The caller
// holds starting.
func (c *conversation) dropServer() error {
	c.mu.Lock()
	s := c.srv
	c.srv, c.open = nil, false
	c.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.end()
}

// start starts a process and greets it. The caller holds starting.
func (c *conversation) start(ctx context.Context) (*server, error) {
	codex, err := find(ctx, c.o.Path)
	if err != nil {
		return nil, notInstalled()
	}
	s, err := startServer(ctx, serverOptions{
		path: codex.path, args: codex.with("app-server"), dir: c.o.Dir, env: c.o.Env, log: c.log, handler: c,
	})
	if err != nil {
		return nil, &agent.Failure{Kind: agent.Crashed, Silent: true, Text: fmt.Sprintf("Codex could not be started: %v", err)}
	}
	if err := c.greet(ctx, s); err != nil {
		failure := c.explainStart(ctx, s, err)
		if err := s.end(); err != nil {
			c.log.Debug("codex did not end well", "err", err)
		}
		return nil, failure
	}
	c.mu.Lock()
	c.srv, c.open, c.noPlanning = s, false, false // it can be another version
	c.mu.Unlock()
	return s, nil
}

// greet begins the protocol, and asks whether there is somebody to work for.
func (c *conversation) greet(ctx context.Context, s *server) error {
	var err error
	if s.version, err = initialize(ctx, s, "hapi-codex-client"); err != nil {
		return err
	}
	raw, err := s.call(ctx, "account/read", map[string]any{"refreshToken": false}, nil)
	var account struct {
		Account  json.RawMessage `json:"account"`
		Required bool            `json:"requiresOpenaiAuth"`
	}
	var late lateError
	if errors.As(err, &late) {
		return late
	}
	if err != nil || json.Unmarshal(raw, &account) != nil {
		return nil //nolint:nilerr // an older Codex; the turn will tell
	}
	if account.Required && (len(account.Account) == 0 || string(account.Account) == "null") {
		return notLoggedIn()
	}
	return nil
}

// initialize begins the protocol under a client's name.
func initialize(ctx context.Context, s *server, name string) (version, error) {
	raw, err := s.call(ctx, "initialize", map[string]any{
		"clientInfo":   map[string]any{"name": name, "version": "1.0.0"},
		"capabilities": map[string]any{"experimentalApi": true},
	}, nil)
	if err != nil {
		return version{}, fmt.Errorf("initialize codex: %w", err)
	}
	var in struct {
		UserAgent string `json:"userAgent"` // ours, with Codex's version
	}
	_ = json.Unmarshal(raw, &in) // without it the version is not known
	return parseVersion(in.UserAgent), s.notify("initialized")
}
