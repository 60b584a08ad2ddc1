package api

import (
	"encoding/json"
	"net/http"
	"strconv"

	"hapi/internal/hub/negotiate"
)

// okBody answers what succeeds without a result.
var okBody = json.RawMessage(`{"ok":true}`)

// compressFrom is the size below which compression saves no packet.
const compressFrom = 1 << 10

// appender is JSON that is built without reflection.
type appender interface{ AppendJSON(b []byte) []byte }

// write answers v as JSON. It marshals before it writes, so that an error
// never follows a half-sent answer.
func (a *API) write(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := marshal(v)
	if err != nil {
		a.logFailure(w, r, "answer cannot be encoded", "err", err)
		status, body = http.StatusInternalServerError, []byte(`{"error":"Internal error"}`)
	}
	reply(w, r, status, "application/json", body)
}

func marshal(v any) ([]byte, error) {
	switch v := v.(type) {
	case json.RawMessage:
		return v, nil
	case appender:
		return v.AppendJSON(nil), nil
	default:
		return json.Marshal(v)
	}
}

// reply sends a complete answer, compressed when that helps and is welcome.
func reply(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Add("Vary", "Accept-Encoding")
	if r.Method == http.MethodHead {
		h.Set("Content-Length", "0")
		w.WriteHeader(status)
		return
	}
	if len(body) >= compressFrom && negotiate.Gzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = negotiate.Compress(body)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that left is no concern of ours
}
