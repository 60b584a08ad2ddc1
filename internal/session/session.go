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
	"hapi/internal/hubclient"
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
	Open   agent.Options // of the conversation; its Config is the starting one
	Facts  Facts
	Logger *slog.Logger
}

// Session is one conversation.
type Session struct {
	log     *slog.Logger
	flavor  wire.Flavor
	link    *hubclient.Link
	queue   *queue
	broker  *broker
	uploads *workspace.Uploads
	files   *workspace.Workspace
	shells  *terminals.Terminals
	facts   Facts
	conv    agent.Conversation
	row     wire.Session
	// takenOver is the metadata of this process when the row is an earlier one's.
	takenOver map[string]any

	running sync.WaitGroup
	ctx     context.Context // of everything that works for the session
	stop    context.CancelCauseFunc

	mu     sync.Mutex
	config agent.Config
	turn   *turn // the running one
	titled bool
}

// turn is a prompt that the agent works on.
type turn struct {
	config    agent.Config // it began with
	cancelled bool         // a person aborted it
	done      chan struct{}
}

// Start makes the session's row on the hub, or takes the existing one, and the
// agent's conversation. Nothing runs before Run.
func Start(ctx context.Context, client *hubclient.Client, o Options) (*Session, error) {
	files, err := workspace.Open(o.Open.Dir)
	if err != nil {
		return nil, err
	}
	o.Facts.add(ctx, o.Open.Dir)
	row, err := establish(ctx, client, &o)
	if err != nil {
		return nil, errors.Join(err, files.Close())
	}
	reportToRunner(ctx, &o.Facts, row.ID, o.Logger)
	s := &Session{log: o.Logger, flavor: o.Agent.Flavor(), queue: newQueue(), row: row, config: o.Open.Config, uploads: workspace.NewUploads(string(row.ID)), files: files, facts: o.Facts}
	s.titled = hasTitle(row.Metadata)
	if o.Facts.ExistingID != "" {
		s.takenOver = o.Facts.Metadata
	}
	s.ctx, s.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	o.Open.AddDirs = append(o.Open.AddDirs, workspace.UploadsBase())
	if o.Open.Env == nil {
		o.Open.Env = os.Environ()
	}
	o.Open.Env = append(slices.Clip(o.Open.Env), "HAPI_SESSION_ID="+string(row.ID))
	if s.conv, err = o.Agent.Open(s.ctx, host{s}, o.Open); err != nil {
		return nil, fmt.Errorf("prepare the agent: %w", err)
	}
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
	s.broker = newBroker(s.link.UpdateState, s.decided, s.later)
	return s, nil
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
		_ = s.link.Run(linked) // ends with unlink
	}()
	s.running.Go(s.introduce)
	s.announceState()
	if w, ok := s.conv.(agent.Warmer); ok {
		w.Warm()
	}
	s.work()
	ending := endingOf(context.Cause(s.ctx))
	s.reportEnding()
	if err := s.conv.Close(); err != nil {
		s.log.Warn("the agent did not end well", "err", err)
	}
	s.shells.Close()
	s.running.Wait()
	s.leave(ctx, ending)
	unlink()
	<-linkEnded
	return ending
}

// introduce writes what is true of every remote session, and cancels what an
// earlier process left open.
func (s *Session) introduce() {
	no := false
	err := s.link.UpdateState(s.ctx, func(st *wire.AgentState) {
		abandon(st, "The session was restarted")
		st.ControlledByUser = &no
		if st.StartingMode != "pty" {
			st.StartingMode = "remote"
		}
	})
	if err == nil {
		err = s.link.UpdateMetadata(s.ctx, func(m map[string]json.RawMessage) {
			if s.takenOver != nil {
				refresh(m, s.takenOver)
			}
			if string(m["startingMode"]) != `"pty"` {
				m["startingMode"] = json.RawMessage(`"remote"`)
			}
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
	c, thinking := s.config, s.turn != nil
	s.mu.Unlock()
	s.link.SetAlive(func(a *wire.SessionAlive) {
		a.Mode, a.Thinking = "remote", &thinking
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
	i, err := itemOf(m)
	if err != nil {
		s.log.Warn("a message that is no prompt was left out", "message", m.ID)
		return
	}
	s.queue.put(i)
}

func itemOf(m wire.DeliveredMessage) (*item, error) {
	var c struct {
		Content struct {
			Text        string            `json:"text"`
			Attachments []wire.Attachment `json:"attachments"`
		} `json:"content"`
	}
	if err := json.Unmarshal(m.Content, &c); err != nil {
		return nil, fmt.Errorf("read a prompt: %w", err)
	}
	i := &item{id: m.ID, text: c.Content.Text, attachments: c.Content.Attachments}
	if m.LocalID != nil {
		i.localID = *m.LocalID
	}
	return i, nil
}

// work gives the agent prompt after prompt until the session ends.
func (s *Session) work() {
	for {
		batch, err := s.queue.next(s.ctx)
		if err != nil {
			return
		}
		s.serve(batch)
	}
}

// serve deals with what left the queue.
func (s *Session) serve(batch []*item) {
	text, attachments := joined(batch)
	if c, ok := s.conv.(agent.Commander); ok && c.IsCommand(text) {
		s.command(batch, c, text)
		return
	}
	switch s.commandOf(text) {
	case cmdClear:
		s.consumed(batch, true)
		s.clear()
	case cmdPlan, cmdPlanOff:
		s.consumed(batch, true)
		s.setMode(s.ctx, planMode(s.commandOf(text)))
		s.event(map[string]any{"type": "permission-mode-changed", "mode": s.mode()})
		s.ready()
	case cmdPlanText:
		s.setMode(s.ctx, wire.ModePlan)
		s.event(map[string]any{"type": "permission-mode-changed", "mode": s.mode()})
		s.prompt(batch, agent.Prompt{ID: firstLocalID(batch), Text: planText(text), Attachments: attachments})
	case cmdCompact:
		s.compact(batch, text)
	default:
		s.prompt(batch, agent.Prompt{ID: firstLocalID(batch), Text: text, Attachments: attachments})
	}
}

// command lets the agent carry out a command of its own.
func (s *Session) command(batch []*item, c agent.Commander, text string) {
	goOn := c.Command(s.ctx, text)
	if goOn == "" {
		s.consumed(batch, true)
		return
	}
	s.prompt(batch, agent.Prompt{ID: firstLocalID(batch), Text: goOn, Attachments: batch[0].attachments})
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
func (s *Session) clear() {
	if err := s.conv.Reset(s.ctx); err != nil {
		s.event(message("The context could not be reset: " + err.Error()))
		return
	}
	s.event(message("Context was reset"))
	s.ready()
}

func (s *Session) compact(batch []*item, text string) {
	s.event(message("Compaction started"))
	err := s.run(batch, agent.Prompt{Text: text})
	var failed *agent.Failure
	switch {
	case err == nil:
		s.event(message("Compaction completed"))
		s.ready()
	case errors.As(err, &failed) && failed.Kind == agent.CompactFailed:
		s.event(message("Compaction failed: " + failed.Text))
		s.ready()
	default:
		s.explain(err)
	}
}

// prompt runs a turn, and tells people how it ended.
func (s *Session) prompt(batch []*item, p agent.Prompt) {
	err := s.run(batch, p)
	if err != nil {
		s.explain(err)
		return
	}
	s.title(p.Text)
	if s.queue.empty() {
		s.ready()
	}
}

// run runs a turn. An agent that ended before it did anything gets the prompt
// once more.
func (s *Session) run(batch []*item, p agent.Prompt) error {
	told := false
	p.Accepted = func() {
		if !told {
			told = true
			s.consumed(batch, false)
		}
	}
	t := s.beginTurn()
	defer s.endTurn(t)
	err := s.conv.Prompt(s.ctx, p)
	var failed *agent.Failure
	if errors.As(err, &failed) && failed.Kind == agent.Crashed && failed.Silent && !s.aborted(t) {
		s.log.Warn("the agent ended before it did anything; starting it once more", "err", err)
		select {
		case <-time.After(retryAfter):
			err = s.conv.Prompt(s.ctx, p)
		case <-s.ctx.Done():
		}
	}
	if !told {
		s.undelivered(batch, err)
	}
	return err
}

// undelivered deals with prompts that the agent never got. When the session
// ends they stay queued on the hub; else they are taken off the queue, and the
// person is told to send them again.
func (s *Session) undelivered(batch []*item, err error) {
	if s.ctx.Err() != nil || err == nil {
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
func (s *Session) explain(err error) {
	var failed *agent.Failure
	switch {
	case s.ctx.Err() != nil:
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

// abort ends the running turn, if there is one, and returns when it has ended.
func (s *Session) abort(ctx context.Context) error {
	s.mu.Lock()
	t := s.turn
	if t != nil {
		t.cancelled = true
	}
	s.mu.Unlock()
	if t == nil {
		s.event(message("Aborted by user"))
		return nil
	}
	if err := s.conv.Interrupt(ctx); err != nil {
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
	s.say(mustObject(map[string]any{
		"role":    "agent",
		"content": map[string]any{"id": uuid.NewString(), "type": "event", "data": data},
	}), time.Time{})
}

func (s *Session) say(content json.RawMessage, at time.Time) {
	if err := s.link.Say(context.WithoutCancel(s.ctx), content, at); err != nil {
		s.log.Error("a row of the conversation was lost", "err", err)
	}
}
