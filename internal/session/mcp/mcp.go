// Package mcp gives an agent tools of its session: a title, things to show its
// people, and the other sessions of the hub. It is an MCP server on loopback
// that takes only who knows its token.
package mcp

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"hapi/internal/agent"
	"hapi/internal/media"
	"hapi/internal/peers"
	"hapi/internal/wire"
)

// Session is what the tools do to the session.
type Session interface {
	// SetTitle names the conversation.
	SetTitle(title string)
	// ShowMedia tells people of an item that a tool has shown.
	ShowMedia(item *media.Item, tool string)
}

// Options of a Server.
type Options struct {
	Session Session
	ID      wire.SessionID
	Media   *media.Store
	Peers   *peers.Client
	// Wait is how long a message may wait for a session to be resumed.
	Wait   time.Duration
	Logger *slog.Logger
}

// Server is the tools of one session.
type Server struct {
	o      Options
	tools  agent.ToolServer
	http   *http.Server
	served chan struct{}
}

// idleAfter is when a client that has gone without a word is forgotten.
const idleAfter = time.Hour

// Start serves until Close.
func Start(ctx context.Context, o Options) (*Server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the agent's tools: %w", err)
	}
	s := &Server{o: o, served: make(chan struct{})}
	s.tools = agent.ToolServer{URL: "http://" + listener.Addr().String() + "/", Token: strings.ToLower(rand.Text())}
	handler := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s.server() }, &sdk.StreamableHTTPOptions{
		Logger: o.Logger, SessionTimeout: idleAfter,
	})
	s.http = &http.Server{Handler: s.guard(handler), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			o.Logger.Error("the agent's tools are gone", "err", err)
		}
	}()
	return s, nil
}

// Tools is where the agent finds them.
func (s *Server) Tools() *agent.ToolServer { return &s.tools }

// Close ends the server and waits for it.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.served
	return err
}

// guard lets only the agent in: it knows the token, and is no page in a browser.
func (s *Server) guard(next http.Handler) http.Handler {
	want := []byte("Bearer " + s.tools.Token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Origin") != "":
			http.Error(w, "browsers have no business here", http.StatusForbidden)
		case subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1:
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "unauthorized", http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (s *Server) server() *sdk.Server {
	server := sdk.NewServer(&sdk.Implementation{Name: "HAPI MCP", Version: "1.0.0"}, nil)
	Describe(server, s.call)
	return server
}
