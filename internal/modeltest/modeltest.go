// Package modeltest is a language model for tests: an HTTP server on loopback
// that speaks the Anthropic Messages API and the OpenAI Responses API, and says
// what the test's script says. Real agents talk to it instead of to a provider.
package modeltest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Server plays the model.
type Server struct {
	t    testing.TB
	http *httptest.Server

	mu       sync.Mutex
	script   []Turn
	rules    []rule
	requests []*Request
	arrived  chan struct{} // closed and replaced at each request
	ids      int
}

type rule struct {
	matches func(*Request) bool
	turn    Turn
}

// New starts a model that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, arrived: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/messages", s.messages)
	mux.HandleFunc("POST /v1/messages/count_tokens", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]int{"input_tokens": 100})
	})
	mux.HandleFunc("POST /v1/responses", s.responses)
	mux.HandleFunc("POST /v1/chat/completions", s.chat)
	mux.HandleFunc("POST /v1beta/models/{call}", s.gemini)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { // what agents ask besides is not the test's business
		writeJSON(w, http.StatusNotFound, apiError("not_found_error", "no such endpoint"))
	})
	s.http = httptest.NewServer(mux)
	t.Cleanup(func() {
		s.http.CloseClientConnections()
		s.http.Close()
	})
	return s
}

// URL is where agents find the model.
func (s *Server) URL() string { return s.http.URL }

// Script adds what the model says to the next requests of the conversation, one
// turn to each. A request without a turn fails the test.
func (s *Server) Script(turns ...Turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, turns...)
}

// When answers every request that matches with a turn, before the script.
func (s *Server) When(matches func(*Request) bool, turn Turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, rule{matches, turn})
}

// Requests are the requests of the conversation so far.
func (s *Server) Requests() []*Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Request(nil), s.requests...)
}

// WaitRequests waits until the conversation has made n requests.
func (s *Server) WaitRequests(ctx context.Context, n int) []*Request {
	s.t.Helper()
	for {
		s.mu.Lock()
		have, arrived := append([]*Request(nil), s.requests...), s.arrived
		s.mu.Unlock()
		if len(have) >= n {
			return have
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			s.t.Fatalf("the model had %d requests, want %d", len(have), n)
		}
	}
}

// Request is what an agent asked the model.
type Request struct {
	Model    string          `json:"model"`
	Stream   bool            `json:"stream"`
	System   json.RawMessage `json:"system"`
	Messages []Message       `json:"messages"`
	Tools    []Tool          `json:"tools"`
	// Output says how hard the model is to think, of the Messages API.
	Output struct {
		Effort string `json:"effort"`
	} `json:"output_config"`
	// Reasoning is the same of the Responses API.
	Reasoning struct {
		Effort string `json:"effort"`
	} `json:"reasoning"`
}

// Tool is one the model may use.
type Tool struct {
	Name string `json:"name"`
}

// Message is one message of a request.
type Message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// Last is the text of what came after the model's last answer: what a person
// said, and tool results.
func (r *Request) Last() string {
	from := len(r.Messages)
	for from > 0 && r.Messages[from-1].Role != "assistant" {
		from--
	}
	var parts []string
	for _, m := range r.Messages[from:] {
		parts = append(parts, textOf(m.Content))
	}
	return strings.Join(parts, "\n")
}

// All is the text of all messages.
func (r *Request) All() string {
	var b strings.Builder
	for _, m := range r.Messages {
		b.WriteString(m.Role + ": " + textOf(m.Content) + "\n")
	}
	return b.String()
}

func textOf(content json.RawMessage) string {
	var text string
	if json.Unmarshal(content, &text) == nil {
		return text
	}
	var blocks []struct {
		Type    string          `json:"type"`
		Text    string          `json:"text"`
		Content json.RawMessage `json:"content"`
	}
	if json.Unmarshal(content, &blocks) != nil {
		return ""
	}
	var parts []string
	for _, b := range blocks {
		switch b.Type {
		case "text":
			parts = append(parts, b.Text)
		case "tool_result":
			parts = append(parts, textOf(b.Content))
		default:
			parts = append(parts, "["+b.Type+"]")
		}
	}
	return strings.Join(parts, "\n")
}

// conversation says whether a request belongs to the conversation. Agents make
// others besides, for titles and the like: those offer no tools.
func (r *Request) conversation() bool { return len(r.Tools) > 0 }

func (s *Server) messages(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the agent left
	}
	req := &Request{}
	if err := json.Unmarshal(body, req); err != nil {
		s.t.Errorf("the agent sent a request that is not JSON: %v", err)
		writeJSON(w, http.StatusBadRequest, apiError("invalid_request_error", "not JSON"))
		return
	}
	turn, ok := s.turnFor(req)
	if !ok {
		s.t.Errorf("the model was asked more than the script has: %.300q", req.Last())
		writeJSON(w, http.StatusBadRequest, apiError("invalid_request_error", "the script is at its end"))
		return
	}
	turn.answer(r.Context(), w, req)
}

func (s *Server) turnFor(req *Request) (Turn, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	turn, ok := s.choose(req)
	turn.ids = make([]string, len(turn.Blocks))
	for i := range turn.ids {
		s.ids++
		turn.ids[i] = fmt.Sprintf("%06d", s.ids)
	}
	return turn, ok
}

func (s *Server) choose(req *Request) (Turn, bool) {
	if req.conversation() {
		s.requests = append(s.requests, req)
		close(s.arrived)
		s.arrived = make(chan struct{})
	}
	for _, r := range s.rules {
		if r.matches(req) {
			return r.turn, true
		}
	}
	if !req.conversation() {
		return Text("In short: a test."), true
	}
	if len(s.script) == 0 {
		return Turn{}, false
	}
	turn := s.script[0]
	s.script = s.script[1:]
	return turn, true
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // an agent that left is no concern of the model's
}

func apiError(kind, text string) any {
	return map[string]any{"type": "error", "error": map[string]string{"type": kind, "message": text}}
}
