package peers

import (
	"encoding/json"
	"testing"
)

func TestCitations(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{
		"abc123":             "abc123",
		"  abc123 \n":        "abc123",
		"/sessions/abc123":   "abc123",
		"/sessions/abc123.":  "abc123",
		"[it](/sessions/a1)": "a1",
		`See session "My title" (/sessions/a1) for context`: "a1",
		"https://hub.example/sessions/a1?x=1":               "a1",
		"/sessions/a%2D1":                                   "a-1",
		"/sessions/a1 and /sessions/b2":                     "",
		"two words":                                         "",
		"/etc/passwd":                                       "",
		"/sessions/":                                        "",
		"/sessions/a%2Fb":                                   "",
		"":                                                  "",
	} {
		if got := CitedID(input); got != want {
			t.Errorf("%q cites %q, want %q", input, got, want)
		}
	}
}

func TestWhoSaidWhat(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ content, role, text string }{
		{`{"role":"user","content":{"type":"text","text":"Hello"}}`, "user", "Hello"},
		{`{"role":"agent","content":{"type":"output","data":{"type":"assistant","message":{"content":[{"type":"text","text":"Hi"},{"type":"tool_use","name":"Bash"}]}}}}`, "agent", "Hi"},
		{`{"role":"agent","content":{"type":"codex","data":{"type":"message","message":"Hi"}}}`, "agent", "Hi"},
		{`{"role":"agent","content":{"type":"output","data":{"type":"user","message":{"content":[{"type":"text","text":"no"}]}}}}`, "", ""},
		{`{"role":"agent","content":{"type":"event","data":{"type":"ready"}}}`, "agent", ""},
		{`[]`, "", ""},
	} {
		role, text := said(json.RawMessage(tt.content))
		if text != tt.text || text != "" && role != tt.role {
			t.Errorf("%s: %s says %q", tt.content, role, text)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{0: 30, -5: 1, 1: 1, 100: 100, 5000: 100} {
		if got := Limit(n); got != want {
			t.Errorf("%d is %d, want %d", n, got, want)
		}
	}
}
