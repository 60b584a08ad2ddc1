// Package api speaks to the HTTP API that OpenCode has beside its own interface
// and beside the Agent Client Protocol.
package api

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// Server is the API of an OpenCode that we start. It always listens: with a
// password it is ours alone.
type Server struct {
	address, password string
	client            *http.Client
}

const user = "opencode"

// New finds a port for it. Should somebody take that meanwhile, who starts
// OpenCode has to try again with another.
func New() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		return nil, fmt.Errorf("find a port for the agent: %w", err)
	}
	address := listener.Addr().String()
	return &Server{address: address, password: rand.Text(), client: &http.Client{Transport: &http.Transport{}}}, listener.Close()
}

// Arguments make OpenCode listen there.
func (s *Server) Arguments() []string {
	host, port, _ := net.SplitHostPort(s.address) // it was listened on
	return []string{"--hostname", host, "--port", port}
}

// Environment makes OpenCode want the password.
func (s *Server) Environment() []string {
	return []string{"OPENCODE_SERVER_USERNAME=" + user, "OPENCODE_SERVER_PASSWORD=" + s.password}
}

// Refused is an answer that is none.
type Refused struct {
	Code int
	Text string // why, as far as it says
}

func (e *Refused) Error() string { return e.Text }

// Limits of what is read.
const (
	longestBody  = 64 << 20
	longestEvent = 16 << 20
)

// Call makes a request. in and out may be nil.
func (s *Server) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("write a request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	res, err := s.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	raw, err := io.ReadAll(io.LimitReader(res.Body, longestBody))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		var e struct {
			Data struct {
				Message string `json:"message"`
			} `json:"data"`
		}
		_ = json.Unmarshal(raw, &e) // its status says enough
		return &Refused{Code: res.StatusCode, Text: cmp.Or(OneLine(e.Data.Message), res.Status)}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(raw, out)
}

// Events gives take one event after another, each as JSON, until the stream
// ends: nil, *Refused, or why there was none.
func (s *Server) Events(ctx context.Context, path string, take func(event []byte)) error {
	res, err := s.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	if res.StatusCode != http.StatusOK {
		return &Refused{Code: res.StatusCode, Text: res.Status}
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, longestEvent)
	for lines.Scan() {
		if data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:")); ok {
			take(data)
		}
	}
	return nil // however it ended
}

func (s *Server) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+path, body)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(user, s.password)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, errors.Unwrap(err) // without the address
	}
	return res, nil
}

// shownLine is how much of a foreign text is shown in one line.
const shownLine = 200

// OneLine is the beginning of a foreign text, in one line.
func OneLine(text string) string {
	r := []rune(strings.Join(strings.Fields(text), " "))
	if len(r) > shownLine {
		return string(r[:shownLine]) + "…"
	}
	return string(r)
}

// Status is what a session does, as the event session.status says it.
type Status struct {
	Type    string `json:"type"` // busy, idle, retry
	Attempt int    `json:"attempt"`
	Message string `json:"message"`
}

// Retries thins out the tries of a request that goes on failing.
type Retries struct{ told int }

// Tell says whether people are told of a status.
func (r *Retries) Tell(s Status) bool {
	tell := s.Type == "retry" && s.Attempt != r.told && worthTelling(s.Attempt)
	r.told = s.Attempt // none of another state
	return tell
}

func worthTelling(attempt int) bool { return attempt > 0 && (attempt <= 3 || attempt&(attempt-1) == 0) }
