package session

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"hapi/internal/agent"
	"hapi/internal/hubclient"
	"hapi/internal/wire"
	"hapi/internal/workspace"
)

// methods are what the hub may ask of the session.
func (s *Session) methods() map[string]hubclient.Method {
	return map[string]hubclient.Method{
		wire.MethodPermission:       s.callPermission,
		wire.MethodAbort:            s.callAbort,
		wire.MethodSetSessionConfig: s.callConfigure,
		wire.MethodKillSession:      s.callKill,
		wire.MethodUploadFile:       s.callUpload,
		wire.MethodDeleteUpload:     s.callDeleteUpload,
	}
}

func (s *Session) callPermission(ctx context.Context, params json.RawMessage) (any, error) {
	var d agent.Decision
	if err := json.Unmarshal(params, &d); err != nil || d.ID == "" {
		return nil, errors.New("Invalid permission answer") //nolint:staticcheck // shown as it is
	}
	return nil, s.broker.answer(ctx, d)
}

func (s *Session) callAbort(ctx context.Context, _ json.RawMessage) (any, error) {
	return map[string]bool{"success": true}, s.abort(ctx)
}

func (s *Session) callKill(context.Context, json.RawMessage) (any, error) {
	s.running.Go(func() { s.end(Ending{Reason: EndTerminated, Archive: "User terminated"}) })
	return map[string]any{"success": true, "message": "Killing hapi CLI process"}, nil
}

// callConfigure changes what a person chose in their client. Keys that are
// absent stay; null means the default.
func (s *Session) callConfigure(ctx context.Context, params json.RawMessage) (any, error) {
	var in map[string]json.RawMessage
	if json.Unmarshal(params, &in) != nil || in == nil {
		return nil, errors.New("Invalid session config payload") //nolint:staticcheck // shown as it is
	}
	c := s.configured()
	if raw, ok := in["permissionMode"]; ok {
		if json.Unmarshal(raw, &c.PermissionMode) != nil || !s.flavor.Allows(c.PermissionMode) {
			return nil, errors.New("Invalid permission mode") //nolint:staticcheck // shown as it is
		}
	}
	if raw, ok := in["model"]; ok {
		model, err := optionalText(raw)
		if err != nil {
			return nil, errors.New("Invalid model") //nolint:staticcheck // shown as it is
		}
		c.Model = NormaliseModel(model)
	}
	if raw, ok := in["effort"]; ok {
		effort, err := optionalText(raw)
		if err != nil {
			return nil, errors.New("Invalid effort") //nolint:staticcheck // shown as it is
		}
		c.Effort = NormaliseEffort(effort)
	}
	if err := s.configure(ctx, c); err != nil {
		return nil, err
	}
	return map[string]any{"applied": map[string]any{
		"permissionMode": c.PermissionMode, "model": textOrNull(c.Model), "effort": textOrNull(c.Effort),
	}}, nil
}

func optionalText(raw json.RawMessage) (string, error) {
	var v *string
	if err := json.Unmarshal(raw, &v); err != nil || v == nil {
		return "", err
	}
	return *v, nil
}

// NormaliseModel is a model as the agent is asked for it; empty is its default.
func NormaliseModel(model string) string {
	model = strings.TrimSpace(model)
	if l := strings.ToLower(model); l == "auto" || l == "default" {
		return ""
	}
	return model
}

// NormaliseEffort is an effort likewise.
func NormaliseEffort(effort string) string {
	return NormaliseModel(strings.ToLower(effort))
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
