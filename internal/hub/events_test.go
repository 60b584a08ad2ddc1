package hub_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"hapi/internal/wire"
)

func TestStreamTellsWhatHappens(t *testing.T) {
	t.Parallel()
	for _, gzipped := range []bool{false, true} {
		name := map[bool]string{false: "plain", true: "gzip"}[gzipped]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t)
			p := h.newSession(baseToken, nil, true)
			s := h.stream("all=true", "", gzipped)
			if got := string(s.next("connection-changed")); !strings.Contains(got, `"resume":"gap"`) || !strings.Contains(got, `"subscriptionId":"`) {
				t.Errorf("handshake %s", got)
			}
			say(t, p, "hello")
			if got := string(s.next(wire.MessageReceived)); !strings.Contains(got, "hello") || !strings.Contains(got, string(p.session.ID)) {
				t.Errorf("got %s", got)
			}
			h.want(http.StatusOK, http.MethodPost, "/api/sessions/"+string(p.session.ID)+"/messages", map[string]string{"text": "do it", "localId": "l1"}, nil)
			if got := string(s.next(wire.MessagesConsumedEvent)); !strings.Contains(got, `"localIds":["l1"]`) {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestStreamOfASessionTellsOnlyOfIt(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	mine, other := h.newSession(baseToken, nil, true), h.newSession(baseToken, nil, true)
	foreign := h.newSession(baseToken+":other", nil, true)
	s := h.stream("sessionId="+string(mine.session.ID), "", false)
	s.next("connection-changed")
	all := h.stream("all=1", "", false)
	all.next("connection-changed")
	say(t, other, "not mine")
	say(t, foreign, "not even our namespace")
	if err := foreign.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	all.saidUntil("not mine")
	say(t, mine, "mine")
	if got := s.saidUntil("mine"); strings.Contains(got, "not mine") {
		t.Errorf("got %s", got)
	}
	if got := all.saidUntil(`"mine"`); strings.Contains(got, "namespace\"") && strings.Contains(got, "not even") {
		t.Errorf("an event of another namespace came through: %s", got)
	}
	status, _ := h.call(h.jwt, http.MethodGet, "/api/events?sessionId="+string(foreign.session.ID), nil)
	if status != http.StatusForbidden {
		t.Errorf("a stream of a foreign session: %d", status)
	}
}

func TestStreamResumesWhereItWasCut(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, true)
	s := h.stream("all=true", "", false)
	s.next("connection-changed")
	say(t, p, "before the cut")
	s.saidUntil("before the cut")
	s.cancel()
	say(t, p, "during the cut")
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := h.stream("all=true", s.last, false)
	if got := string(again.next("connection-changed")); !strings.Contains(got, `"resume":"ok"`) {
		t.Errorf("handshake %s", got)
	}
	if got := again.saidUntil("during the cut"); strings.Contains(got, "before the cut") {
		t.Errorf("told twice: %s", got)
	}
}

func TestStreamResumesThroughAHubRestart(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, true)
	s := h.stream("all=true", "", false)
	s.next("connection-changed")
	say(t, p, "before the restart")
	s.saidUntil("before the restart")
	s.cancel()
	h.want(http.StatusOK, http.MethodPost, "/api/sessions/"+string(p.session.ID)+"/messages", map[string]string{"text": "do it", "localId": "l1"}, nil)
	<-p.prompts
	say(t, p, "during the cut")
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.restart()
	say(t, p, "after the restart")
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := h.stream("all=true", s.last, false)
	if got := string(again.next("connection-changed")); !strings.Contains(got, `"resume":"ok"`) {
		t.Errorf("handshake %s", got)
	}
	var consumed, during, after, state bool
	for !consumed || !during || !after || !state {
		e := <-again.events
		text := string(e.raw)
		consumed = consumed || e.typ == wire.MessagesConsumedEvent && strings.Contains(text, `"l1"`)
		during = during || strings.Contains(text, "during the cut")
		after = after || strings.Contains(text, "after the restart")
		state = state || e.typ == wire.SessionUpdated && strings.Contains(text, string(p.session.ID))
		if strings.Contains(text, "before the restart") && e.typ == wire.MessageReceived {
			t.Errorf("told twice: %s", text)
		}
	}
}

func TestStreamWithACursorOfAnotherHubIsAGap(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	for _, id := range []string{"nonsense", "aaaaaaaa.bbbbbbbb:1.1:00000000", strings.Repeat("9", 10000), "::::"} {
		s := h.stream("all=true", id, false)
		if got := string(s.next("connection-changed")); !strings.Contains(got, `"resume":"gap"`) {
			t.Errorf("cursor %.40q: %s", id, got)
		}
	}
}

func TestVisibilityBelongsToItsStream(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	s := h.stream("all=true&visibility=visible", "", false)
	var hello struct {
		Data struct {
			ID string `json:"subscriptionId"`
		} `json:"data"`
	}
	if err := json.Unmarshal(s.next("connection-changed"), &hello); err != nil {
		t.Fatal(err)
	}
	set := func(token, id, visibility string) int {
		status, _ := h.call(token, http.MethodPost, "/api/visibility", map[string]string{"subscriptionId": id, "visibility": visibility})
		return status
	}
	if got := set(h.jwt, hello.Data.ID, "hidden"); got != 200 {
		t.Errorf("own stream: %d", got)
	}
	if got := set(h.signIn(baseToken+":other"), hello.Data.ID, "hidden"); got != 404 {
		t.Errorf("stream of another namespace: %d", got)
	}
	if got := set(h.jwt, "unknown", "hidden"); got != 404 {
		t.Errorf("unknown stream: %d", got)
	}
	if got := set(h.jwt, hello.Data.ID, "maybe"); got != 400 {
		t.Errorf("bad visibility: %d", got)
	}
}

func TestStoppingHubEndsStreams(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	s := h.stream("all=true", "", true)
	s.next("connection-changed")
	h.stop()
	for range s.events { // ends
	}
}
