package cliplane

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/auth"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// maxBody is the largest REST body taken: a session's metadata and state.
const maxBody = 16 << 20

var (
	errMissingHeader = &wire.Error{Kind: wire.Unauthorized, Text: "Missing Authorization header"}
	errBadHeader     = &wire.Error{Kind: wire.Unauthorized, Text: "Invalid Authorization header"}
	errBadToken      = &wire.Error{Kind: wire.Unauthorized, Text: "Invalid token"}
	errReadOnly      = &wire.Error{Kind: wire.Forbidden, Text: "This token may only read", Code: "read_only"}
	errStarting      = &wire.Error{Kind: wire.Unavailable, Text: "Not ready"}
	errInternal      = &wire.Error{Kind: wire.Internal, Text: "Internal error"}
)

// Handler serves /cli and everything below it.
func (p *Plane) Handler() http.Handler {
	mux := http.NewServeMux()
	p.handle(mux, "POST /cli/sessions", p.createSession)
	p.handle(mux, "GET /cli/sessions/{id}", p.getSession)
	p.handle(mux, "GET /cli/sessions/{id}/messages", p.backfill)
	p.handle(mux, "GET /cli/sessions/resumable", p.resumable)
	p.handle(mux, "GET /cli/sessions/{id}/resume-target", p.resumeTarget)
	p.handle(mux, "POST /cli/sessions/{id}/handoff-local", p.handOff)
	p.handle(mux, "POST /cli/machines", p.createMachine)
	p.handle(mux, "GET /cli/machines/{id}", p.getMachine)
	mux.HandleFunc("/", answer.NotFound)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Hapi-Protocol-Version", strconv.Itoa(wire.ProtocolVersion))
		caller, err := p.identify(r)
		if err != nil {
			p.fail(w, r, err)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), namespaceKey{}, caller.NS)))
	})
}

type namespaceKey struct{}

func namespaceOf(r *http.Request) wire.Namespace {
	ns, _ := r.Context().Value(namespaceKey{}).(wire.Namespace)
	return ns
}

func (p *Plane) identify(r *http.Request) (auth.Identity, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return auth.Identity{}, errMissingHeader
	}
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(token) == "" {
		return auth.Identity{}, errBadHeader
	}
	caller, err := p.auth.AccessToken(auth.AddressOf(r), token)
	switch {
	case errors.Is(err, auth.ErrAccessToken):
		return auth.Identity{}, errBadToken
	case err == nil && caller.ReadOnly():
		return auth.Identity{}, errReadOnly
	}
	return caller, err
}

func (p *Plane) handle(mux *http.ServeMux, pattern string, h func(r *http.Request) (any, error)) {
	mux.Handle(pattern, p.counted(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.ready() {
			p.fail(w, r, errStarting)
			return
		}
		v, err := h(r)
		if err == nil {
			err = answer.JSON(w, r, http.StatusOK, v)
		}
		if err != nil {
			p.fail(w, r, err)
		}
	})))
}

// fail answers err. What nobody classified is logged, once, here, and not shown.
func (p *Plane) fail(w http.ResponseWriter, r *http.Request, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	var throttled *auth.Throttled
	if errors.As(err, &throttled) {
		answer.TooMany(w, r, throttled.Seconds())
		return
	}
	shown := errInternal
	if !errors.As(err, &shown) && r.Context().Err() == nil {
		id := uuid.NewString()
		w.Header().Set("X-Request-Id", id)
		p.log.ErrorContext(r.Context(), "request failed", "request", id, "route", r.Pattern, "err", err)
		if storage, ok := store.Shown(err); ok {
			shown = storage
		}
	}
	answer.Error(w, r, shown)
}

func (p *Plane) createSession(r *http.Request) (any, error) {
	var in wire.CreateSession
	if err := readBody(r, &in); err != nil {
		return nil, err
	}
	if in.Tag == "" || len(in.Metadata) == 0 || in.ID != "" && uuid.Validate(string(in.ID)) != nil {
		return nil, wire.ErrInvalidBody
	}
	if in.Machine != nil {
		if !validMachine(in.Machine) {
			return nil, wire.ErrInvalidBody
		}
		if _, err := p.machines.CreateOrLoad(r.Context(), namespaceOf(r), *in.Machine); err != nil {
			return nil, err
		}
	}
	s, err := p.sessions.CreateOrLoad(r.Context(), namespaceOf(r), in)
	if err != nil {
		return nil, err
	}
	return p.withSettings(s)
}

func (p *Plane) getSession(r *http.Request) (any, error) {
	ns := namespaceOf(r)
	s, err := p.sessions.Get(ns, p.sessions.Resolve(ns, wire.SessionID(r.PathValue("id"))))
	if err != nil {
		return nil, err
	}
	return p.withSettings(s)
}

// withSettings adds the hub's settings that concern a session process.
func (p *Plane) withSettings(s wire.Session) (any, error) {
	t, err := p.settings.Toggles()
	return wire.CLISession{Session: s, SessionSummaryContract: t.SessionSummaryContract}, err
}

// resumable serves GET /cli/sessions/resumable: what can go on in a terminal.
func (p *Plane) resumable(r *http.Request) (any, error) {
	list, err := p.lifecycle.Resumables(r.Context(), namespaceOf(r), wire.MachineID(r.URL.Query().Get("machineId")))
	return map[string][]wire.ResumableSession{"sessions": list}, err
}

// resumeTarget serves GET /cli/sessions/{id}/resume-target.
func (p *Plane) resumeTarget(r *http.Request) (any, error) {
	target, err := p.lifecycle.ResumeTarget(r.Context(), namespaceOf(r), wire.SessionID(r.PathValue("id")))
	return map[string]wire.LocalResumeTarget{"target": target}, err
}

// handOff serves POST /cli/sessions/{id}/handoff-local.
func (p *Plane) handOff(r *http.Request) (any, error) {
	return answer.OK, p.lifecycle.HandOff(r.Context(), namespaceOf(r), wire.SessionID(r.PathValue("id")))
}

// backfillMost is how many rows one answer has at most, and without a limit.
const backfillMost = 200

func (p *Plane) backfill(r *http.Request) (any, error) {
	ns, id := namespaceOf(r), wire.SessionID(r.PathValue("id"))
	if err := p.sessions.Access(ns, id); err != nil {
		return nil, err
	}
	q := r.URL.Query()
	after, err := strconv.ParseInt(q.Get("afterSeq"), 10, 64)
	if err != nil || after < 0 {
		return nil, wire.ErrInvalidQuery
	}
	limit := backfillMost
	if q.Has("limit") {
		if limit, err = strconv.Atoi(q.Get("limit")); err != nil || limit < 1 || limit > backfillMost {
			return nil, wire.ErrInvalidQuery
		}
	}
	rows, err := p.messages.Backfill(r.Context(), ns, id, after, limit)
	return map[string][]wire.BackfillMessage{"messages": rows}, err
}

func (p *Plane) createMachine(r *http.Request) (any, error) {
	var in wire.CreateMachine
	if err := readBody(r, &in); err != nil {
		return nil, err
	}
	if !validMachine(&in) {
		return nil, wire.ErrInvalidBody
	}
	m, err := p.machines.CreateOrLoad(r.Context(), namespaceOf(r), in)
	return wire.CLIMachine{Machine: m}, err
}

func validMachine(in *wire.CreateMachine) bool { return in.ID != "" && len(in.Metadata) > 0 }

func (p *Plane) getMachine(r *http.Request) (any, error) {
	m, err := p.machines.Get(namespaceOf(r), wire.MachineID(r.PathValue("id")))
	return wire.CLIMachine{Machine: m}, err
}

// readBody reads a JSON object, whatever its Content-Type says.
func readBody(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	if err != nil || !utf8.Valid(body) || json.Unmarshal(body, v) != nil {
		return wire.ErrInvalidBody
	}
	return nil
}
