package hub

import (
	"net"
	"net/http"
	"strings"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/auth"
	"hapi/internal/wire"
)

// serveMetrics serves GET /metrics to callers on this machine and to holders of
// the owner's access token; nobody else learns that there is something.
func (h *Hub) serveMetrics(w http.ResponseWriter, r *http.Request, keys *auth.Auth) {
	if r.Method != http.MethodGet || !isLocal(r) && !holdsOwnerToken(r, keys) {
		answer.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	h.metrics.Write(w)
}

// isLocal says whether the caller itself is on this machine. A proxy here may
// speak for anybody, and says so.
func isLocal(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Cf-Connecting-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

func holdsOwnerToken(r *http.Request, keys *auth.Auth) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return false
	}
	ns, err := keys.AccessToken(token)
	return err == nil && ns == wire.OwnerNamespace
}
