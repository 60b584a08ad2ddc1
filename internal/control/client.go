package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"hapi/internal/wire"
)

// answerWithin is how long a runner may take to answer what it only looks up.
var answerWithin = patience(os.Getenv("HAPI_RUNNER_HTTP_TIMEOUT"))

// patience is a time in milliseconds; 10 s, if that is none.
func patience(ms string) time.Duration {
	if n, err := strconv.Atoi(ms); err == nil && n > 0 {
		return time.Duration(n) * time.Millisecond
	}
	return 10 * time.Second
}

// Child is a session process that a runner knows.
type Child struct {
	StartedBy string         `json:"startedBy"`
	SessionID wire.SessionID `json:"happySessionId"`
	PID       int            `json:"pid"`
}

// Status is how a runner is.
type Status struct {
	PID       int    `json:"pid"`
	Connected bool   `json:"connected"` // to its hub
	Problem   string `json:"problem,omitempty"`
	Sessions  int    `json:"sessions"`
}

// Spawn asks for a session.
type Spawn struct {
	Directory    string         `json:"directory"`
	SessionID    wire.SessionID `json:"sessionId,omitempty"`
	SessionType  string         `json:"sessionType,omitempty"`
	WorktreeName string         `json:"worktreeName,omitempty"`
	Agent        wire.Flavor    `json:"agent,omitempty"`
}

// Start is a session process on its way to its session.
type Start struct {
	PID   int    `json:"pid"`
	Doing string `json:"doing"` // as it goes into a sentence: "while it was …"
}

// Client talks to the runner of a data directory.
type Client struct{ State State }

// Dial finds the runner and makes sure that it is the one that wrote the state.
func Dial(ctx context.Context, dir string) (*Client, Status, error) {
	s, err := ReadState(dir)
	if err != nil {
		return nil, Status{}, err
	}
	c := &Client{State: s}
	status, err := c.Status(ctx)
	if err != nil || status.PID != s.PID {
		return nil, Status{}, ErrNotRunning // it died, or another program has its port
	}
	return c, status, nil
}

// Status asks how the runner is.
func (c *Client) Status(ctx context.Context) (out Status, err error) {
	return out, c.post(ctx, answerWithin, "/status", struct{}{}, &out)
}

// List asks for the sessions.
func (c *Client) List(ctx context.Context) ([]Child, error) {
	var out struct {
		Children []Child `json:"children"`
	}
	return out.Children, c.post(ctx, answerWithin, "/list", struct{}{}, &out)
}

// StopSession ends a session process.
func (c *Client) StopSession(ctx context.Context, id string) (out wire.StopResult, err error) {
	return out, c.post(ctx, time.Minute, "/stop-session", wire.StopSession{SessionID: id}, &out)
}

// Stop ends the runner. Its sessions go on.
func (c *Client) Stop(ctx context.Context) error {
	return c.post(ctx, answerWithin, "/stop", struct{}{}, nil)
}

// Starting tells the runner of the data directory dir that the session process
// pid, which it started, lives and what it does: who says so is waited for.
func Starting(ctx context.Context, dir string, pid int, what string) error {
	s, err := ReadState(dir)
	if err != nil {
		return err
	}
	return (&Client{State: s}).post(ctx, answerWithin, "/session-starting", Start{PID: pid, Doing: what}, nil)
}

// Report tells the runner of the data directory dir, if there is one, that a
// session process has its session.
func Report(ctx context.Context, dir string, started wire.SessionStarted) error {
	s, err := ReadState(dir)
	if err != nil {
		return err
	}
	return (&Client{State: s}).post(ctx, answerWithin, "/session-started", started, nil)
}

// Ending tells the runner of the data directory dir that a session's process is
// about to end: who wants that session again gets a new process.
func Ending(ctx context.Context, dir string, ending wire.SessionStarted) error {
	s, err := ReadState(dir)
	if err != nil {
		return err
	}
	return (&Client{State: s}).post(ctx, answerWithin, "/session-ending", ending, nil)
}

func (c *Client) post(ctx context.Context, limit time.Duration, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	raw, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("call the runner: %w", err)
	}
	url := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(c.State.HTTPPort)) + path
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("call the runner: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.State.Secret)
	req.Header.Set("Content-Type", "application/json")
	res, err := loopback.Do(req)
	if err != nil {
		return fmt.Errorf("call the runner: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return fmt.Errorf("read the runner's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return refusal(res.StatusCode, body)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("read the runner's answer: %w", err)
	}
	return nil
}

// loopback goes through no proxy, whatever the environment says.
var loopback = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func refusal(status int, body []byte) error {
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) == nil && said.Error != "" {
		return errors.New(said.Error)
	}
	return fmt.Errorf("the runner answered %d", status)
}
