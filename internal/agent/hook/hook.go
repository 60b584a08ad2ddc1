// Package hook takes what agents tell at their hooks. `hapi hook-forwarder` is
// what they call; no hook of ours decides anything.
package hook

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// The variables by which `hapi hook-forwarder` finds the process it works for.
// They are the agent's environment, where nobody else sees them.
const (
	PortVariable  = "HAPI_HOOK_PORT"
	TokenVariable = "HAPI_HOOK_TOKEN" //nolint:gosec // a name
)

// TokenHeader carries the token, Path takes every event.
const (
	TokenHeader = "x-hapi-hook-token" //nolint:gosec // a name
	Path        = "/hook/session-start"
)

// Event is what a hook is told.
type Event struct {
	Name       string          `json:"hook_event_name"`
	SessionID  string          `json:"session_id"`
	SessionID2 string          `json:"sessionId"` // of other agents
	Transcript string          `json:"transcript_path"`
	Source     string          `json:"source"`
	Mode       string          `json:"permission_mode"`
	PromptID   string          `json:"prompt_id"`
	Prompt     string          `json:"prompt"`
	Answer     string          `json:"last_assistant_message"`
	Tool       string          `json:"tool_name"`
	Input      json.RawMessage `json:"tool_input"`
	Effort     struct {
		Level string `json:"level"`
	} `json:"effort"`
	Background []struct {
		Type   string `json:"type"`
		Status string `json:"status"`
	} `json:"background_tasks"`
}

// Delegated says whether sub-agents still work on the turn that stopped: the
// agent goes on when they have finished.
func (e *Event) Delegated() bool {
	for _, task := range e.Background {
		if task.Type == "subagent" && task.Status == "running" {
			return true
		}
	}
	return false
}

const (
	hookBodyWithin = 5 * time.Second
	hookBodyMax    = 64 << 20 // a prompt or a tool's input can be long
)

// Server takes the events of one run of an agent.
type Server struct {
	Port, Token string // of the hooks, by PortVariable and TokenVariable
	server      *http.Server
	served      chan struct{}
}

// Serve takes events until Close. handle runs before the hook
// returns to the agent.
func Serve(ctx context.Context, handle func(Event)) (*Server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for hooks: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	var secret [16]byte
	_, _ = rand.Read(secret[:]) // never fails
	s := &Server{Port: port, Token: hex.EncodeToString(secret[:]), served: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Path, func(w http.ResponseWriter, r *http.Request) { s.take(w, r, handle) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { answerHook(w, http.StatusNotFound, "not found") })
	s.server = &http.Server{Handler: mux, ReadTimeout: hookBodyWithin, ReadHeaderTimeout: hookBodyWithin}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(listener) // ends with close
	}()
	return s, nil
}

// Close waits for what is being told, and takes nothing more.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), hookBodyWithin)
	defer cancel()
	if s.server.Shutdown(ctx) != nil {
		_ = s.server.Close() // a hook that says nothing is not waited for
	}
	<-s.served
}

func answerHook(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the hook may have gone
}

func (s *Server) take(w http.ResponseWriter, r *http.Request, handle func(Event)) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get(TokenHeader)), []byte(s.Token)) != 1 {
		answerHook(w, http.StatusUnauthorized, "unauthorized")
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, hookBodyMax))
	var late net.Error
	switch {
	case errors.As(err, &late) && late.Timeout():
		answerHook(w, http.StatusRequestTimeout, "timeout")
		return
	case err != nil:
		answerHook(w, http.StatusBadRequest, "unreadable body")
		return
	}
	var e *Event
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, &e); (err != nil && !errors.As(err, &mistyped)) || e == nil || raw[0] != '{' {
		answerHook(w, http.StatusBadRequest, "invalid json")
		return
	}
	if e.SessionID == "" {
		e.SessionID = e.SessionID2
	}
	if e.SessionID == "" {
		answerHook(w, http.StatusUnprocessableEntity, "missing session_id")
		return
	}
	handle(*e)
	answerHook(w, http.StatusOK, "ok")
}

// Quote makes a word of the shell.
func Quote(word string) string {
	if os.PathSeparator == '\\' {
		return `"` + word + `"`
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
