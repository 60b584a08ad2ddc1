package api

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"hapi/internal/hub/sessions"
	"hapi/internal/wire"
)

// listSessions serves GET /api/sessions.
func (a *API) listSessions(w http.ResponseWriter, r *http.Request) error {
	if err := a.connected(); err != nil {
		return err
	}
	list, err := a.sessions.List(r.Context(), callerOf(r).NS, parseListQuery(r.URL.Query()))
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, wire.SessionList(list))
	return nil
}

// getSession serves GET /api/sessions/{id}.
func (a *API) getSession(w http.ResponseWriter, r *http.Request) error {
	s, err := a.session(r)
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, struct {
		Session wire.Session `json:"session"`
	}{s})
	return nil
}

// maxListed is the largest limit; without one a client gets all sessions.
const maxListed = 500

// parseListQuery never refuses: what is not a number is no limit.
func parseListQuery(q url.Values) sessions.ListQuery {
	list := sessions.ListQuery{ByUpdatedAt: q.Get("order") == "updatedAt"}
	limit, err := strconv.ParseFloat(strings.TrimSpace(q.Get("limit")), 64)
	if (err == nil || math.IsInf(limit, 0)) && !math.IsNaN(limit) {
		list.Limit = int(min(max(math.Floor(limit), 1), maxListed))
	}
	return list
}
