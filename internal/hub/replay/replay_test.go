// Package replay plays recorded conversations of real peers against our hub and
// holds what it says against what the recorded hub said, field by field.
//
// A replay runs in a bubble of testing/synctest over connections in memory, so
// that its clock is the recorded one: beats, time-outs and tokens take their
// time, but no test waits for them.
package replay_test

import (
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
	// answers are what processes say to what only our hub asks.
	answers map[string]string
}{
	{"01-claude-text", time.Second, nil},
	{"02-claude-permission-approve", time.Second, nil},
	{"03-claude-permission-deny-and-session", time.Second, nil},
	{"05-claude-question-and-plan", time.Second, nil},
	{"06-claude-queue", 4575 * time.Millisecond, nil},
	{"07-claude-archive-resume-reopen-delete", time.Second, map[string]string{"stop-session": `{"status":"already_gone"}`}},
	{"09-codex-text-and-approval", time.Second, nil},
	{"10-opencode-acp-text-and-permission", time.Second, nil},
	{"12-files-git-upload", time.Second, nil},
	{"14-claude-hub-side-of-14x", time.Second, nil},
	{"13-http-edges", time.Second, nil},
}

func TestRecordedPeersFindTheirHub(t *testing.T) {
	t.Parallel()
	var used usage
	t.Cleanup(func() { used.check(t) })
	for _, trace := range traces {
		t.Run(trace.name, func(t *testing.T) {
			t.Parallel()
			list := readTrace(t, trace.name)
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				p := newPlayer(t, trace.name, list)
				p.answers = trace.answers
				if trace.name == "13-http-edges" {
					p.tokens, p.skips = edgeTokens(p.at(&list[0])), edgeSkips
				}
				replay(t, p, dir, trace.lead, list, &used)
			})
		})
	}
}

func replay(t *testing.T, p *player, dir string, lead time.Duration, list []record, used *usage) {
	time.Sleep(time.Until(time.UnixMilli(p.began).Add(-lead)))
	stop := start(t, p.hub, dir, owner(list))
	p.play(list)
	for _, c := range p.peers {
		c.socket.leave()
		c.stream.leave()
	}
	stop()
	report(t, p, used)
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
		Token: home.Value{Text: accessToken}, Dir: dir, DBPath: filepath.Join(dir, "hapi.db"), JWTSecret: jwtSecret,
		OwnerID: owner, CORSOrigins: []string{"https://allowed.example", "http://second.example:8080"}, VAPID: home.VAPIDKeys{Public: "public-key"},
	}, hub.Options{Logger: slog.New(slog.DiscardHandler), WebApp: webApp()})
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
