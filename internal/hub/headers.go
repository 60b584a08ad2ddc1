package hub

import (
	"net/http"
	"strings"
)

// secured adds what browsers are to be told about every answer. An answer of
// the planes is data: it is not run, framed or kept; routes whose answers are
// more say so themselves. The web app has a policy of its own.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if isData(r.URL.Path) {
			h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}

func isData(path string) bool {
	for _, plane := range []string{"/api", "/cli", "/socket.io/", "/health", "/metrics"} {
		if strings.HasPrefix(path, plane) {
			return true
		}
	}
	return false
}
