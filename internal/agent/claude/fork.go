package claude

import (
	"context"
	"encoding/json"
	"errors"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// Methods implements agent.Caller.
func (c *conversation) Methods() map[string]agent.Method {
	return map[string]agent.Method{wire.MethodFork: c.callFork}
}

// callFork answers fork-conversation: which conversation another process is to
// resume into one of its own. Claude copies it there, with the first prompt.
func (c *conversation) callFork(_ context.Context, params json.RawMessage) (any, error) {
	var in wire.HistoryBoundary
	if err := json.Unmarshal(params, &in); err != nil {
		return nil, errors.New("Invalid fork request")
	}
	c.mu.Lock()
	id, another, busy := c.nativeID, c.fork, c.turn != nil
	c.mu.Unlock()
	switch {
	case in.MessageLocalID != "":
		return nil, errors.New("Historical fork is not supported for Claude")
	case id == "" || another: // or it is still that of what this one is a fork of
		return nil, errors.New("Claude session id is not ready")
	case busy:
		return nil, errors.New("Claude is at work: fork the conversation when its turn has ended")
	}
	return wire.ForkResult{NativeSessionID: id, ForkSession: true}, nil
}
