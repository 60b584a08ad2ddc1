package codex

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

const (
	// steerWithin is how long Codex may take to take a prompt into its turn.
	steerWithin = 20 * time.Second
	// provenWithin is how long a proof is looked for that it did; provenEvery is
	// the pause between two looks.
	provenWithin = time.Minute
	provenEvery  = time.Second
)

// Steer implements agent.Steerer.
func (c *conversation) Steer(ctx context.Context, p agent.Prompt) error {
	c.mu.Lock()
	t, s := c.turn, c.srv
	if t == nil || s == nil || t.id == "" || t.compaction || t.interrupted {
		c.mu.Unlock()
		return &agent.NotSteered{Text: "Codex has no turn that could take the message now"}
	}
	params := map[string]any{"threadId": c.threadID, "input": c.input(p), "expectedTurnId": t.id, "clientUserMessageId": p.ID}
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, steerWithin)
	defer cancel()
	_, err := s.call(ctx, "turn/steer", params, nil)
	var refused *rpcError
	var unsent unsentError
	switch {
	case err == nil:
		if p.Accepted != nil {
			p.Accepted()
		}
		return nil
	case errors.As(err, &refused):
		return &agent.NotSteered{Text: "Codex did not take the message: " + refused.Message}
	case errors.As(err, &unsent):
		return &agent.NotSteered{Text: "Codex has just ended"}
	}
	c.log.Warn("nobody knows whether codex took a message into its turn", "err", err)
	return agent.ErrSteerUnknown
}

// Took implements agent.Steerer: the thread says which messages it has.
func (c *conversation) Took(ctx context.Context, id wire.LocalID) bool {
	ctx, cancel := context.WithTimeout(ctx, provenWithin)
	defer cancel()
	tick := time.NewTicker(provenEvery)
	defer tick.Stop()
	for {
		if c.hasMessage(ctx, id) {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

func (c *conversation) hasMessage(ctx context.Context, id wire.LocalID) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	turns, err := c.history(ctx)
	if err != nil {
		c.log.Debug("the conversation could not be read", "err", err)
		return false
	}
	return slices.ContainsFunc(turns, func(t pastTurn) bool { return t.has(id) })
}

// pastTurn is a turn of the thread's history.
type pastTurn struct {
	ID    string `json:"id"`
	Items []struct {
		Type     string       `json:"type"`
		ClientID wire.LocalID `json:"clientId"`
	} `json:"items"`
}

// begins says whether a message began the turn: others were handed into it.
func (t *pastTurn) begins(id wire.LocalID) bool {
	for _, i := range t.Items {
		if i.Type == "userMessage" {
			return i.ClientID == id
		}
	}
	return false
}

// has says whether a message is part of the turn.
func (t *pastTurn) has(id wire.LocalID) bool {
	for _, i := range t.Items {
		if i.ClientID == id {
			return true
		}
	}
	return false
}

// history are the thread's turns, the oldest first.
func (c *conversation) history(ctx context.Context) ([]pastTurn, error) {
	s, err := c.ready(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := s.call(ctx, "thread/read", map[string]any{"threadId": c.thread(), "includeTurns": true}, nil)
	if err != nil {
		return nil, err
	}
	var in struct {
		Thread struct {
			Turns []pastTurn `json:"turns"`
		} `json:"thread"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	return in.Thread.Turns, nil
}
