package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"hapi/internal/wire"
)

func queued(texts ...string) *queue {
	q := newQueue()
	q.isAlone = func(text string) bool { return strings.HasPrefix(text, "/") }
	for i, text := range texts {
		q.put(&item{id: wire.MessageID(fmt.Sprint("m", i)), localID: wire.LocalID(fmt.Sprint("l", i)), text: text})
	}
	return q
}

func nextTexts(t *testing.T, q *queue) string {
	t.Helper()
	batch, err := q.next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, i := range batch {
		texts = append(texts, i.text)
	}
	return strings.Join(texts, "|")
}

func TestPromptsGoTogetherAndCommandsAlone(t *testing.T) {
	t.Parallel()
	q := queued("one", "two", "/clear", "/compact", "three")
	for _, want := range []string{"one|two", "/clear", "/compact", "three"} {
		if got := nextTexts(t, q); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		q.accepted()
	}
	ctx, stop := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	stop(gone)
	if _, err := q.next(ctx); !errors.Is(err, gone) {
		t.Errorf("an empty queue gives %v, want the context's cause", err)
	}
}

func TestPromptsTheAgentNeverGotComeFirstAgain(t *testing.T) {
	t.Parallel()
	q := queued("one", "two")
	nextTexts(t, q)
	q.put(&item{id: "m9", text: "three"})
	q.restore()
	if got := nextTexts(t, q); got != "one|two|three" {
		t.Errorf("got %q", got)
	}
}

func TestCancelSaysHowFarThePromptIs(t *testing.T) {
	t.Parallel()
	q := queued("/waits", "/waits too")
	cancel := func(id wire.MessageID) wire.CancelAnswer {
		return q.cancel(wire.CancelQueuedUpdate{MessageID: id, LocalID: wire.LocalID("l" + string(id[1:]))})
	}
	nextTexts(t, q)
	if got := cancel("m0"); !got.InFlight {
		t.Errorf("a prompt on its way to the agent: %+v", got)
	}
	if got := cancel("m1"); !got.Removed || !q.empty() {
		t.Errorf("a waiting prompt: %+v", got)
	}
	q.accepted()
	if got := cancel("m0"); !got.Consumed {
		t.Errorf("a prompt the agent has: %+v", got)
	}
	if got := cancel("m7"); got != (wire.CancelAnswer{}) {
		t.Errorf("an unknown prompt: %+v", got)
	}
}
