package api

import (
	"net/http"
	"runtime/debug"
)

// Recovering answers 500 for a handler that panicked, and counts it. A panic
// after the answer began breaks the connection, so that nobody takes half an
// answer for a whole one.
func (a *API) Recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tracked := &trackedWriter{ResponseWriter: w}
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if fault == http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is thrown
				panic(fault)
			}
			a.panics.Add(1)
			a.logFailure(w, r, "handler panicked", "panic", fault, "stack", string(debug.Stack()))
			if tracked.began {
				panic(http.ErrAbortHandler)
			}
			a.write(w, r, http.StatusInternalServerError, errInternal)
		}()
		next.ServeHTTP(tracked, r)
	})
}

// trackedWriter knows whether the answer began.
type trackedWriter struct {
	http.ResponseWriter
	began bool
}

func (t *trackedWriter) WriteHeader(status int) {
	t.began = true
	t.ResponseWriter.WriteHeader(status)
}

func (t *trackedWriter) Write(b []byte) (int, error) {
	t.began = true
	return t.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (t *trackedWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }
