package api

import (
	"errors"
	"net/http"

	"github.com/google/uuid"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/auth"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

var (
	errInternal = &wire.Error{Kind: wire.Internal, Text: "Internal error"}
	// errTooLong marks a body over the limit; it is answered bare.
	errTooLong = errors.New("request body over the limit")
	// errNoRoute marks a path or method the plane does not have.
	errNoRoute = errors.New("no such route")
)

// fail answers err. What nobody classified is logged, once, here, and not shown.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if gone(r) {
		a.log.DebugContext(r.Context(), "caller left", "route", r.Pattern)
		return
	}
	if errors.Is(err, errTooLong) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if errors.Is(err, errNoRoute) {
		answer.NotFound(w, r)
		return
	}
	var throttled *auth.Throttled
	if errors.As(err, &throttled) {
		answer.TooMany(w, r, throttled.Seconds())
		return
	}
	shown := errInternal
	if !errors.As(err, &shown) {
		a.logFailure(w, r, "request failed", "err", err)
		if storage, ok := store.Shown(err); ok {
			shown = storage
		}
	}
	answer.Error(w, r, shown)
}

// logFailure logs under an id the answer carries, so that a person's report
// finds its line. The URL is left out: it may hold a token.
func (a *API) logFailure(w http.ResponseWriter, r *http.Request, message string, facts ...any) {
	id := uuid.NewString()
	w.Header().Set("X-Request-Id", id)
	a.log.ErrorContext(r.Context(), message, append([]any{"request", id, "route", r.Pattern}, facts...)...)
}

func gone(r *http.Request) bool { return r.Context().Err() != nil }

// write answers v as JSON.
func (a *API) write(w http.ResponseWriter, r *http.Request, status int, v any) {
	if err := answer.JSON(w, r, status, v); err != nil {
		a.logFailure(w, r, "answer cannot be encoded", "err", err)
		answer.Error(w, r, errInternal)
	}
}
