package hub

import (
	"net/http"
	"strings"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/auth"
	"hapi/internal/wire"
)

// serveMetrics serves GET /metrics to callers on this machine and to holders of
// the owner's access token; nobody else learns that there is something.
func (h *Hub) serveMetrics(w http.ResponseWriter, r *http.Request, keys *auth.Auth) {
	if r.Method != http.MethodGet || auth.AddressOf(r) != auth.Local && !holdsOwnerToken(r, keys) {
		answer.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	h.metrics.Write(w)
}

func holdsOwnerToken(r *http.Request, keys *auth.Auth) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return false
	}
	id, err := keys.AccessToken(auth.AddressOf(r), token)
	return err == nil && id.NS == wire.OwnerNamespace
}
