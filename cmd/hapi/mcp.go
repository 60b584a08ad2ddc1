package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"hapi/internal/session/mcp"
)

// newMCP is the bridge for agents that start their MCP servers themselves.
func newMCP() *cobra.Command {
	var url, names string
	cmd := &cobra.Command{
		Use: "mcp", Short: "Offer a session's tools to an agent over standard input and output", Args: cobra.NoArgs,
		Long: `Offer a session's tools to an agent as an MCP server over standard input and
output. Calls go to the session's own server: its address is --url or
HAPI_HTTP_MCP_URL, its token HAPI_HTTP_MCP_TOKEN. hapi sets both for the agents
it starts.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if url == "" {
				url = os.Getenv("HAPI_HTTP_MCP_URL")
			}
			if url == "" {
				fmt.Fprintln(cmd.ErrOrStderr(), "hapi mcp: which session? Give --url or set HAPI_HTTP_MCP_URL.")
				return exitCode(2)
			}
			return bridge(cmd.Context(), url, os.Getenv("HAPI_HTTP_MCP_TOKEN"), splitNames(names), &sdk.StdioTransport{})
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "address of the session's tools")
	cmd.Flags().StringVar(&names, "tools", "", "tools to offer, comma separated (default "+strings.Join(mcp.Names(), ",")+")")
	return cmd
}

func splitNames(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// bridge serves an agent until its input ends. It connects with the first call.
func bridge(ctx context.Context, url, token string, names []string, agent sdk.Transport) error {
	b := &toolBridge{transport: &sdk.StreamableClientTransport{
		Endpoint: url, DisableStandaloneSSE: true, HTTPClient: &http.Client{Transport: bearer(token)},
	}}
	defer b.close()
	server := sdk.NewServer(&sdk.Implementation{Name: "HAPI MCP Bridge", Version: "1.0.0"}, nil)
	mcp.Describe(server, b.call, names...)
	if err := server.Run(ctx, agent); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("hapi mcp: %w", err)
	}
	return nil
}

// toolBridge passes calls on.
type toolBridge struct {
	transport sdk.Transport

	mu     sync.Mutex
	client *sdk.ClientSession
}

func (b *toolBridge) call(ctx context.Context, tool string, arguments json.RawMessage) (*sdk.CallToolResult, error) {
	client, err := b.connect(ctx)
	if err != nil {
		return mcp.Failed(tool, err), nil
	}
	result, err := client.CallTool(ctx, &sdk.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return mcp.Failed(tool, err), nil
	}
	return result, nil
}

func (b *toolBridge) connect(ctx context.Context) (*sdk.ClientSession, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client != nil {
		return b.client, nil
	}
	client := sdk.NewClient(&sdk.Implementation{Name: "hapi-stdio-bridge", Version: "1.0.0"}, nil)
	// The connection outlives the call that made it.
	session, err := client.Connect(context.WithoutCancel(ctx), b.transport, nil)
	b.client = session
	return session, err
}

func (b *toolBridge) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client != nil {
		_ = b.client.Close() // the session may have gone
	}
}

// bearer shows a token with every request.
type bearer string

// RoundTrip implements http.RoundTripper.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+string(b))
	}
	return http.DefaultTransport.RoundTrip(r)
}
