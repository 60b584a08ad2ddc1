package api

import (
	"errors"
	"net/http"
	"strings"
	"unicode/utf16"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/sessions"
	"hapi/internal/wire"
)

// longestTitle bounds names and titles, in UTF-16 units as clients count.
const longestTitle = 255

var (
	errNameRequired = &wire.Error{Kind: wire.Invalid, Text: "Invalid body: name is required"}
	errTextRequired = &wire.Error{Kind: wire.Invalid, Text: "Invalid body: text is required"}
	errPinMode      = &wire.Error{Kind: wire.Invalid, Text: "Invalid body: mode must be none, project, or global"}
)

// renameSession serves PATCH /api/sessions/{id}.
func (a *API) renameSession(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	name, err := a.title(r, "name", errNameRequired, func(s string) string { return s })
	if err != nil {
		return err
	}
	if err := a.sessions.Rename(r.Context(), callerOf(r).NS, sessionID(r), name); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

// setSummary serves PATCH /api/sessions/{id}/summary.
func (a *API) setSummary(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	text, err := a.title(r, "text", errTextRequired, strings.TrimSpace)
	if err != nil {
		return err
	}
	if err := a.sessions.SetSummary(r.Context(), callerOf(r).NS, sessionID(r), text); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

// title reads a text of 1 to 255 characters; whatever is wrong with the body
// is refused alike.
func (a *API) title(r *http.Request, field string, refusal *wire.Error, normalise func(string) string) (string, error) {
	o, err := readObject(r)
	if errors.Is(err, errTooLong) {
		return "", err
	}
	if err != nil {
		return "", refusal
	}
	text := o.text(field)
	if text == nil {
		return "", refusal
	}
	title := normalise(*text)
	if n := len(utf16.Encode([]rune(title))); n < 1 || n > longestTitle {
		return "", refusal
	}
	return title, nil
}

// pinSession serves PUT /api/sessions/{id}/pin.
func (a *API) pinSession(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	o, err := readObject(r)
	if errors.Is(err, errTooLong) {
		return err
	}
	if err != nil {
		return errPinMode
	}
	mode := o.text("mode")
	if mode == nil || *mode != sessions.PinNone && *mode != sessions.PinProject && *mode != sessions.PinGlobal {
		return errPinMode
	}
	if err := a.sessions.Pin(r.Context(), callerOf(r).NS, sessionID(r), *mode); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}
