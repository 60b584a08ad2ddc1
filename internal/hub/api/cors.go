package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Origins are the web origins that may call the hub from a browser.
type Origins struct {
	any     bool
	allowed []string
}

// ParseOrigins normalises each entry to its origin; `*` anywhere allows all.
func ParseOrigins(entries []string) (Origins, error) {
	var o Origins
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		switch {
		case entry == "":
		case entry == "*":
			o.any = true
		default:
			origin, err := originOf(entry)
			if err != nil {
				return Origins{}, err
			}
			o.allowed = append(o.allowed, origin)
		}
	}
	return o, nil
}

func originOf(entry string) (string, error) {
	u, err := url.Parse(entry)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return "", fmt.Errorf("CORS origin %q is not a URL such as https://app.example", entry)
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if scheme == "http" {
		host = strings.TrimSuffix(host, ":80")
	} else if scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	}
	return scheme + "://" + host, nil
}

// Any says whether every origin is allowed.
func (o Origins) Any() bool { return o.any }

// Allows says whether origin may call.
func (o Origins) Allows(origin string) bool {
	return o.any || slices.Contains(o.allowed, origin)
}

// sameHost says whether a page comes from this hub, by whichever of its names
// it was reached.
func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

// CORS tells browsers which origins may read the answers of next, and answers
// preflights itself, before authentication.
func (o Origins) CORS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if o.any {
			h.Set("Access-Control-Allow-Origin", "*")
		} else {
			h.Add("Vary", "Origin")
			if origin := r.Header.Get("Origin"); origin != "" && (o.Allows(origin) || sameHost(origin, r.Host)) {
				h.Set("Access-Control-Allow-Origin", origin)
			}
		}
		if r.Method != http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Methods", "GET,POST,PUT,PATCH,DELETE,OPTIONS")
		h.Set("Access-Control-Allow-Headers", "authorization,content-type,last-event-id")
		if vary := h.Get("Vary"); vary != "" {
			h.Set("Vary", vary+", Access-Control-Request-Headers")
		} else {
			h.Set("Vary", "Access-Control-Request-Headers")
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
