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

func TestNothingLeavesTheQueueOfASessionThatEnds(t *testing.T) {
	t.Parallel()
	q := queued("one")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if batch, err := q.next(ctx); err == nil {
		t.Errorf("%v left the queue", batch)
	}
	if q.empty() {
		t.Error("the prompt is gone")
	}
}

func TestPromptThatWasNotSteeredGoesBackToItsPlace(t *testing.T) {
	t.Parallel()
	q := queued("one", "two", "three")
	i := q.reserve("l1")
	if i == nil || q.reserve("l1") != nil {
		t.Fatal("a prompt is reserved once")
	}
	if got := q.cancel(wire.CancelQueuedUpdate{LocalID: "l1"}); !got.InFlight {
		t.Errorf("a prompt that is being steered is %+v", got)
	}
	q.release(i)
	if got := nextTexts(t, q); got != "one|two|three" {
		t.Errorf("the order is %q", got)
	}
}

func TestPromptOfUnknownOutcomeIsRetriedOrCancelledByAPerson(t *testing.T) {
	t.Parallel()
	q := queued("one", "two")
	for _, id := range []wire.LocalID{"l0", "l1"} {
		q.hold(q.reserve(id))
	}
	if !q.empty() {
		t.Error("what is held is not in the queue")
	}
	if got := q.cancel(wire.CancelQueuedUpdate{LocalID: "l0"}); !got.Removed {
		t.Errorf("a cancelled prompt is %+v", got)
	}
	again := &item{id: "m1", localID: "l1", text: "two"}
	if got := q.retry(again); !got.Accepted {
		t.Errorf("a retried prompt is %+v", got)
	}
	if got := q.retry(again); got.Accepted || got.Consumed {
		t.Errorf("a prompt that waits already is %+v", got)
	}
	if got := nextTexts(t, q); got != "two" {
		t.Errorf("left the queue: %q", got)
	}
	q.accepted()
	if got := q.retry(again); !got.Consumed {
		t.Errorf("a prompt that the agent has is %+v", got)
	}
}
