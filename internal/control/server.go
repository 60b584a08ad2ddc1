package control

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"hapi/internal/wire"
)

const maxBody = 1 << 20

// Handler is the runner behind the channel.
type Handler interface {
	Status() Status
	List() []Child
	StopSession(ctx context.Context, id string) wire.StopResult
	Spawn(ctx context.Context, in wire.SpawnRequest) wire.SpawnResult
	// Started takes a session's report. known says that the caller showed the
	// secret; others may only report processes that the runner started itself.
	Started(in wire.SessionStarted, known bool) error
	// Starting takes the word of a process that has no session yet.
	Starting(in Start)
	// Ending takes a session's word that its process is about to end.
	Ending(in wire.SessionStarted)
	// Stop begins the runner's end.
	Stop()
}

// ErrUnknownProcess refuses the report of a process that the runner did not start.
var ErrUnknownProcess = errors.New("the runner did not start this process")

// Server serves the channel.
type Server struct {
	listener net.Listener
	http     *http.Server
	secret   string
	h        Handler
}

// Listen opens the channel on a free port of loopback. Secret is for Serve's callers.
func Listen(ctx context.Context, secret string, h Handler) (*Server, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the runner's control channel: %w", err)
	}
	s := &Server{listener: l, secret: secret, h: h}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /session-started", s.sessionStarted)
	mux.HandleFunc("POST /session-starting", s.guarded(s.sessionStarting))
	mux.HandleFunc("POST /session-ending", s.guarded(s.sessionEnding))
	mux.HandleFunc("POST /status", s.guarded(func(*http.Request, []byte) (int, any) { return http.StatusOK, h.Status() }))
	mux.HandleFunc("POST /list", s.guarded(func(*http.Request, []byte) (int, any) {
		return http.StatusOK, map[string][]Child{"children": h.List()}
	}))
	mux.HandleFunc("POST /stop-session", s.guarded(s.stopSession))
	mux.HandleFunc("POST /spawn-session", s.guarded(s.spawnSession))
	mux.HandleFunc("POST /stop", s.guarded(func(*http.Request, []byte) (int, any) {
		h.Stop()
		return http.StatusOK, map[string]string{"status": "stopping"}
	}))
	s.http = &http.Server{Handler: s.local(mux), ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	return s, nil
}

// Port is where the channel is.
func (s *Server) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// Serve serves until Close.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the runner's control channel: %w", err)
	}
	return nil
}

// Close ends the channel; answers on their way are finished first.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close() // what still runs is given up
	}
}

// local refuses browsers: a page must not reach the channel, not even through a
// name that resolves to loopback.
func (s *Server) local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if r.Header.Get("Origin") != "" || err != nil || host != "127.0.0.1" && host != "localhost" {
			write(w, http.StatusForbidden, map[string]string{"error": "Forbidden"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

func (s *Server) knows(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && subtle.ConstantTimeCompare([]byte(token), []byte(s.secret)) == 1
}

func (s *Server) guarded(h func(r *http.Request, body []byte) (int, any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.knows(r) {
			write(w, http.StatusUnauthorized, map[string]string{"error": "the control secret is missing or wrong"})
			return
		}
		body, err := readBody(r)
		if err != nil {
			write(w, http.StatusBadRequest, map[string]string{"error": "Invalid body"})
			return
		}
		status, v := h(r, body)
		write(w, status, v)
	}
}

func readBody(r *http.Request) (json.RawMessage, error) {
	var body json.RawMessage
	return body, json.NewDecoder(r.Body).Decode(&body)
}

func (s *Server) sessionStarted(w http.ResponseWriter, r *http.Request) {
	var in wire.SessionStarted
	body, err := readBody(r)
	if err != nil || json.Unmarshal(body, &in) != nil || in.SessionID == "" {
		write(w, http.StatusBadRequest, map[string]string{"error": "Invalid body"})
		return
	}
	if err := s.h.Started(in, s.knows(r)); err != nil {
		write(w, http.StatusForbidden, map[string]string{"error": err.Error()})
		return
	}
	write(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (s *Server) sessionStarting(_ *http.Request, body []byte) (int, any) {
	var in Start
	if json.Unmarshal(body, &in) != nil || in.PID <= 0 {
		return http.StatusBadRequest, map[string]string{"error": "Invalid body"}
	}
	s.h.Starting(in)
	return http.StatusOK, map[string]string{"status": "ok"}
}

func (s *Server) sessionEnding(_ *http.Request, body []byte) (int, any) {
	var in wire.SessionStarted
	if json.Unmarshal(body, &in) != nil || in.SessionID == "" {
		return http.StatusBadRequest, map[string]string{"error": "Invalid body"}
	}
	s.h.Ending(in)
	return http.StatusOK, map[string]string{"status": "ok"}
}

func (s *Server) stopSession(r *http.Request, body []byte) (int, any) {
	var in wire.StopSession
	if json.Unmarshal(body, &in) != nil || in.SessionID == "" {
		return http.StatusBadRequest, map[string]string{"error": "Invalid body"}
	}
	return http.StatusOK, s.h.StopSession(r.Context(), in.SessionID)
}

func (s *Server) spawnSession(r *http.Request, body []byte) (int, any) {
	var in Spawn
	if json.Unmarshal(body, &in) != nil || in.Directory == "" {
		return http.StatusBadRequest, map[string]string{"error": "Invalid body"}
	}
	approved := false
	result := s.h.Spawn(r.Context(), wire.SpawnRequest{
		Type: wire.SpawnInDirectory, Directory: in.Directory, Agent: in.Agent, SessionType: in.SessionType, WorktreeName: in.WorktreeName,
		ExistingSessionID: in.SessionID, SessionID: in.SessionID, ApprovedNewDirectory: &approved,
	})
	switch result.Type {
	case wire.SpawnSuccess:
		return http.StatusOK, map[string]any{"success": true, "sessionId": result.SessionID, "approvedNewDirectoryCreation": true}
	case wire.SpawnNeedsApproval:
		return http.StatusConflict, map[string]any{
			"success": false, "requiresUserApproval": true, "actionRequired": "CREATE_DIRECTORY", "directory": result.Directory,
		}
	default:
		return http.StatusInternalServerError, map[string]any{"success": false, "error": result.ErrorMessage}
	}
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller may have left
}
