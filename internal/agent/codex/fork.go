package codex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// oldestFork is the first Codex of which it is known that it can fork a thread
// at a turn.
var oldestFork = oldestLocal

// offerPast tells people what can be done with the thread's history. Rewinding is
// forking, too: the thread before stays as it is.
func (c *conversation) offerPast(s *server) {
	if s.version.before(oldestFork) {
		return
	}
	can := agent.Past{ForkCurrent: true, ForkAtMessage: true, RewindToMessage: true}
	c.mu.Lock()
	told := c.past == can || c.threadID == "" || c.fork
	if !told {
		c.past = can
	}
	c.mu.Unlock()
	if !told {
		c.host.Past(can)
	}
}

// callFork answers fork-conversation: a thread that begins with what was said in
// this one, up to a message or to now. The conversation itself goes on.
func (c *conversation) callFork(ctx context.Context, params json.RawMessage) (any, error) {
	var in wire.HistoryBoundary
	if err := json.Unmarshal(params, &in); err != nil {
		return nil, errors.New("Invalid fork request")
	}
	_, id, err := c.idle(ctx)
	if err != nil {
		return nil, err
	}
	fork := map[string]any{"threadId": id}
	if in.MessageLocalID != "" {
		if err := c.before(ctx, in.MessageLocalID, fork); err != nil {
			return nil, err
		}
	}
	copied, err := c.forkApart(ctx, fork)
	if err != nil {
		return nil, err
	}
	return wire.ForkResult{NativeSessionID: copied}, nil
}

// forkApart forks a thread in a process of its own: the process that makes a
// thread is the only one that can write to it, as long as it lives.
func (c *conversation) forkApart(ctx context.Context, fork map[string]any) (id string, err error) {
	codex, err := find(ctx, c.o.Path)
	if err != nil {
		return "", notInstalled()
	}
	s, err := startServer(ctx, serverOptions{path: codex.path, args: codex.with("app-server"), dir: c.o.Dir, env: c.o.Env, log: c.log, handler: deaf{}})
	if err != nil {
		return "", fmt.Errorf("start codex: %w", err)
	}
	if _, err = initialize(ctx, s, "hapi-codex-client"); err == nil {
		id, err = forkThread(ctx, s, fork)
	}
	return id, errors.Join(err, s.end())
}

// callRewind answers rewind-conversation: the conversation goes on with a thread
// that ends before the turn of a message.
func (c *conversation) callRewind(ctx context.Context, params json.RawMessage) (any, error) {
	var in wire.HistoryBoundary
	if err := json.Unmarshal(params, &in); err != nil || in.MessageLocalID == "" {
		return nil, errors.New("Invalid rewind request")
	}
	s, id, err := c.idle(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	fork := c.threadParams()
	c.mu.Unlock()
	fork["threadId"] = id
	if err := c.before(ctx, in.MessageLocalID, fork); err != nil {
		return nil, err
	}
	rest, err := forkThread(ctx, s, fork)
	if err != nil {
		return nil, err
	}
	if err := c.goOnWith(s, id, rest); err != nil {
		c.unfollow(ctx, s, rest)
		return nil, err
	}
	c.unfollow(ctx, s, id)
	return wire.RewindResult{Success: true, TruncateFrom: in.MessageLocalID}, nil
}

var (
	errNoThread = errors.New("Codex has no conversation yet")
	errAtWork   = errors.New("Codex is at work: wait for the end of its turn")
)

// idle is a process, and the thread that nothing happens on.
func (c *conversation) idle(ctx context.Context) (s *server, id string, err error) {
	c.mu.Lock()
	id, busy := c.threadID, c.turn != nil
	c.mu.Unlock()
	switch {
	case id == "":
		return nil, "", errNoThread
	case busy:
		return nil, "", errAtWork
	}
	s, err = c.ready(ctx)
	return s, id, err
}

// goOnWith replaces the thread by another, unless something happened on it since.
func (c *conversation) goOnWith(s *server, id, other string) error {
	c.mu.Lock()
	if c.turn != nil || c.threadID != id {
		c.mu.Unlock()
		return errAtWork
	}
	c.threadID, c.fork, c.open = other, false, c.srv == s
	c.mu.Unlock()
	c.host.Resumable(other)
	return nil
}

func forkThread(ctx context.Context, s *server, params map[string]any) (id string, err error) {
	raw, err := s.call(ctx, "thread/fork", params, nil)
	if err != nil {
		return "", fmt.Errorf("fork the conversation: %w", err)
	}
	var r struct {
		Thread struct {
			ID string `json:"id"`
		} `json:"thread"`
	}
	if err := json.Unmarshal(raw, &r); err != nil || r.Thread.ID == "" {
		return "", errors.New("Codex answered without a forked conversation")
	}
	return r.Thread.ID, nil
}

// unfollow lets the process forget a thread that is not this conversation's.
func (c *conversation) unfollow(ctx context.Context, s *server, id string) {
	if _, err := s.call(ctx, "thread/unsubscribe", map[string]any{"threadId": id}, nil); err != nil {
		c.log.Debug("codex goes on following a thread of no interest", "err", err)
	}
}

// before makes a fork end before the turn that a message began.
func (c *conversation) before(ctx context.Context, id wire.LocalID, fork map[string]any) error {
	turns, err := c.history(ctx)
	if err != nil {
		return fmt.Errorf("read the conversation: %w", err)
	}
	at := slices.IndexFunc(turns, func(t pastTurn) bool { return t.begins(id) })
	switch {
	case at < 0:
		return errors.New("Codex has no turn that began with that message: the conversation cannot be cut there")
	case at == 0:
		fork["beforeTurnId"] = turns[0].ID
	default:
		fork["lastTurnId"] = turns[at-1].ID
	}
	return nil
}
