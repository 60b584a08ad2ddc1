package api

import (
	"errors"
	"fmt"
	"net/http"

	"hapi/internal/hub/sessions"
	"hapi/internal/wire"
)

// Features of peers that this hub does not have answer in the way that clients
// of each know as "not here": an empty list, nothing configured, or a refusal.
// The code is the same everywhere.
const codeAbsent = "feature_absent"

func (a *API) absentRoutes(mux *http.ServeMux) {
	for _, route := range []string{
		"POST /api/work-graph/events", "GET /api/work-graph/events", "GET /api/work-graph/events/{id}",
		"POST /api/work-graph/event-links", "GET /api/work-graph/events/{id}/links",
	} {
		a.handle(mux, route, a.noWorkGraph)
	}
	a.handle(mux, "GET /api/codex/status", a.owners(a.fixed(http.StatusOK, map[string]bool{
		"success": true, "codexDesktopRunning": false, "codexClientAvailable": false,
	})))
	const noCodex = "This hub does not import Codex transcripts"
	a.handle(mux, "GET /api/codex/sessions", a.owners(a.fixed(http.StatusServiceUnavailable, noSessions(noCodex))))
	a.handle(mux, "POST /api/codex/archive-session", a.owners(a.fixed(http.StatusServiceUnavailable, callFailed{Error: noCodex, Code: codeAbsent})))
	for _, route := range []string{"duplicate-sessions", "merge-duplicate-sessions", "restart-desktop"} {
		a.handle(mux, "POST /api/codex/"+route, a.owners(a.fixed(http.StatusOK, callFailed{Error: noCodex, Code: codeAbsent})))
	}
	a.handle(mux, "POST /api/codex/sync-session", a.owners(a.noCodexSync))
	const noPi = "This hub does not import Pi sessions"
	a.handle(mux, "GET /api/pi/sessions", a.fixed(http.StatusServiceUnavailable, noSessions(noPi)))
	a.handle(mux, "POST /api/pi/import-sessions", a.fixed(http.StatusServiceUnavailable, callFailed{Error: noPi, Code: codeAbsent}))
	a.handle(mux, "POST /api/sessions/{id}/title-suggestion", a.noTitleSuggestion)
	a.handle(mux, "GET /api/sessions/{id}/cursor-chat-store", a.noCursorStore)
	a.handle(mux, "POST /api/sessions/{id}/migrate-to-acp", a.noMigration)
	a.voiceRoutes(mux)
}

// fixed answers always the same.
func (a *API) fixed(status int, body any) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		a.write(w, r, status, body)
		return nil
	}
}

// noSessions is a list that could not be made.
func noSessions(text string) any {
	return struct {
		callFailed
		Sessions []struct{} `json:"sessions"`
	}{callFailed{Error: text, Code: codeAbsent}, []struct{}{}}
}

func (a *API) noWorkGraph(http.ResponseWriter, *http.Request) error {
	return &wire.Error{Kind: wire.NotFound, Text: "This hub keeps no work graph", Code: codeAbsent}
}

// owners lets only the owner ask about Codex transcripts.
func (a *API) owners(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if callerOf(r).NS != wire.OwnerNamespace {
			a.write(w, r, http.StatusForbidden, callFailed{Error: "Codex transcript import is not available outside the default namespace"})
			return nil
		}
		return next(w, r)
	}
}

// noCodexSync serves POST /api/codex/sync-session; clients show the directory.
func (a *API) noCodexSync(w http.ResponseWriter, r *http.Request) error {
	in, err := readOptionalObject(r)
	if err != nil {
		return bare(err)
	}
	cwd := ""
	if text := in.text("cwd"); text != nil {
		cwd = *text
	}
	a.write(w, r, http.StatusOK, struct {
		callFailed
		CWD string `json:"cwd"`
	}{callFailed{Error: "This hub does not import Codex transcripts", Code: codeAbsent}, cwd})
	return nil
}

// noTitleSuggestion serves POST /api/sessions/{id}/title-suggestion.
func (a *API) noTitleSuggestion(_ http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	return &wire.Error{Kind: wire.Unavailable, Text: "No provider of titles is configured", Code: codeAbsent}
}

// noCursorStore serves GET /api/sessions/{id}/cursor-chat-store.
func (a *API) noCursorStore(_ http.ResponseWriter, r *http.Request) error {
	err := a.access(r)
	switch {
	case errors.Is(err, wire.ErrSessionNotFound):
		return coded(wire.ErrSessionNotFound, "session_not_found")
	case errors.Is(err, wire.ErrSessionDenied):
		return coded(wire.ErrSessionDenied, "access_denied")
	case err != nil:
		return err
	}
	return &wire.Error{Kind: wire.Conflict, Text: "This hub does not look into Cursor's chat store", Code: "resume_unavailable"}
}

// noMigration serves POST /api/sessions/{id}/migrate-to-acp.
func (a *API) noMigration(w http.ResponseWriter, r *http.Request) error {
	s, err := a.session(r)
	if err != nil {
		return err
	}
	if _, err := readOptionalObject(r); err != nil {
		return bare(err)
	}
	status, reason, message := http.StatusConflict, "not_cursor_session", "Only Cursor sessions can be migrated"
	if sessions.Flavor(&s) == wire.FlavorCursor {
		status, reason, message = http.StatusInternalServerError, codeAbsent, "This hub does not migrate Cursor sessions"
	}
	a.write(w, r, status, struct {
		OK         bool           `json:"ok"`
		SessionID  wire.SessionID `json:"sessionId"`
		Reason     string         `json:"reason"`
		Message    string         `json:"message"`
		DurationMs int            `json:"durationMs"`
	}{SessionID: s.ID, Reason: reason, Message: message})
	return nil
}

const noVoice = "No voice provider is configured on this hub"

// voiceRoutes answer as a hub without any provider of speech does.
func (a *API) voiceRoutes(mux *http.ServeMux) {
	answers := map[string]handler{
		"GET /api/voice/transcription/providers":       a.fixed(http.StatusOK, map[string][]string{"providers": {}}),
		"POST /api/voice/transcription":                a.fixed(http.StatusBadRequest, refusedVoice{Error: noVoice, Code: codeAbsent}),
		"POST /api/voice/transcription/realtime-token": a.fixed(http.StatusBadRequest, refusedVoice{Error: noVoice, Code: codeAbsent}),
		"GET /api/voice/backend": a.fixed(http.StatusOK, struct {
			Backend  *string  `json:"backend"`
			Backends []string `json:"backends"`
		}{Backends: []string{}}),
		"GET /api/voice/voices":     a.fixed(http.StatusOK, map[string][]string{"voices": {}}),
		"POST /api/voice/telemetry": a.fixed(http.StatusOK, map[string]bool{"ok": true}),
	}
	for _, route := range []string{"token", "gemini-token", "qwen-token"} {
		answers["POST /api/voice/"+route] = a.fixed(http.StatusBadRequest, struct {
			Allowed bool `json:"allowed"`
			refusedVoice
		}{false, refusedVoice{Error: noVoice, Code: codeAbsent}})
	}
	for route, answer := range answers {
		a.handle(mux, route, answer)
	}
	a.handle(mux, "GET /api/voice/transcription/credentials", a.noCredentials)
	a.handle(mux, "PUT /api/voice/transcription/credentials", a.setCredentials)
}

type refusedVoice struct {
	Error string `json:"error"`
	Code  string `json:"code,omitempty"`
}

// credential is what is known of a provider's key: that there is none.
type credential struct {
	Configured bool    `json:"configured"`
	Source     string  `json:"source"`
	Hint       *string `json:"hint"`
	Editable   bool    `json:"editable"`
}

// noCredentials serves GET …/voice/transcription/credentials: none is
// configured, and none can be.
func (a *API) noCredentials(w http.ResponseWriter, r *http.Request) error {
	if err := ownerOnly(r, credentialsDenied); err != nil {
		return err
	}
	none := credential{Source: "none"}
	status := map[string]any{}
	for _, provider := range []string{"openai", "elevenlabs", "deepgram", "groq"} {
		status[provider] = none
	}
	status["openaiCompatible"] = map[string]any{
		"configured": false, "source": "none", "baseUrl": nil, "model": nil,
		"baseUrlEditable": false, "modelEditable": false, "apiKey": none,
	}
	status["voiceBackends"] = map[string]credential{"elevenlabs": none, "geminiLive": none, "qwenRealtime": none}
	noStore(w)
	a.write(w, r, http.StatusOK, status)
	return nil
}

const credentialsDenied = "Provider credentials are only available to the hub owner"

// setCredentials serves PUT …/voice/transcription/credentials.
func (a *API) setCredentials(_ http.ResponseWriter, r *http.Request) error {
	if err := ownerOnly(r, credentialsDenied); err != nil {
		return err
	}
	return &wire.Error{Kind: wire.Conflict, Text: "This hub keeps no voice credentials", Code: codeAbsent}
}

// voiceSockets are WebSockets that carry their token in the URL; without a
// provider they are refused as plain requests.
var voiceSockets = map[string]string{"/api/voice/gemini-ws": "Gemini", "/api/voice/qwen-ws": "Qwen"}

func (a *API) noVoiceSocket(w http.ResponseWriter, r *http.Request) error {
	token := r.URL.Query().Get("token")
	status, text := http.StatusBadRequest, fmt.Sprintf("%s API key not configured", voiceSockets[r.URL.Path])
	if token == "" {
		status, text = http.StatusUnauthorized, errMissingToken.Text
	} else if _, err := a.auth.Verify(token); err != nil {
		status, text = http.StatusUnauthorized, errBadToken.Text
	}
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a caller that left is no concern of ours
	return nil
}
