package api

import (
	"context"
	"errors"
	"net/http"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/rpc"
	"hapi/internal/wire"
)

// abort serves POST /api/sessions/{id}/abort: the turn ends, the session stays.
func (a *API) abort(w http.ResponseWriter, r *http.Request) error {
	s, err := a.activeSession(r)
	if err != nil {
		return err
	}
	// Session processes have always been given this reason, whatever the client.
	reason := map[string]string{"reason": "User aborted via Telegram Bot"}
	if err := a.tell(r.Context(), s.ID, wire.MethodAbort, reason); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

// tell asks the session process to do something whose result is its effect. A
// process that refuses is a failure the person sees.
func (a *API) tell(ctx context.Context, id wire.SessionID, method string, params any) error {
	_, err := a.rpc.CallRaw(ctx, string(id), method, params)
	return callFailure(err)
}

// callFailure classifies why a call did not succeed.
func callFailure(err error) error {
	var missing *rpc.TargetMissing
	var refused *rpc.HandlerError
	switch {
	case errors.As(err, &missing):
		return &wire.Error{Kind: wire.Unavailable, Text: missing.Error(), Code: "rpc_target_missing"}
	case errors.Is(err, rpc.ErrTimeout):
		return &wire.Error{Kind: wire.Timeout, Text: rpc.ErrTimeout.Error(), Code: "rpc_timeout"}
	case errors.As(err, &refused):
		return &wire.Error{Kind: wire.BadGateway, Text: refused.Text, Code: "rpc_failed"}
	}
	return err
}
