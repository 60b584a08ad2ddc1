package hubclient

import (
	"context"
	"net/http"
	"net/url"

	"hapi/internal/wire"
)

// Resumable lists this machine's sessions that can go on in a terminal, the
// latest first.
func (c *Client) Resumable(ctx context.Context, machine wire.MachineID) ([]wire.ResumableSession, error) {
	var out struct {
		Sessions []wire.ResumableSession `json:"sessions"`
	}
	err := c.call(ctx, http.MethodGet, "/cli/sessions/resumable?machineId="+url.QueryEscape(string(machine)), nil, &out)
	return out.Sessions, err
}

// ResumeTarget says what it takes to go on with a session.
func (c *Client) ResumeTarget(ctx context.Context, id wire.SessionID) (wire.LocalResumeTarget, error) {
	var out struct {
		Target wire.LocalResumeTarget `json:"target"`
	}
	err := c.call(ctx, http.MethodGet, "/cli/sessions/"+url.PathEscape(string(id))+"/resume-target", nil, &out)
	return out.Target, err
}

// HandOff makes the process that has a session end, so that this one can have it.
func (c *Client) HandOff(ctx context.Context, id wire.SessionID) error {
	var out struct {
		OK bool `json:"ok"`
	}
	if err := c.call(ctx, http.MethodPost, "/cli/sessions/"+url.PathEscape(string(id))+"/handoff-local", struct{}{}, &out); err != nil {
		return err
	}
	if !out.OK {
		return &StatusError{Status: http.StatusOK, Text: "the session was not handed off"}
	}
	return nil
}
