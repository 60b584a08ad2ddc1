// Package hubclient is how a session process talks to its hub: REST to begin,
// then a link that survives hub restarts. What the process says is kept in an
// outbox until the hub has committed it.
package hubclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"hapi/internal/wire"
)

// Options of a Client.
type Options struct {
	BaseURL string // of the hub, without a slash at its end
	Token   string // secret
	Headers http.Header
	HTTP    *http.Client // default: 60 s for each call
	Logger  *slog.Logger
}

// Client calls the hub's REST API for session processes.
type Client struct {
	o         Options
	summaries atomic.Bool
}

// WantsSummaries says whether the hub wants agents to end their answers with a
// summary, as it said with the latest session.
func (c *Client) WantsSummaries() bool { return c.summaries.Load() }

// New makes a Client.
func New(o Options) *Client {
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: time.Minute}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	return &Client{o: o}
}

// StatusError is a refusal of the hub.
type StatusError struct {
	Status int
	Text   string
	// Protocol is the hub's protocol version; 0 if it did not say.
	Protocol string
}

func (e *StatusError) Error() string { return fmt.Sprintf("the hub answered %d: %s", e.Status, e.Text) }

// Health asks whether the hub runs, and what it can do.
func (c *Client) Health(ctx context.Context) (h wire.HubHealth, err error) {
	return h, c.call(ctx, http.MethodGet, "/health", nil, &h)
}

// CreateMachine registers this machine.
func (c *Client) CreateMachine(ctx context.Context, in wire.CreateMachine) (wire.Machine, error) {
	var out wire.CLIMachine
	err := c.call(ctx, http.MethodPost, "/cli/machines", in, &out)
	return out.Machine, err
}

// CreateSession makes a session, or finds the one with the same tag: repeating
// a call whose answer was lost is safe.
func (c *Client) CreateSession(ctx context.Context, in wire.CreateSession) (wire.Session, error) {
	var out wire.CLISession
	err := c.call(ctx, http.MethodPost, "/cli/sessions", in, &out)
	c.summaries.Store(out.SessionSummaryContract)
	return out.Session, err
}

// Session reads a session.
func (c *Client) Session(ctx context.Context, id wire.SessionID) (wire.Session, error) {
	var out wire.CLISession
	err := c.call(ctx, http.MethodGet, "/cli/sessions/"+url.PathEscape(string(id)), nil, &out)
	c.summaries.Store(out.SessionSummaryContract)
	return out.Session, err
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.o.BaseURL+path, body)
	if err != nil {
		return fmt.Errorf("call the hub: %w", err)
	}
	req.Header = c.headers()
	// All calls can be repeated safely: the transport may do so when a kept
	// connection turns out to have ended with an earlier hub. Nothing is sent.
	req.Header["Idempotency-Key"] = []string{}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.o.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("reach the hub at %s: %w", c.o.BaseURL, errors.Unwrap(err))
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read the hub's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return refusal(res, raw)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("read the hub's answer: %w; is %s a hapi hub?", err, c.o.BaseURL)
	}
	return nil
}

// headers are those of every call. The token wins over an extra header.
func (c *Client) headers() http.Header {
	h := c.o.Headers.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("Authorization", "Bearer "+c.o.Token)
	return h
}

func refusal(res *http.Response, raw []byte) error {
	var body struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(raw, &body) // a proxy in between answers something else
	if body.Error == "" {
		body.Error = http.StatusText(res.StatusCode)
	}
	return &StatusError{Status: res.StatusCode, Text: body.Error, Protocol: res.Header.Get("X-Hapi-Protocol-Version")}
}
