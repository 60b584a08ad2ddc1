package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"

	"hapi/internal/home"
	"hapi/internal/hub"
)

// TestEveryScenarioMeasuresARunningHub runs the whole generator, briefly.
func TestEveryScenarioMeasuresARunningHub(t *testing.T) {
	t.Parallel()
	const token = "test-base-token-0123456789"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h, err := hub.Open(t.Context(), &home.Hub{
		Token: home.Value{Text: token}, DBPath: filepath.Join(t.TempDir(), "hapi.db"), JWTSecret: bytes.Repeat([]byte("k"), 32), OwnerID: 1,
	}, hub.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- h.Serve(ctx, listener, func() { close(ready) }) }()
	<-ready
	rows, err := measure(t.Context(), options{
		url: "http://" + listener.Addr().String(), token: token, pid: os.Getpid(), seconds: 0.1, settle: 0.01, idle: 5, sessions: 20, watchers: 3,
	})
	if err != nil {
		t.Error(err)
	}
	if want := 1 + 2 + 5 + 3 + 1 + 1 + 1 + 2; len(rows) != want {
		t.Errorf("%d rows, want %d", len(rows), want)
	}
	for _, r := range rows[1:] {
		if r.Count == 0 {
			t.Errorf("%q measured nothing", r.Work)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("the hub ended with %v", err)
	}
}
