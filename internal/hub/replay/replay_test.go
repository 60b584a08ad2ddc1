// Package replay plays recorded conversations of real peers against our hub and
// holds what it says against what the recorded hub said, field by field.
//
// A replay runs in a bubble of testing/synctest over connections in memory, so
// that its clock is the recorded one: beats, time-outs and tokens take their
// time, but no test waits for them.
package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"hapi/internal/home"
	"hapi/internal/hub"
)

const accessToken = "access-token-of-the-replay"

// traces are the recordings that a hub takes part in.
var traces = []struct {
	name string
	// lead is how long the hub runs before the recording begins, so that what
	// it does every 5 s falls where it fell in the recording.
	lead time.Duration
}{
	{"01-claude-text", time.Second},
	{"02-claude-permission-approve", time.Second},
	{"03-claude-permission-deny-and-session", time.Second},
	{"05-claude-question-and-plan", time.Second},
	{"06-claude-queue", 4575 * time.Millisecond},
	{"07-claude-archive-resume-reopen-delete", time.Second},
	{"09-codex-text-and-approval", time.Second},
	{"10-opencode-acp-text-and-permission", time.Second},
	{"12-files-git-upload", time.Second},
	{"14-claude-hub-side-of-14x", time.Second},
}

func TestRecordedPeersFindTheirHub(t *testing.T) {
	t.Parallel()
	for _, trace := range traces {
		t.Run(trace.name, func(t *testing.T) {
			t.Parallel()
			list := readTrace(t, trace.name)
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				replay(t, trace.name, dir, trace.lead, list)
			})
		})
	}
}

func replay(t *testing.T, name, dir string, lead time.Duration, list []record) {
	began := began(t, list)
	time.Sleep(time.Until(time.UnixMilli(began).Add(-lead)))
	p := &player{
		t: t, trace: name, hub: newLoopback(), ids: newIdentities(), peers: map[string]*peer{}, token: accessToken, began: began, recorded: map[*inbox]told{}, delivered: map[string]bool{},
	}
	stop := start(t, p.hub, dir, owner(list))
	p.play(list)
	for _, c := range p.peers {
		c.socket.leave()
		c.stream.leave()
	}
	stop()
	report(t, p, make([]int, len(allowedDifferences)))
}

// owner is the id of the recorded hub's owner.
func owner(list []record) int64 {
	for i := range list {
		var answer struct{ User struct{ ID int64 } }
		if json.Unmarshal(list[i].Data.Body, &answer) == nil && answer.User.ID != 0 {
			return answer.User.ID
		}
	}
	return 1
}

// start runs a hub until the returned function is called.
func start(t *testing.T, listener *loopback, dir string, owner int64) func() {
	t.Helper()
	running, err := hub.Open(t.Context(), &home.Hub{
		Token: home.Value{Text: accessToken}, Dir: dir, DBPath: filepath.Join(dir, "hapi.db"), JWTSecret: bytes.Repeat([]byte("k"), 32),
		OwnerID: owner, CORSOrigins: []string{"https://allowed.example", "http://second.example:8080"}, VAPID: home.VAPIDKeys{Public: "public-key"},
	}, hub.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- running.Serve(ctx, listener, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the hub ended with %v", err)
		}
		if n := running.Panics(); n != 0 {
			t.Errorf("%d handlers panicked", n)
		}
	}
}
