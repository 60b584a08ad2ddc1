package mcp

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"hapi/internal/media"
	"hapi/internal/peers"
)

// fakeSession notes what the tools do.
type fakeSession struct {
	titles chan string
	shown  chan string
}

func (f *fakeSession) SetTitle(title string) { f.titles <- title }
func (f *fakeSession) ShowMedia(i *media.Item, tool string) {
	f.shown <- tool + " " + i.FileName + " " + i.MIMEType
}

type withToken string

func (t withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(t))
	return http.DefaultTransport.RoundTrip(r)
}

func start(t *testing.T) (*Server, *fakeSession, *sdk.ClientSession) {
	t.Helper()
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/api/auth":
			_, _ = w.Write([]byte(`{"token":"jwt"}`))
		case "/api/sessions":
			_, _ = w.Write([]byte(`{"sessions":[{"id":"mine","updatedAt":3},{"id":"other-1","updatedAt":2,"active":true,"metadata":{"name":"Fix the login","path":"/w","flavor":"claude"}}]}`))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(hub.Close)
	session := &fakeSession{titles: make(chan string, 1), shown: make(chan string, 1)}
	s, err := Start(t.Context(), Options{Session: session, ID: "mine", Media: &media.Store{}, Peers: &peers.Client{BaseURL: hub.URL, Token: "t"}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	client, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), &sdk.StreamableClientTransport{
		Endpoint: s.Tools().URL, HTTPClient: &http.Client{Transport: withToken(s.Tools().Token)},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return s, session, client
}

func use(ctx context.Context, t *testing.T, c *sdk.ClientSession, tool string, args map[string]any) (string, bool) {
	t.Helper()
	result, err := c.CallTool(ctx, &sdk.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	text, ok := result.Content[0].(*sdk.TextContent)
	if !ok {
		t.Fatalf("%s gives %T", tool, result.Content[0])
	}
	return text.Text, result.IsError
}

func TestTheAgentNamesItsConversationAndShowsThings(t *testing.T) {
	t.Parallel()
	_, session, c := start(t)
	list, err := c.ListTools(t.Context(), nil)
	if err != nil || len(list.Tools) != len(Names()) {
		t.Fatalf("the tools are %v, %v", list, err)
	}
	if text, failed := use(t.Context(), t, c, "change_title", map[string]any{"title": "Fix it"}); failed || text != `Successfully changed chat title to: "Fix it"` {
		t.Errorf("change_title says %q, %v", text, failed)
	}
	if got := <-session.titles; got != "Fix it" {
		t.Errorf("the title is %q", got)
	}
	path := filepath.Join(t.TempDir(), "a.gif")
	if err := os.WriteFile(path, []byte("GIF89a......"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, failed := use(t.Context(), t, c, "display_image", map[string]any{"path": path, "title": "Login"}); failed || text != "Displayed image: Login.gif" {
		t.Errorf("display_image says %q, %v", text, failed)
	}
	if got := <-session.shown; got != "display_image Login.gif image/gif" {
		t.Errorf("shown: %q", got)
	}
	for tool, args := range map[string]map[string]any{
		"display_video": {"path": path}, "display_image": {"path": "relative"}, "change_title": {}, "display_media": {"path": 7}, "list_peers": {"limit": 1000},
	} {
		if text, failed := use(t.Context(), t, c, tool, args); !failed || !strings.HasPrefix(text, "Failed to ") {
			t.Errorf("%s with %v says %q, %v", tool, args, text, failed)
		}
	}
	if text, failed := use(t.Context(), t, c, "list_peers", nil); failed || text != "  other-1  active=true  flavor=claude  Fix the login" {
		t.Errorf("list_peers says %q, %v", text, failed)
	}
}

func TestOnlyWhoKnowsTheTokenGetsIn(t *testing.T) {
	t.Parallel()
	s, _, _ := start(t)
	for name, tt := range map[string]struct {
		header map[string]string
		want   int
	}{
		"nothing":     {nil, 401},
		"wrong token": {map[string]string{"Authorization": "Bearer wrong"}, 401},
		"a browser":   {map[string]string{"Authorization": "Bearer " + s.Tools().Token, "Origin": "http://evil.example"}, 403},
		"unknown id":  {map[string]string{"Authorization": "Bearer " + s.Tools().Token, "Mcp-Session-Id": "unknown", "Accept": "application/json, text/event-stream"}, 404},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Tools().URL, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		for key, v := range tt.header {
			req.Header.Set(key, v)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != tt.want {
			t.Errorf("%s gets %d, want %d", name, res.StatusCode, tt.want)
		}
	}
}
