package api

import (
	"net/http"
	"strings"
)

// Body limits. The largest legitimate body is an upload of 50 MiB in base64;
// answers to a permission request may carry the file an agent wants to write;
// what is not yet authenticated gets least.
const (
	maxBody     = 68 << 20
	maxAnswer   = 16 << 20
	maxSetting  = 1 << 20
	maxAuthBody = 64 << 10
)

// bodyLimit is the largest body a route takes.
func bodyLimit(pattern string) int64 {
	_, path, _ := strings.Cut(pattern, " ")
	switch {
	case path == "/api/auth", path == "/api/bind":
		return maxAuthBody
	case strings.HasSuffix(path, "/messages"), strings.HasSuffix(path, "/upload"):
		return maxBody
	case strings.Contains(path, "/permissions/"), strings.Contains(path, "/scratchlist"):
		return maxAnswer
	default:
		return maxSetting
	}
}

// limitBody refuses a body over the limit of every route, at once when it says
// its length.
func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > maxBody {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		next.ServeHTTP(w, r)
	})
}
