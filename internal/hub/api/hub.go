package api

import (
	"context"
	"net/http"
	"time"

	"hapi/internal/home"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Settings are those that the owner switches while the hub runs.
type Settings interface {
	Toggles() (home.Toggles, error)
	SetToggles(ctx context.Context, change func(*home.Toggles)) (home.Toggles, error)
}

// Storage is where the hub's database is and how large.
type Storage interface {
	Path() string
	Size() (store.Size, error)
}

func (a *API) hubRoutes(mux *http.ServeMux) {
	a.handle(mux, "GET /api/hub-settings", a.hubSettings)
	a.handle(mux, "PUT /api/hub-settings", a.setHubSettings)
	a.handle(mux, "GET /api/storage/sqlite", a.storageSize)
	a.handle(mux, "POST /api/hub/prune", a.prune)
}

// ownerOnly refuses everybody else with what the route says.
func ownerOnly(r *http.Request, text string) error {
	if callerOf(r).NS != wire.OwnerNamespace {
		return &wire.Error{Kind: wire.Forbidden, Text: text}
	}
	return nil
}

// noStore keeps an answer out of every cache.
func noStore(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-store") }

// hubSettings serves GET /api/hub-settings.
func (a *API) hubSettings(w http.ResponseWriter, r *http.Request) error {
	t, err := a.settings.Toggles()
	if err != nil {
		return err
	}
	noStore(w)
	a.write(w, r, http.StatusOK, t)
	return nil
}

// setHubSettings serves PUT /api/hub-settings.
func (a *API) setHubSettings(w http.ResponseWriter, r *http.Request) error {
	if err := ownerOnly(r, "Hub settings are only available to the hub owner"); err != nil {
		return err
	}
	in, err := readObject(r)
	if err != nil {
		return bare(err)
	}
	contract, inChat := in.flag("sessionSummaryContract"), in.flag("sessionSummaryInChat")
	if in.err() != nil || contract == nil && inChat == nil {
		return wire.ErrInvalidBody
	}
	t, err := a.settings.SetToggles(r.Context(), func(t *home.Toggles) {
		if contract != nil {
			t.SessionSummaryContract = *contract
		}
		if inChat != nil {
			t.SessionSummaryInChat = *inChat
		}
	})
	if err != nil {
		return err
	}
	noStore(w)
	a.write(w, r, http.StatusOK, t)
	return nil
}

// storageSize serves GET /api/storage/sqlite.
func (a *API) storageSize(w http.ResponseWriter, r *http.Request) error {
	if err := ownerOnly(r, "Storage usage is only available to the hub owner"); err != nil {
		return err
	}
	size, err := a.storage.Size()
	if err != nil {
		return err
	}
	noStore(w)
	a.write(w, r, http.StatusOK, struct {
		Path     string `json:"path"`
		Database int64  `json:"databaseBytes"`
		WAL      int64  `json:"walBytes"`
		Shared   int64  `json:"shmBytes"`
		Total    int64  `json:"totalBytes"`
	}{a.storage.Path(), size.Database, size.WAL, size.SharedMemory, size.Database + size.WAL + size.SharedMemory})
	return nil
}

const day = 24 * time.Hour

// prune serves POST /api/hub/prune: sessions that nothing happened in for long
// are deleted, in all namespaces.
func (a *API) prune(w http.ResponseWriter, r *http.Request) error {
	if err := ownerOnly(r, "Pruning is only available to the hub owner"); err != nil {
		return err
	}
	if err := a.connected(); err != nil {
		return err
	}
	in, err := readObject(r)
	if err != nil {
		return err
	}
	days, dry := in.integer("olderThanDays"), in.flag("dryRun")
	if days == nil && !in.has("olderThanDays") {
		in.expected("olderThanDays", "number")
	}
	if days != nil && (*days < 1 || *days > 36500) {
		in.issue("olderThanDays", "olderThanDays must be from 1 to 36500")
	}
	if in.err() != nil {
		return in.err()
	}
	n, err := a.sessions.Prune(r.Context(), wire.At(time.Now().Add(-time.Duration(*days)*day)), dry != nil && *dry)
	if err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, struct {
		Sessions int `json:"sessions"`
	}{n})
	return nil
}
