package runner

import (
	"context"
	"encoding/json"
	"errors"

	"hapi/internal/wire"
)

// stopSession is stop-session.
func (r *Runner) stopSession(ctx context.Context, params json.RawMessage) (any, error) {
	var in wire.StopSession
	if json.Unmarshal(params, &in) != nil || in.SessionID == "" {
		return nil, errors.New("Session ID is required")
	}
	return r.StopSession(ctx, in.SessionID), nil
}

// StopSession ends a session's process and all that it started. Only a process
// that was seen to go is gone; one that nobody knows may well live.
func (r *Runner) StopSession(ctx context.Context, id string) wire.StopResult {
	one, provenGone := r.children.find(id)
	if one == nil {
		if provenGone {
			return wire.StopResult{Status: wire.StopAlreadyGone}
		}
		return wire.StopResult{Status: wire.StopStillAlive}
	}
	switch one.fate() {
	case gone:
		r.children.remove(one)
		return wire.StopResult{Status: wire.StopAlreadyGone}
	case unknown:
		return wire.StopResult{Status: wire.StopStillAlive}
	case alive:
	}
	r.log.Info("stopping a session", "session", id, "pid", one.PID)
	if !r.end(context.WithoutCancel(ctx), one) {
		return wire.StopResult{Status: wire.StopStillAlive}
	}
	return wire.StopResult{Status: wire.StopStopped}
}

// end ends a child and forgets it once it is gone.
func (r *Runner) end(ctx context.Context, one *child) bool {
	if !one.identity.end(ctx) {
		return false
	}
	r.children.remove(one)
	return true
}
