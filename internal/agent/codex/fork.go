package codex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"hapi/internal/wire"
)

// callFork answers fork-conversation: a thread that begins with what was said in
// this one, up to a message or to now. The conversation itself goes on.
func (c *conversation) callFork(ctx context.Context, params json.RawMessage) (any, error) {
	var in wire.HistoryBoundary
	if err := json.Unmarshal(params, &in); err != nil {
		return nil, errors.New("Invalid fork request")
	}
	c.mu.Lock()
	id, busy := c.threadID, c.turn != nil
	c.mu.Unlock()
	switch {
	case id == "":
		return nil, errors.New("Codex has no conversation to fork yet")
	case busy:
		return nil, errors.New("Codex is at work: fork the conversation when its turn has ended")
	}
	fork := map[string]any{"threadId": id}
	if in.MessageLocalID != "" {
		if err := c.before(ctx, in.MessageLocalID, fork); err != nil {
			return nil, err
		}
	}
	s, err := c.ready(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := s.call(ctx, "thread/fork", fork, nil)
	if err != nil {
		return nil, fmt.Errorf("fork the conversation: %w", err)
	}
	var r struct {
		Thread struct {
			ID string `json:"id"`
		} `json:"thread"`
	}
	if err := json.Unmarshal(raw, &r); err != nil || r.Thread.ID == "" {
		return nil, errors.New("Codex answered without a forked conversation")
	}
	// The fork is another session's: this process need not follow it.
	if _, err := s.call(ctx, "thread/unsubscribe", map[string]any{"threadId": r.Thread.ID}, nil); err != nil {
		c.log.Debug("codex goes on following the fork", "err", err)
	}
	return wire.ForkResult{NativeSessionID: r.Thread.ID}, nil
}

// before makes a fork end before the turn that a message began.
func (c *conversation) before(ctx context.Context, id wire.LocalID, fork map[string]any) error {
	turns, err := c.history(ctx)
	if err != nil {
		return fmt.Errorf("read the conversation: %w", err)
	}
	at := slices.IndexFunc(turns, func(t pastTurn) bool { return t.has(id) })
	switch {
	case at < 0:
		return errors.New("Codex does not know that message: the conversation cannot be forked there")
	case at == 0:
		fork["beforeTurnId"] = turns[0].ID
	default:
		fork["lastTurnId"] = turns[at-1].ID
	}
	return nil
}
