package api

import (
	"bytes"
	"context"
	"encoding/json"
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

// switchMode serves POST /api/sessions/{id}/switch: the agent is to listen to
// people's clients instead of its terminal.
func (a *API) switchMode(w http.ResponseWriter, r *http.Request) error {
	s, err := a.activeSession(r)
	if err != nil {
		return err
	}
	if err := a.tell(r.Context(), s.ID, wire.MethodSwitch, map[string]string{"to": "remote"}); err != nil {
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

// codeTargetMissing says that nobody is there to be asked.
const codeTargetMissing = rpc.CodeTargetMissing

// callFailure classifies why a call did not succeed.
func callFailure(err error) error { return rpc.Failure(err) }

// errBadAnswer says that a process answered something that is no result.
var errBadAnswer = &wire.Error{Kind: wire.BadGateway, Text: "The answer could not be read", Code: "rpc_bad_answer"}

// callFailed is how the routes that pass results through say that there is none.
type callFailed struct {
	Success bool   `json:"success"`
	Error   string `json:"error"`
	Code    string `json:"code,omitempty"`
}

// ask calls a method and gives its result, an object. What a person may know
// of a failure is a *wire.Error.
func (a *API) ask(ctx context.Context, scope, method string, params any) (json.RawMessage, error) {
	result, err := a.rpc.CallRaw(ctx, scope, method, params)
	if err != nil {
		return nil, callFailure(err)
	}
	if result = bytes.TrimSpace(result); len(result) == 0 || result[0] != '{' {
		return nil, errBadAnswer
	}
	return result, nil
}

// passThrough answers with the result of a call as it is. A failed call is said
// in the form of these routes, with the status that clients of the route know.
func (a *API) passThrough(w http.ResponseWriter, r *http.Request, scope, method string, params any, failed int) error {
	result, err := a.ask(r.Context(), scope, method, params)
	if err != nil {
		return a.callFailed(w, r, err, failed)
	}
	a.write(w, r, http.StatusOK, result)
	return nil
}

// callFailed answers a failure of ask.
func (a *API) callFailed(w http.ResponseWriter, r *http.Request, err error, status int) error {
	var known *wire.Error
	if errors.Is(err, context.Canceled) || !errors.As(err, &known) {
		return err
	}
	a.write(w, r, status, callFailed{Error: known.Text, Code: known.Code})
	return nil
}
