package apitest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTrafficOutsideTheContractIsReported(t *testing.T) {
	tests := map[string]struct {
		method, path, body string
		status             int
		answer             string
		wantFault          bool
	}{
		"an answer as published":           {"GET", "/health", "", 200, `{"status":"ok","protocolVersion":1,"capabilities":{},"ready":true}`, false},
		"an answer that lacks a key":       {"GET", "/health", "", 200, `{"status":"ok"}`, true},
		"an undocumented status":           {"GET", "/health", "", 418, `{"error":"tea"}`, true},
		"an undocumented route":            {"GET", "/api/nope", "", 200, `{}`, true},
		"a route that says it is unknown":  {"GET", "/api/nope", "", 404, `404 Not Found`, false},
		"an undocumented key":              {"POST", "/api/visibility", `{"subscriptionId":"x","visibility":"hidden"}`, 200, `{"ok":true,"more":1}`, true},
		"an accepted body that is not":     {"POST", "/api/visibility", `{"subscriptionId":"x","visibility":"maybe"}`, 200, `{"ok":true}`, true},
		"a refused body that is not":       {"POST", "/api/visibility", `{"visibility":"maybe"}`, 400, `{"error":"Invalid body"}`, false},
		"an optional body that is missing": {"POST", "/api/sessions/s/permissions/r/approve", ``, 200, `{"ok":true}`, false},
		"a page outside the hub":           {"GET", "/sessions/x", "", 200, `<html>`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.answer)
			}))
			defer server.Close()
			faults := &recordedFaults{TB: t}
			req, err := http.NewRequestWithContext(t.Context(), tt.method, server.URL+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			res, err := (&http.Client{Transport: New(faults, nil)}).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || string(body) != tt.answer {
				t.Errorf("got body %q (%v), want %q", body, err, tt.answer)
			}
			if faults.any != tt.wantFault {
				t.Errorf("got fault %v, want %v", faults.any, tt.wantFault)
			}
		})
	}
}

type recordedFaults struct {
	testing.TB
	any bool
}

func (f *recordedFaults) Errorf(format string, args ...any) {
	f.any = true
	f.Logf("reported: "+format, args...)
}
