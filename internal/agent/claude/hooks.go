package claude

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
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The variables by which `hapi hook-forwarder` finds the process it works for.
// They are Claude's environment, where nobody else sees them.
const (
	HookPortVariable  = "HAPI_HOOK_PORT"
	HookTokenVariable = "HAPI_HOOK_TOKEN" //nolint:gosec // a name
)

// HookTokenHeader carries the token, HookPath takes every event.
const (
	HookTokenHeader = "x-hapi-hook-token" //nolint:gosec // a name
	HookPath        = "/hook/session-start"
)

// observed are the events that Claude tells us of. None of our hooks decides
// anything: they print nothing, and Claude asks its person as always.
var observed = []string{"SessionStart", "UserPromptSubmit", "PermissionRequest", "Stop", "StopFailure"}

// hookEvent is what a hook is told.
type hookEvent struct {
	Name       string          `json:"hook_event_name"`
	SessionID  string          `json:"session_id"`
	SessionID2 string          `json:"sessionId"` // of other agents
	Transcript string          `json:"transcript_path"`
	Source     string          `json:"source"`
	Mode       string          `json:"permission_mode"`
	PromptID   string          `json:"prompt_id"`
	Prompt     string          `json:"prompt"`
	Tool       string          `json:"tool_name"`
	Input      json.RawMessage `json:"tool_input"`
	Effort     struct {
		Level string `json:"level"`
	} `json:"effort"`
}

const (
	hookBodyWithin = 5 * time.Second
	hookBodyMax    = 64 << 20 // a prompt or a tool's input can be long
)

// hookServer takes the events of one run of Claude.
type hookServer struct {
	port, token string
	server      *http.Server
	served      chan struct{}
}

// serveHooks takes events until it is closed. handle runs before the hook
// returns to Claude.
func serveHooks(ctx context.Context, handle func(hookEvent)) (*hookServer, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for claude's hooks: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	var secret [16]byte
	_, _ = rand.Read(secret[:]) // never fails
	s := &hookServer{port: port, token: hex.EncodeToString(secret[:]), served: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+HookPath, func(w http.ResponseWriter, r *http.Request) { s.take(w, r, handle) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { answerHook(w, http.StatusNotFound, "not found") })
	s.server = &http.Server{Handler: mux, ReadTimeout: hookBodyWithin, ReadHeaderTimeout: hookBodyWithin}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(listener) // ends with close
	}()
	return s, nil
}

func (s *hookServer) close() {
	_ = s.server.Close() // nothing is left to be told
	<-s.served
}

func answerHook(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the hook may have gone
}

func (s *hookServer) take(w http.ResponseWriter, r *http.Request, handle func(hookEvent)) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get(HookTokenHeader)), []byte(s.token)) != 1 {
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
	var e *hookEvent
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

// hookSettings are Claude's settings with our hooks. What the person gave by
// --settings stays in force.
func hookSettings(self string, own map[string]any) ([]byte, error) {
	hooks, _ := own["hooks"].(map[string]any)
	merged := map[string]any{}
	for name, list := range hooks {
		merged[name] = list
	}
	command := quote(self) + " hook-forwarder --flavor claude --from-env"
	for _, name := range observed {
		list, _ := merged[name].([]any)
		merged[name] = append(list, map[string]any{"hooks": []any{map[string]any{"type": "command", "command": command, "timeout": 10}}})
	}
	settings := map[string]any{}
	for key, v := range own {
		settings[key] = v
	}
	settings["hooks"] = merged
	return json.Marshal(settings)
}

// quote makes a word of the shell.
func quote(word string) string {
	if os.PathSeparator == '\\' {
		return `"` + word + `"`
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// takeSettings takes --settings out of a person's arguments and reads it: a
// file's name, or the settings themselves.
func takeSettings(args []string, dir string) (rest []string, own map[string]any, err error) {
	for i := 0; i < len(args); i++ {
		name, value, inOne := strings.Cut(args[i], "=")
		if name != "--settings" || !inOne && i+1 == len(args) {
			rest = append(rest, args[i])
			continue
		}
		if !inOne {
			i++
			value = args[i]
		}
		raw := []byte(value)
		if !strings.HasPrefix(strings.TrimSpace(value), "{") {
			if !filepath.IsAbs(value) {
				value = filepath.Join(dir, value)
			}
			if raw, err = os.ReadFile(value); err != nil {
				return nil, nil, fmt.Errorf("read the settings for claude: %w", err)
			}
		}
		own = nil
		if err := json.Unmarshal(raw, &own); err != nil {
			return nil, nil, fmt.Errorf("read the settings for claude: %w", err)
		}
	}
	return rest, own, nil
}

// writeScratch puts a file for Claude where only its user can read it.
func writeScratch(dir, name string, content []byte) (path string, err error) {
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "hapi-"+strconv.Itoa(os.Getuid()))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a directory for claude's settings: %w", err)
	}
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return "", fmt.Errorf("write claude's settings: %w", err)
	}
	return path, nil
}
