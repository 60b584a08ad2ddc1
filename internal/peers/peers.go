// Package peers reads and messages other sessions of the same hub and
// namespace, as a person's client does.
package peers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"hapi/internal/wire"
)

// Kind says why something did not succeed.
type Kind int

// The kinds, by the exit code of the commands.
const (
	Other     Kind = 1
	Unusable  Kind = 2 // bad arguments, sign-in, not found, ambiguous
	NoResume  Kind = 3
	Undeliver Kind = 4 // it took too long, or was refused
)

// Error is a failure a person can do something about.
type Error struct {
	Kind Kind
	Text string
}

func (e *Error) Error() string { return e.Text }

func unusable(format string, args ...any) error {
	return &Error{Kind: Unusable, Text: fmt.Sprintf(format, args...)}
}

// Limits of the calls.
const (
	signInWithin = 10 * time.Second
	listWithin   = 15 * time.Second
	callWithin   = 30 * time.Second
	pollEvery    = 2 * time.Second
)

// Client signs in to one hub with an access token.
type Client struct {
	BaseURL string // of the hub, without a slash at its end
	Token   string // secret
	Headers http.Header
	HTTP    *http.Client // nil: the default one
}

// signIn exchanges the access token.
func (c *Client) signIn(ctx context.Context) (jwt string, err error) {
	ctx, cancel := context.WithTimeout(ctx, signInWithin)
	defer cancel()
	var grant struct {
		Token string `json:"token"`
	}
	err = c.call(ctx, "", http.MethodPost, "/api/auth", map[string]string{"accessToken": c.Token}, &grant)
	var refused *statusError
	if errors.As(err, &refused) && refused.status == http.StatusUnauthorized {
		return "", unusable("the hub at %s does not take the access token: run `hapi auth login`", c.BaseURL)
	}
	return grant.Token, err
}

type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return fmt.Sprintf("the hub answered %d: %s", e.status, e.text) }

func (c *Client) call(ctx context.Context, jwt, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.BaseURL+path, body)
	if err != nil {
		return fmt.Errorf("call the hub: %w", err)
	}
	if req.Header = c.Headers.Clone(); req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Content-Type", "application/json")
	if jwt != "" {
		req.Header.Set("Authorization", "Bearer "+jwt)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("reach the hub at %s: %w", c.BaseURL, errors.Unwrap(err))
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read the hub's answer: %w", err)
	}
	if res.StatusCode/100 != 2 {
		var refusal struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal(raw, &refusal) // a proxy in between answers something else
		return &statusError{res.StatusCode, cmp.Or(refusal.Error, http.StatusText(res.StatusCode))}
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("read the hub's answer: %w", err)
	}
	return nil
}

func (c *Client) sessions(ctx context.Context, jwt string, query url.Values) ([]wire.SessionSummary, error) {
	ctx, cancel := context.WithTimeout(ctx, listWithin)
	defer cancel()
	path := "/api/sessions"
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	var out struct {
		Sessions []wire.SessionSummary `json:"sessions"`
	}
	err := c.call(ctx, jwt, http.MethodGet, path, nil, &out)
	return out.Sessions, err
}

// find resolves an id, its beginning, or a citation.
func (c *Client) find(ctx context.Context, jwt, input string) (*wire.SessionSummary, error) {
	id := CitedID(input)
	if id == "" {
		return nil, unusable("name one session: its id, the beginning of it, or a citation with one /sessions/<id>")
	}
	all, err := c.sessions(ctx, jwt, nil)
	if err != nil {
		return nil, err
	}
	var found []*wire.SessionSummary
	for i := range all {
		if string(all[i].ID) == id {
			return &all[i], nil
		}
		if strings.HasPrefix(string(all[i].ID), id) {
			found = append(found, &all[i])
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, unusable("there is no session %q on this hub, in this namespace", id)
	}
	var names []string
	for _, s := range found[:min(len(found), 5)] {
		names = append(names, short(s.ID))
	}
	return nil, unusable("%q could be any of %s: give more of the id", id, strings.Join(names, ", "))
}

const citation = "/sessions/"

// CitedID is the id in an input: bare, or in a text with exactly one citation;
// empty: there is none, or more than one.
func CitedID(input string) string {
	input = strings.TrimSpace(input)
	switch strings.Count(input, citation) {
	case 0:
		if strings.ContainsAny(input, " /\n\t") {
			return ""
		}
		return input
	case 1:
	default:
		return ""
	}
	_, rest, _ := strings.Cut(input, citation)
	if end := strings.IndexAny(rest, " \n\t)\"'<>?#/"); end >= 0 {
		rest = rest[:end]
	}
	id, err := url.PathUnescape(strings.TrimRight(rest, ".,;:!?"))
	if err != nil || strings.ContainsAny(id, "./ ") {
		return ""
	}
	return id
}

func short(id wire.SessionID) string { return string(id[:min(len(id), 8)]) }

// label is a session's name for people.
func label(s *wire.SessionSummary) string {
	text := short(s.ID)
	if m := s.Metadata; m != nil {
		title := ""
		if m.Summary != nil {
			title = m.Summary.Text
		}
		text = cmp.Or(m.Name, title, lastPart(m.Path), text)
	}
	return oneLine(text, 255)
}

func lastPart(path string) string {
	return path[strings.LastIndexAny(path, `/\`)+1:]
}

// oneLine is a text of at most n characters, its blanks collapsed.
func oneLine(text string, n int) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > n {
		runes = append(runes[:n-1:n-1], '…')
	}
	return string(runes)
}

func flavorOf(s *wire.SessionSummary) string {
	if s.Metadata != nil && s.Metadata.Flavor != nil {
		return string(*s.Metadata.Flavor)
	}
	return "?"
}

// DefaultLimit and MaxLimit are of lists and of messages.
const (
	DefaultLimit = 30
	MaxLimit     = 100
)

// Limit is a number of rows as asked for, within what is allowed.
func Limit(n int) int {
	if n == 0 {
		return DefaultLimit
	}
	return min(max(n, 1), MaxLimit)
}

// List describes the sessions that were used last, the newest first, but for
// one: the caller's own.
func (c *Client) List(ctx context.Context, limit int, except wire.SessionID) (string, error) {
	jwt, err := c.signIn(ctx)
	if err != nil {
		return "", err
	}
	query := url.Values{"limit": {fmt.Sprint(limit + 2)}, "order": {"updatedAt"}}
	all, err := c.sessions(ctx, jwt, query)
	if err != nil {
		return "", err
	}
	all = slices.DeleteFunc(all, func(s wire.SessionSummary) bool { return s.ID == except })
	if len(all) == 0 {
		return "No peer sessions found on this hub/namespace.", nil
	}
	slices.SortStableFunc(all, func(a, b wire.SessionSummary) int { return cmp.Compare(b.UpdatedAt, a.UpdatedAt) })
	var b strings.Builder
	for i := range all {
		if i == limit {
			b.WriteString("  … and more; ask for a higher limit to see them\n")
			break
		}
		fmt.Fprintf(&b, "  %s  active=%v  flavor=%s  %s\n", all[i].ID, all[i].Active, flavorOf(&all[i]), label(&all[i]))
	}
	return strings.TrimRight(b.String(), "\n"), nil
}

// Delivered is a message that another session has.
type Delivered struct {
	ID      wire.SessionID
	Name    string
	Resumed bool
}

// Ping sends a message to a session, which is resumed if it does not run. tell
// is told of the progress.
func (c *Client) Ping(ctx context.Context, session, message string, wait time.Duration, tell func(string)) (Delivered, error) {
	if strings.TrimSpace(message) == "" {
		return Delivered{}, unusable("the message is empty")
	}
	jwt, err := c.signIn(ctx)
	if err != nil {
		return Delivered{}, err
	}
	s, err := c.find(ctx, jwt, session)
	if err != nil {
		return Delivered{}, err
	}
	d := Delivered{ID: s.ID, Name: label(s)}
	ctx, cancel := context.WithTimeoutCause(ctx, wait+callWithin, &Error{Kind: Undeliver, Text: "it took too long"})
	defer cancel()
	for !s.Active {
		tell("Resuming " + d.Name)
		d.Resumed = true
		if d.ID, err = c.resume(ctx, jwt, d.ID); err != nil {
			return d, err
		}
		if err := c.waitActive(ctx, jwt, d.ID, wait); err != nil {
			return d, err
		}
		if s, err = c.find(ctx, jwt, string(d.ID)); err != nil { // it may have ended again
			return d, err
		}
	}
	sending, cancelSend := context.WithTimeout(ctx, callWithin)
	defer cancelSend()
	var sent struct {
		OK bool `json:"ok"`
	}
	if err := c.call(sending, jwt, http.MethodPost, sessionPath(d.ID, "/messages"), map[string]string{"text": message}, &sent); err != nil {
		return d, &Error{Kind: Undeliver, Text: "the message was not delivered: " + err.Error()}
	}
	if !sent.OK {
		return d, &Error{Kind: Undeliver, Text: "the hub did not take the message"}
	}
	return d, nil
}

func sessionPath(id wire.SessionID, rest string) string {
	return "/api/sessions/" + url.PathEscape(string(id)) + rest
}

// resume starts a session again. An older hub gives it another id.
func (c *Client) resume(ctx context.Context, jwt string, id wire.SessionID) (wire.SessionID, error) {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	var out struct {
		Type      string         `json:"type"`
		SessionID wire.SessionID `json:"sessionId"`
		Message   string         `json:"message"`
	}
	if err := c.call(ctx, jwt, http.MethodPost, sessionPath(id, "/resume"), map[string]any{}, &out); err != nil {
		return id, &Error{Kind: NoResume, Text: "the session could not be resumed: " + err.Error()}
	}
	if out.Type != "success" {
		return id, &Error{Kind: NoResume, Text: "the session could not be resumed: " + cmp.Or(out.Message, "the hub does not say why")}
	}
	return cmp.Or(out.SessionID, id), nil
}

func (c *Client) waitActive(ctx context.Context, jwt string, id wire.SessionID, wait time.Duration) error {
	deadline := time.After(wait)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		s, err := c.session(ctx, jwt, id)
		if err == nil && s.Active {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return &Error{Kind: Undeliver, Text: fmt.Sprintf("the session did not become active within %v", wait)}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *Client) session(ctx context.Context, jwt string, id wire.SessionID) (wire.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	var out struct {
		Session wire.Session `json:"session"`
	}
	err := c.call(ctx, jwt, http.MethodGet, sessionPath(id, ""), nil, &out)
	return out.Session, err
}
