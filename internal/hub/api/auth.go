package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/auth"
	"hapi/internal/wire"
)

var (
	errMissingToken     = &wire.Error{Kind: wire.Unauthorized, Text: "Missing authorization token"}
	errBadToken         = &wire.Error{Kind: wire.Unauthorized, Text: "Invalid token"}
	errBadTokenPayload  = &wire.Error{Kind: wire.Unauthorized, Text: "Invalid token payload"}
	errBadAccessToken   = &wire.Error{Kind: wire.Unauthorized, Text: "Invalid access token"}
	errReadOnly         = &wire.Error{Kind: wire.Forbidden, Text: "This token may only read", Code: "read_only"}
	errTelegramDisabled = &wire.Error{
		Kind: wire.Unavailable,
		Text: "Telegram authentication is disabled. Configure TELEGRAM_BOT_TOKEN.",
	}
)

// grant answers a successful exchange.
type grant struct {
	Token string `json:"token"`
	User  user   `json:"user"`
}

type user struct {
	ID        int64  `json:"id"`
	FirstName string `json:"firstName"`
}

// authenticate serves POST /api/auth: an access token for a session token.
func (a *API) authenticate(w http.ResponseWriter, r *http.Request) error {
	in, err := readObject(r)
	if err != nil {
		return bare(err)
	}
	if in.has("initData") {
		if in.text("initData") == nil {
			return wire.ErrInvalidBody
		}
		return errTelegramDisabled
	}
	token := in.requiredText("accessToken")
	if in.err() != nil {
		return wire.ErrInvalidBody
	}
	holder, err := a.holder(r, token)
	if err != nil {
		return err
	}
	issued, err := a.auth.Issue(holder)
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, grant{issued, user{a.ownerID, "Web User"}})
	return nil
}

// bind serves POST /api/bind, which ties a Telegram user to a namespace. There
// is no Telegram bot here, so it refuses after the checks that come first.
func (a *API) bind(w http.ResponseWriter, r *http.Request) error {
	in, err := readObject(r)
	if err != nil {
		return bare(err)
	}
	token := in.requiredText("accessToken")
	in.requiredText("initData")
	if in.err() != nil {
		return wire.ErrInvalidBody
	}
	if _, err := a.holder(r, token); err != nil {
		return err
	}
	return errTelegramDisabled
}

// holder is whom the access token of a request stands for.
func (a *API) holder(r *http.Request, token string) (auth.Identity, error) {
	id, err := a.auth.AccessToken(auth.AddressOf(r), token)
	if errors.Is(err, auth.ErrAccessToken) {
		return id, errBadAccessToken
	}
	return id, err
}

// authenticated lets only holders of a session token through.
// Those with a read-only token come to routes that change nothing.
func (a *API) authenticated(next *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := a.identify(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if !canonical(r.URL.EscapedPath()) {
			answer.NotFound(w, r)
			return
		}
		if caller.ReadOnly() && !changesNothing(next, r) {
			a.fail(w, r, errReadOnly)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
	})
}

// changesNothing says whether a request is for read-only tokens too.
func changesNothing(routes *http.ServeMux, r *http.Request) bool {
	switch _, route := routes.Handler(r); route {
	case "POST /api/visibility", "POST /api/sessions/{id}/messages/queued-state", "/":
		return true
	default:
		return r.Method == http.MethodGet || r.Method == http.MethodHead
	}
}

func (a *API) identify(r *http.Request) (auth.Identity, error) {
	token, ok := bearer(r)
	if !ok {
		return auth.Identity{}, errMissingToken
	}
	caller, err := a.auth.Verify(token)
	switch {
	case errors.Is(err, auth.ErrInvalidPayload):
		return auth.Identity{}, errBadTokenPayload
	case err != nil:
		return auth.Identity{}, errBadToken
	}
	return caller, nil
}

// bearer is the token of the header; an EventSource cannot set one, so the
// stream takes it from its URL too.
func bearer(r *http.Request) (string, bool) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && token != "" {
		return token, true
	}
	if r.URL.Path == "/api/events" {
		token := r.URL.Query().Get("token")
		return token, token != ""
	}
	return "", false
}

type callerKey struct{}

// callerOf is who authenticated lets through.
func callerOf(r *http.Request) auth.Identity {
	caller, _ := r.Context().Value(callerKey{}).(auth.Identity)
	return caller
}
