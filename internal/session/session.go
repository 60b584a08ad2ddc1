// Package session runs one conversation with one agent: prompts come in from
// the hub and wait for their turn, what the agent does goes out to the hub, and
// the agent's requests are brought before a person. It runs until it is told to
// end, through hub restarts and failures of the agent.
package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"hapi/internal/agent"
	"hapi/internal/agent/child"
	"hapi/internal/hubclient"
	"hapi/internal/media"
	"hapi/internal/peers"
	"hapi/internal/session/mcp"
	"hapi/internal/session/screen"
	"hapi/internal/terminals"
	"hapi/internal/wire"
	"hapi/internal/workspace"
)

// retryAfter is the pause before a prompt is given to an agent again that ended
// before it did anything.
const retryAfter = time.Second

// Options of a Session.
type Options struct {
	Agent  agent.Agent
	Open   agent.Options                  // of the conversation; its Config is the starting one
	Begin  Side                           // empty: Remote
	Late   bool                           // the hub gets a new local session with the first that is said
	Screen *screen.Screen                 // nil: there is no terminal
	Link   func(id wire.SessionID) string // the session's address; for the screen
	Peers  *peers.Client                  // nil: the agent has no tools of the session
	Facts  Facts
	Logger *slog.Logger
}

// Session is one conversation.
type Session struct {
	log     *slog.Logger
	agent   agent.Agent
	screen  *screen.Screen
	flavor  wire.Flavor
	start   Side
	link    *hubclient.Link
	queue   *queue
	broker  *broker
	uploads *workspace.Uploads
	files   *workspace.Workspace
	shells  *terminals.Terminals
	facts   Facts
	media   *media.Store
	tools   *mcp.Server // nil: the agent has none
	mark    string      // of the processes of its agent
	client  *hubclient.Client
	row     wire.Session
	stored  *row
	// takenOver is the metadata of this process when the row is an earlier one's.
	takenOver map[string]any

	running sync.WaitGroup
	ctx     context.Context // of everything that works for the session
	stop    context.CancelCauseFunc

	mu          sync.Mutex
	open        agent.Options // of the next conversation, but for its Config
	config      agent.Config
	overrides   agent.Overrides // of the latest prompt
	want        Side
	here        *stay
	conv        agent.Conversation // of the remote side
	turn        *turn              // the running one
	working     bool               // the agent at the terminal works
	workChanged chan struct{}      // closed and replaced with working
	titled      bool
	agentTitle  string // the last one that was the agent's own
}

// turn is a prompt that the agent works on.
type turn struct {
	config    agent.Config            // it began with
	cancelled bool                    // a person aborted it
	withdraw  context.CancelCauseFunc // of what the session itself asks in it; nil: it asks nothing
	done      chan struct{}
}

// Start makes the session's row on the hub, or takes the existing one. Nothing
// runs before Run.
func Start(ctx context.Context, client *hubclient.Client, o Options) (*Session, error) {
	files, err := workspace.Open(o.Open.Dir)
	if err != nil {
		return nil, err
	}
	o.Facts.add(ctx, o.Open.Dir)
	if o.Begin == "" {
		o.Begin = Remote
	}
	row, stored, err := firstRow(ctx, client, &o)
	if err != nil {
		return nil, errors.Join(err, files.Close())
	}
	o.Open.AddDirs = append(o.Open.AddDirs, workspace.UploadsBase())
	mark := child.NewMark()
	if o.Open.Env == nil {
		o.Open.Env = os.Environ()
	}
	o.Open.Env = append(slices.Clip(o.Open.Env), child.Mark+"="+mark)
	if stored.isStored() {
		o.Open.Env = append(o.Open.Env, sessionVariable+string(row.ID))
	}
	s := &Session{
		log: o.Logger, agent: o.Agent, screen: o.Screen, flavor: o.Agent.Flavor(), start: o.Begin, want: o.Begin, queue: newQueue(), client: client, row: row, stored: stored, open: o.Open, config: o.Open.Config,
		uploads: workspace.NewUploads(string(row.ID)), files: files, facts: o.Facts, media: &media.Store{}, mark: mark, workChanged: make(chan struct{}),
	}
	s.titled = hasTitle(row.Metadata)
	if o.Facts.ExistingID != "" {
		s.takenOver = o.Facts.Metadata
	}
	s.open.Untold = o.Facts.ExistingID == "" && o.Open.Resume != ""
	s.ctx, s.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	s.queue.isAlone = s.isCommand
	s.shells = terminals.New(terminals.Options{
		Session: row.ID, Dir: o.Open.Dir, Logger: o.Logger,
		Emit:    func(event string, payload any) error { return s.link.Emit(event, payload) },
		Barrier: func(ctx context.Context) error { return s.link.Barrier(ctx) },
	})
	s.link = client.Link(row, hubclient.LinkOptions{
		Prompt:    s.receive,
		Cancel:    s.queue.cancel,
		Retry:     s.retry,
		Methods:   s.methods(),
		Events:    s.shells.Events(),
		Connected: s.shells.Connected,
		Refused: func(reason string) {
			s.end(Ending{Reason: EndError, Archive: "The hub refused the session: " + reason})
		},
	})
	if err := s.offerTools(&o); err != nil {
		return nil, errors.Join(err, files.Close())
	}
	if o.Screen != nil {
		o.Screen.Introduce(o.Link(row.ID), s.link.Connected)
	}
	s.broker = newBroker(s.link.UpdateState, s.decided, s.later)
	return s, nil
}

// firstRow is the session's row, which the hub has or is to have.
func firstRow(ctx context.Context, client *hubclient.Client, o *Options) (wire.Session, *row, error) {
	if o.Late {
		late, planned, err := lateRow(o)
		return planned, late, err
	}
	made, err := establish(ctx, client, o)
	if err != nil {
		return made, nil, err
	}
	reportToRunner(ctx, &o.Facts, made.ID, o.Logger)
	return made, storedRow(), nil
}

// ID is the session's.
func (s *Session) ID() wire.SessionID { return s.row.ID }

// Run works until ctx ends or the session is told to end, and says goodbye to
// the hub. ctx's cause may be an Ending.
func (s *Session) Run(ctx context.Context) Ending {
	release := context.AfterFunc(ctx, func() { s.stop(context.Cause(ctx)) })
	defer release()
	linked, unlink := context.WithCancel(context.WithoutCancel(ctx))
	linkEnded := make(chan struct{})
	go func() {
		defer close(linkEnded)
		s.connect(linked)
	}()
	s.running.Go(s.introduce)
	s.running.Go(func() { s.stayKnown(lookForRunner) })
	s.announceState()
	child.SweepOrphans() // what a killed process of this session left would go on beside us
	s.converse()
	ending := endingOf(context.Cause(s.ctx))
	if s.stored.isStored() {
		s.reportEnding()
	}
	s.shells.Close()
	if s.tools != nil {
		_ = s.tools.Close() // the agent has gone
	}
	child.SweepMarked(s.mark)
	s.running.Wait()
	s.leave(ctx, ending)
	unlink()
	<-linkEnded
	return ending
}

// introduce writes what is true of the starting session, and cancels what an
// earlier process left open.
func (s *Session) introduce() {
	if s.stored.await(s.ctx) != nil {
		return
	}
	startingMode := mustObject(s.start)
	err := s.link.UpdateState(s.ctx, func(st *wire.AgentState) {
		abandon(st, "The session was restarted")
		atTerminal := s.side() == Local
		st.ControlledByUser = &atTerminal
		if st.StartingMode != "pty" {
			st.StartingMode = string(s.start)
		}
	})
	if err == nil {
		err = s.link.UpdateMetadata(s.ctx, func(m map[string]json.RawMessage) {
			if s.takenOver != nil {
				refresh(m, s.takenOver)
			}
			if string(m["startingMode"]) != `"pty"` {
				m["startingMode"] = startingMode
			}
			if s.tools != nil {
				m["hapiMcpUrl"] = mustObject(s.tools.Tools().URL)
			}
			m[keyedRows] = json.RawMessage("true")
			m["lifecycleState"] = json.RawMessage(`"running"`)
			delete(m, "archivedBy")
			delete(m, "archiveReason")
		})
	}
	if err != nil && s.ctx.Err() == nil {
		s.log.Error("the session could not introduce itself", "err", err)
	}
}

// announceState makes the keep-alive say what is true now.
func (s *Session) announceState() {
	s.mu.Lock()
	c, thinking := s.config, s.turn != nil || s.working
	s.mu.Unlock()
	side := s.side()
	s.screen.Working(thinking)
	s.link.SetAlive(func(a *wire.SessionAlive) {
		a.Mode, a.Thinking = string(side), &thinking
		announceConfig(a, s.flavor, &c)
	})
}

func textOrNull(s string) json.RawMessage {
	if s == "" {
		return json.RawMessage("null")
	}
	return wire.AppendString(nil, s)
}

// receive takes a prompt from the hub.
func (s *Session) receive(m wire.DeliveredMessage) {
	i, meta, err := itemOf(m)
	if err != nil {
		s.log.Warn("a message that is no prompt was left out", "message", m.ID)
		return
	}
	i.overrides = s.override(meta)
	s.screen.Row(m.Content)
	s.queue.put(i)
}

func itemOf(m wire.DeliveredMessage) (i *item, meta json.RawMessage, err error) {
	var c struct {
		Content struct {
			Text        string            `json:"text"`
			Attachments []wire.Attachment `json:"attachments"`
		} `json:"content"`
		Meta json.RawMessage `json:"meta"`
	}
	if err := json.Unmarshal(m.Content, &c); err != nil {
		return nil, nil, fmt.Errorf("read a prompt: %w", err)
	}
	i = &item{id: m.ID, text: c.Content.Text, attachments: c.Content.Attachments}
	if m.LocalID != nil {
		i.localID = *m.LocalID
	}
	return i, c.Meta, nil
}

// work gives the agent prompt after prompt until ctx ends.
func (s *Session) work(ctx context.Context) {
	for {
		batch, err := s.queue.next(ctx)
		if err != nil {
			return
		}
		s.serve(ctx, batch)
	}
}

// serve deals with what left the queue.
func (s *Session) serve(ctx context.Context, batch []*item) {
	text, attachments := joined(batch)
	if c, ok := s.conversation().(agent.Commander); ok && c.IsCommand(text) {
		s.command(ctx, batch, c, text)
		return
	}
	switch s.commandOf(text) {
	case cmdClear:
		s.consumed(batch, true)
		s.clear(ctx)
	case cmdPlan, cmdPlanOff:
		s.consumed(batch, true)
		s.setMode(ctx, planMode(s.commandOf(text)))
		s.event(map[string]any{"type": "permission-mode-changed", "mode": s.mode()})
		s.ready()
	case cmdPlanText:
		s.setMode(ctx, wire.ModePlan)
		s.event(map[string]any{"type": "permission-mode-changed", "mode": s.mode()})
		s.prompt(ctx, batch, promptOf(batch, planText(text), attachments))
	case cmdCompact:
		s.compact(ctx, batch, text)
	default:
		s.prompt(ctx, batch, promptOf(batch, text, attachments))
	}
}

// command lets the agent carry out a command of its own.
func (s *Session) command(ctx context.Context, batch []*item, c agent.Commander, text string) {
	goOn := c.Command(ctx, text)
	if goOn == "" {
		s.consumed(batch, true)
		return
	}
	s.prompt(ctx, batch, promptOf(batch, goOn, batch[0].attachments))
}

func planMode(c command) wire.PermissionMode {
	if c == cmdPlanOff {
		return wire.ModeDefault
	}
	return wire.ModePlan
}

func (s *Session) consumed(batch []*item, endGrace bool) {
	s.queue.accepted()
	if ids := localIDs(batch); len(ids) > 0 {
		if err := s.link.Consumed(s.ctx, endGrace, ids...); err != nil {
			s.log.Warn("the hub was not told that prompts were taken", "err", err)
		}
	}
}

// clear forgets the conversation so far.
func (s *Session) clear(ctx context.Context) {
	if err := s.conversation().Reset(ctx); err != nil {
		s.event(message("The context could not be reset: " + err.Error()))
		return
	}
	s.event(message("Context was reset"))
	s.ready()
}

func (s *Session) compact(ctx context.Context, batch []*item, text string) {
	s.event(message("Compaction started"))
	err := s.run(ctx, batch, agent.Prompt{Text: text, Overrides: batch[0].overrides})
	var failed *agent.Failure
	switch {
	case err == nil:
		s.event(message("Compaction completed"))
		s.ready()
	case errors.As(err, &failed) && failed.Kind == agent.CompactFailed:
		s.event(message("Compaction failed: " + failed.Text))
		s.ready()
	default:
		s.explain(ctx, err)
	}
}

// prompt runs a turn, and tells people how it ended.
func (s *Session) prompt(ctx context.Context, batch []*item, p agent.Prompt) {
	err := s.run(ctx, batch, p)
	if err != nil {
		s.explain(ctx, err)
		return
	}
	s.title(p.Text)
	if s.queue.empty() {
		s.ready()
	}
}

// run runs a turn. An agent that ended before it did anything gets the prompt
// once more.
func (s *Session) run(ctx context.Context, batch []*item, p agent.Prompt) error {
	told := false
	p.Accepted = func() {
		if !told {
			told = true
			s.consumed(batch, false)
		}
	}
	t := s.beginTurn()
	defer s.endTurn(t)
	conv := s.conversation()
	err := s.give(ctx, t, conv, p)
	var failed *agent.Failure
	if errors.As(err, &failed) && failed.Kind == agent.Crashed && failed.Silent && !s.aborted(t) {
		s.log.Warn("the agent ended before it did anything; starting it once more", "err", err)
		select {
		case <-time.After(retryAfter):
			err = s.give(ctx, t, conv, p)
		case <-ctx.Done():
		}
	}
	if !told {
		s.undelivered(ctx, batch, err)
	}
	return err
}

// undelivered deals with prompts that the agent never got. When the session
// ends or is switched they stay queued; else they are taken off the queue, and the
// person is told to send them again.
func (s *Session) undelivered(ctx context.Context, batch []*item, err error) {
	if ctx.Err() != nil || err == nil {
		s.queue.restore()
		return
	}
	s.consumed(batch, true)
}

func (s *Session) beginTurn() *turn {
	s.mu.Lock()
	t := &turn{config: s.config, done: make(chan struct{})}
	s.turn = t
	s.mu.Unlock()
	s.announceState()
	s.announceSteering()
	return t
}

func (s *Session) endTurn(t *turn) {
	s.mu.Lock()
	s.turn = nil
	s.mu.Unlock()
	s.announceState()
	s.announceSteering()
	close(t.done)
}

func (s *Session) aborted(t *turn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.cancelled
}

// explain tells people why a turn did not end well.
func (s *Session) explain(ctx context.Context, err error) {
	var failed *agent.Failure
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, agent.ErrInterrupted):
		s.event(message("Aborted by user"))
	case errors.As(err, &failed):
		if !failed.Shown {
			s.event(message(failed.Text))
		}
		s.ready()
	default:
		s.event(message("The agent failed: " + err.Error()))
		s.ready()
	}
}

var errAborted = errors.New("User aborted")

// abort ends the running turn, if there is one, and returns when it has ended.
// What goes on at the terminal ends by taking the session over.
func (s *Session) abort(ctx context.Context) error {
	if s.side() == Local {
		return s.switchTo(ctx, Remote)
	}
	s.mu.Lock()
	t := s.turn
	if t != nil {
		t.cancelled = true
		if t.withdraw != nil {
			t.withdraw(errAborted)
		}
	}
	s.mu.Unlock()
	if t == nil {
		s.event(message("Aborted by user"))
		return nil
	}
	conv := s.conversation()
	if conv == nil { // the turn ends with its side
		return nil
	}
	if err := conv.Interrupt(ctx); err != nil {
		return fmt.Errorf("interrupt the agent: %w", err)
	}
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// title names the conversation after its first prompt, unless it has a name.
func (s *Session) title(text string) {
	s.mu.Lock()
	done := s.titled
	s.titled = true
	s.mu.Unlock()
	title := titleFrom(text)
	if done || title == "" {
		return
	}
	s.running.Go(func() {
		err := s.link.UpdateMetadata(s.ctx, func(m map[string]json.RawMessage) {
			if !hasTitle(mustObject(m)) {
				m["summary"] = summaryOf(title)
			}
		})
		if err != nil && s.ctx.Err() == nil {
			s.log.Warn("the session's title was not written", "err", err)
		}
	})
}

func summaryOf(title string) json.RawMessage {
	return mustObject(map[string]any{"text": title, "updatedAt": time.Now().UnixMilli()})
}

func hasTitle(metadata json.RawMessage) bool {
	var m struct {
		Name    string `json:"name"`
		Summary struct {
			Text string `json:"text"`
		} `json:"summary"`
	}
	_ = json.Unmarshal(metadata, &m) // without metadata there is no title
	return m.Name != "" || m.Summary.Text != ""
}

// mustObject is v as JSON; v is made of maps, strings and numbers.
func mustObject(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

func message(text string) map[string]any {
	return map[string]any{"type": "message", "message": text}
}

// ready tells people that the agent waits for them.
func (s *Session) ready() { s.event(map[string]any{"type": "ready"}) }

// event adds an event of the session to the conversation.
func (s *Session) event(data map[string]any) {
	s.say(agent.Record{Content: mustObject(map[string]any{
		"role":    "agent",
		"content": map[string]any{"id": uuid.NewString(), "type": "event", "data": data},
	})})
}

func (s *Session) say(r agent.Record) {
	s.screen.Row(r.Content)
	if err := s.link.SayOnce(context.WithoutCancel(s.ctx), r.Key, r.Content, r.At); err != nil {
		s.log.Error("a row of the conversation was lost", "err", err)
	}
}
