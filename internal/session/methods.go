package session

import (
	"context"
	"encoding/json"
	"errors"

	"hapi/internal/agent"
	"hapi/internal/hubclient"
	"hapi/internal/wire"
	"hapi/internal/workspace"
)

// methods are what the hub may ask of the session.
func (s *Session) methods() map[string]hubclient.Method {
	all := map[string]hubclient.Method{
		wire.MethodPermission:       s.callPermission,
		wire.MethodAbort:            s.callAbort,
		wire.MethodSetSessionConfig: s.callConfigure,
		wire.MethodKillSession:      s.callKill,
		wire.MethodSwitch:           s.callSwitch,
		wire.MethodHandoffLocal:     s.callHandoff,
		wire.MethodUploadFile:       s.callUpload,
		wire.MethodDeleteUpload:     s.callDeleteUpload,
	}
	all[wire.MethodReadGeneratedImage] = s.callReadImage
	for name, method := range s.files.Methods() {
		all[name] = method
	}
	return all
}

func (s *Session) callPermission(ctx context.Context, params json.RawMessage) (any, error) {
	var d agent.Decision
	if err := json.Unmarshal(params, &d); err != nil || d.ID == "" {
		return nil, errors.New("Invalid permission answer")
	}
	return nil, s.broker.answer(ctx, d)
}

func (s *Session) callAbort(ctx context.Context, _ json.RawMessage) (any, error) {
	return map[string]bool{"success": true}, s.abort(ctx)
}

func (s *Session) callKill(context.Context, json.RawMessage) (any, error) {
	s.link.Leave()
	s.reportEnding() // before anybody can ask for this session again
	s.running.Go(func() { s.end(Ending{Reason: EndTerminated, Archive: "User terminated"}) })
	return map[string]any{"success": true, "message": "Killing hapi CLI process"}, nil
}

// callSwitch takes the session to a side: the one that is named, else the other.
func (s *Session) callSwitch(ctx context.Context, params json.RawMessage) (any, error) {
	var in struct {
		To Side `json:"to"`
	}
	_ = json.Unmarshal(params, &in) // without a side it is the other one
	if in.To != Local && in.To != Remote {
		in.To = Local
		if s.side() == Local {
			in.To = Remote
		}
	}
	if err := s.switchTo(ctx, in.To); err != nil {
		return nil, err
	}
	return map[string]bool{"success": true}, nil
}

// callHandoff ends the session for a process that goes on with it in another
// terminal.
func (s *Session) callHandoff(context.Context, json.RawMessage) (any, error) {
	s.link.Leave()
	s.reportEnding()
	s.running.Go(func() { s.end(Ending{Reason: EndHandoff, Archive: "Handed off to local terminal"}) })
	return map[string]bool{"ok": true}, nil
}

func (s *Session) callUpload(_ context.Context, params json.RawMessage) (any, error) {
	return s.saveUpload(params), nil
}

func (s *Session) callDeleteUpload(_ context.Context, params json.RawMessage) (any, error) {
	return s.deleteUpload(params), nil
}

func (s *Session) saveUpload(params json.RawMessage) wire.FileResult {
	var in wire.UploadParams
	if err := json.Unmarshal(params, &in); err != nil || in.Filename == "" {
		return wire.FileResult{Error: "Invalid upload"}
	}
	path, err := s.uploads.Save(in.Filename, in.Content)
	return fileResult(path, err)
}

func (s *Session) deleteUpload(params json.RawMessage) wire.FileResult {
	var in wire.DeleteUploadParams
	if err := json.Unmarshal(params, &in); err != nil {
		return fileResult("", workspace.ErrUploadPath)
	}
	return fileResult("", s.uploads.Delete(in.Path))
}

// fileResult is how the outcome of work on a file is told.
func fileResult(path string, err error) wire.FileResult {
	if err != nil {
		return wire.FileResult{Error: err.Error()}
	}
	return wire.FileResult{Success: true, Path: path}
}
