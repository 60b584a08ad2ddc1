// Package answer writes the answers of the hub's HTTP planes: JSON, compressed
// when that helps and is welcome.
package answer

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/klauspost/compress/gzip"

	"hapi/internal/hub/negotiate"
	"hapi/internal/wire"
)

// OK answers what succeeds without a result.
var OK = json.RawMessage(`{"ok":true}`)

// compressFrom is the size below which compression saves no packet.
const compressFrom = 1 << 10

// appender is JSON that is built without reflection.
type appender interface{ AppendJSON(b []byte) []byte }

// JSON answers v. It marshals before it writes, so that an error never follows a
// half-sent answer: when it fails nothing was written.
func JSON(w http.ResponseWriter, r *http.Request, status int, v any) error {
	switch v := v.(type) {
	case json.RawMessage:
		Write(w, r, status, contentJSON, v)
	case appender:
		body := bodies.Get().(*[]byte)
		*body = v.AppendJSON((*body)[:0])
		Write(w, r, status, contentJSON, *body)
		if cap(*body) <= keptBody {
			bodies.Put(body)
		}
	default:
		body, err := json.Marshal(v)
		if err != nil {
			return err
		}
		Write(w, r, status, contentJSON, body)
	}
	return nil
}

const contentJSON = "application/json"

// bodies are buffers of answers that were sent; a huge one is not kept.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

const keptBody = 1 << 20

// Error answers a failure that a peer may see.
func Error(w http.ResponseWriter, r *http.Request, e *wire.Error) {
	if err := JSON(w, r, Status(e.Kind), e); err != nil { // strings always marshal
		panic(err)
	}
}

// TooMany answers an attempt to sign in that has to wait.
func TooMany(w http.ResponseWriter, r *http.Request, seconds int) {
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	Error(w, r, &wire.Error{
		Kind: wire.TooMany, Code: "too_many_attempts",
		Text: "Too many attempts with a wrong token; try again in " + strconv.Itoa(seconds) + " s",
	})
}

// NotFound answers a path that does not exist.
func NotFound(w http.ResponseWriter, r *http.Request) {
	Write(w, r, http.StatusNotFound, "text/plain; charset=UTF-8", []byte("404 Not Found"))
}

// Write sends a complete answer.
func Write(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
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

var statuses = map[wire.Kind]int{
	wire.Internal:     http.StatusInternalServerError,
	wire.Invalid:      http.StatusBadRequest,
	wire.Unauthorized: http.StatusUnauthorized,
	wire.Forbidden:    http.StatusForbidden,
	wire.NotFound:     http.StatusNotFound,
	wire.Conflict:     http.StatusConflict,
	wire.TooLarge:     http.StatusRequestEntityTooLarge,
	wire.BadGateway:   http.StatusBadGateway,
	wire.Unavailable:  http.StatusServiceUnavailable,
	wire.Timeout:      http.StatusGatewayTimeout,
	wire.TooMany:      http.StatusTooManyRequests,
}

// Status is the HTTP status of a kind of failure.
func Status(k wire.Kind) int {
	if status, ok := statuses[k]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// Stream begins an answer of unknown length, compressed if that is welcome. It
// is complete only once it is closed.
func Stream(w http.ResponseWriter, r *http.Request, contentType string) io.WriteCloser {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Add("Vary", "Accept-Encoding")
	compressed := negotiate.Gzip(r.Header.Values("Accept-Encoding"))
	if compressed {
		h.Set("Content-Encoding", "gzip")
	}
	w.WriteHeader(http.StatusOK)
	if !compressed {
		return plain{w}
	}
	return gzip.NewWriter(w)
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }
