package main

import (
	"log/slog"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"hapi/internal/media"
	"hapi/internal/peers"
	"hapi/internal/session/mcp"
)

type titled chan string

func (c titled) SetTitle(title string)       { c <- title }
func (titled) ShowMedia(*media.Item, string) {}
func textOf(r *sdk.CallToolResult) string    { return r.Content[0].(*sdk.TextContent).Text } //nolint:forcetypeassert // ours are texts
func bridged(t *testing.T, url, token string, names ...string) *sdk.ClientSession {
	t.Helper()
	ours, agents := sdk.NewInMemoryTransports()
	ended := make(chan error, 1)
	go func() { ended <- bridge(t.Context(), url, token, names, ours) }()
	client, err := sdk.NewClient(&sdk.Implementation{Name: "agent", Version: "1"}, nil).Connect(t.Context(), agents, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close()
		<-ended
	})
	return client
}

func TestTheBridgePassesCallsOn(t *testing.T) {
	t.Parallel()
	titles := make(titled, 1)
	server, err := mcp.Start(t.Context(), mcp.Options{Session: titles, Media: &media.Store{}, Peers: &peers.Client{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	client := bridged(t, server.Tools().URL, server.Tools().Token, "change_title", "list_peers")
	list, err := client.ListTools(t.Context(), nil)
	if err != nil || len(list.Tools) != 2 {
		t.Fatalf("it offers %v, %v", list, err)
	}
	result, err := client.CallTool(t.Context(), &sdk.CallToolParams{Name: "change_title", Arguments: map[string]any{"title": "New"}})
	if err != nil || result.IsError || textOf(result) != `Successfully changed chat title to: "New"` || <-titles != "New" {
		t.Errorf("the result is %+v, %v", result, err)
	}
	result, err = client.CallTool(t.Context(), &sdk.CallToolParams{Name: "change_title", Arguments: map[string]any{}})
	if err != nil || !result.IsError {
		t.Errorf("without a title the result is %+v, %v", result, err)
	}
}

func TestTheBridgeSaysThatTheSessionIsGone(t *testing.T) {
	t.Parallel()
	client := bridged(t, "http://127.0.0.1:1/", "x")
	result, err := client.CallTool(t.Context(), &sdk.CallToolParams{Name: "list_peers", Arguments: map[string]any{}})
	if err != nil || !result.IsError || !strings.HasPrefix(textOf(result), "Failed to list peers: ") {
		t.Errorf("the result is %+v, %v", result, err)
	}
}
