package api

import (
	"errors"
	"net/http"

	"hapi/internal/hub/lifecycle"
	"hapi/internal/wire"
)

var errInvalidJSON = &wire.Error{Kind: wire.Invalid, Text: "Invalid JSON body"}

// forkSession serves POST /api/sessions/{id}/fork.
func (a *API) forkSession(w http.ResponseWriter, r *http.Request) error {
	s, err := a.activeSession(r)
	if err != nil {
		return err
	}
	o, err := readOptionalObject(r)
	if errors.Is(err, wire.ErrInvalidBody) {
		return errInvalidJSON
	}
	if err != nil {
		return err
	}
	boundary, err := o.boundary()
	if err != nil {
		return err
	}
	id, err := a.lifecycle.Fork(r.Context(), s, boundary)
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, map[string]wire.SessionID{"sessionId": id})
	return nil
}

// rewindSession serves POST /api/sessions/{id}/rewind.
func (a *API) rewindSession(w http.ResponseWriter, r *http.Request) error {
	s, err := a.activeSession(r)
	if err != nil {
		return err
	}
	o, err := readObject(r)
	if err != nil {
		return bare(err)
	}
	boundary, err := o.boundary()
	if err != nil {
		return err
	}
	if boundary == "" {
		return wire.ErrInvalidBody
	}
	err = a.lifecycle.Rewind(r.Context(), s, boundary)
	var failure *lifecycle.RewindFailure
	if errors.As(err, &failure) {
		return a.rewindFailed(w, r, failure)
	}
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, map[string]bool{"success": true})
	return nil
}

func (a *API) rewindFailed(w http.ResponseWriter, r *http.Request, f *lifecycle.RewindFailure) error {
	answer := struct {
		Error    string `json:"error"`
		Code     string `json:"code,omitempty"`
		Diverged bool   `json:"hydrateFailed"`
	}{Error: "The agent rewound the conversation, but the hub could not follow", Code: "history_diverged", Diverged: f.Diverged}
	status := http.StatusInternalServerError
	var known *wire.Error
	switch {
	case errors.As(f.Err, &known):
		answer.Error = known.Text
		if !f.Diverged {
			answer.Code, status = known.Code, http.StatusConflict
		}
	default:
		a.logFailure(w, r, "rewind failed", "err", f.Err)
	}
	a.write(w, r, status, answer)
	return nil
}

// boundary is the local id of the message before which a history is cut, or "".
func (o *object) boundary() (wire.LocalID, error) {
	if !o.has("messageLocalId") {
		return "", nil
	}
	text := o.text("messageLocalId")
	if text == nil || *text == "" {
		return "", wire.ErrInvalidBody
	}
	return wire.LocalID(*text), nil
}
