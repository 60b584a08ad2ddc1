package api

import (
	"errors"
	"net/http"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/lifecycle"
	"hapi/internal/hub/sessions"
	"hapi/internal/wire"
)

// archiveSession serves POST /api/sessions/{id}/archive.
func (a *API) archiveSession(w http.ResponseWriter, r *http.Request) error {
	s, err := a.session(r)
	if err != nil {
		return err
	}
	already, err := a.lifecycle.Archive(r.Context(), &s)
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, struct {
		OK      bool `json:"ok"`
		Already bool `json:"alreadyArchived,omitempty"`
	}{true, already})
	return nil
}

// deleteSession serves DELETE /api/sessions/{id}.
func (a *API) deleteSession(w http.ResponseWriter, r *http.Request) error {
	if err := a.access(r); err != nil {
		return err
	}
	if err := a.sessions.Delete(r.Context(), callerOf(r).NS, sessionID(r)); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

// formerSession is the guard of routes that also know a session by an id from
// before it was merged: 503, 404, 403, with codes.
func (a *API) formerSession(r *http.Request) (wire.Session, error) {
	if err := a.connected(); err != nil {
		return wire.Session{}, err
	}
	return a.lifecycle.Get(callerOf(r).NS, sessionID(r))
}

// resumeSession serves POST /api/sessions/{id}/resume.
func (a *API) resumeSession(w http.ResponseWriter, r *http.Request) error {
	s, err := a.formerSession(r)
	if err != nil {
		return err
	}
	o, err := readOptionalObject(r)
	if err != nil {
		return bare(err)
	}
	mode, err := o.permissionMode("permissionMode", sessions.Flavor(&s))
	if err != nil {
		return err
	}
	id, err := a.lifecycle.Resume(r.Context(), s.Namespace, s.ID, mode)
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, struct {
		Type      string         `json:"type"`
		SessionID wire.SessionID `json:"sessionId"`
	}{"success", id})
	return nil
}

// reopenSession serves POST /api/sessions/{id}/reopen.
func (a *API) reopenSession(w http.ResponseWriter, r *http.Request) error {
	s, err := a.formerSession(r)
	if err != nil {
		return err
	}
	out, err := a.lifecycle.Reopen(r.Context(), s.Namespace, s.ID)
	var incomplete *lifecycle.Incomplete
	if errors.As(err, &incomplete) {
		a.write(w, r, http.StatusUnprocessableEntity, struct {
			Error   string   `json:"error"`
			Missing []string `json:"missing"`
		}{incomplete.Error(), incomplete.Missing})
		return nil
	}
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, struct {
		OK             bool           `json:"ok"`
		SessionID      wire.SessionID `json:"sessionId"`
		Resumed        bool           `json:"resumed"`
		CursorProtocol string         `json:"cursorSessionProtocol,omitempty"`
	}{true, out.SessionID, out.Resumed, out.CursorProtocol})
	return nil
}
