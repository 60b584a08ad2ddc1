package hub_test

import (
	"encoding/json"
	"testing"

	"hapi/internal/wire"
)

func TestAProcessLearnsWhoWatchesItsSession(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, false)
	elsewhere := h.newSession(baseToken+":alice", nil, false)
	is := func(p *process, want wire.Watchers) {
		t.Helper()
		var got wire.Watchers
		defer func() {
			if t.Failed() {
				t.Logf("last told %+v, want %+v", got, want)
			}
		}()
		h.eventually("the watchers", func() bool {
			n, err := p.Watchers(t.Context()) // not known before the link has greeted
			got = n
			return err == nil && n == want
		})
	}
	is(p, wire.Watchers{})
	all, id := h.see("all=true", true)
	is(p, wire.Watchers{Connected: 1, Looking: 1})
	one, _ := h.see("sessionId="+string(p.session.ID), false)
	h.see("sessionId="+string(h.emptySession()), true) // of another session
	is(p, wire.Watchers{Connected: 2, Looking: 1})
	is(elsewhere, wire.Watchers{}) // another namespace
	h.show(id, false)
	is(p, wire.Watchers{Connected: 2})
	all.cancel()
	one.cancel()
	is(p, wire.Watchers{})
	stranger := h.connect("/cli", map[string]any{"token": baseToken + ":alice", "sessionId": elsewhere.session.ID}, nil)
	reply, err := stranger.Call(t.Context(), wire.EventWatchers, wire.AskWatchers{SID: p.session.ID})
	if err != nil || len(reply) == 0 {
		t.Fatalf("got %s, %v", reply, err)
	}
	var refused wire.VersionedAck
	if err := json.Unmarshal(reply[0], &refused); err != nil || refused.Result != wire.WriteError {
		t.Errorf("the process of another namespace was told %s", reply)
	}
}
