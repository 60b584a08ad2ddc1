package api

import (
	"slices"
	"testing"
)

func TestRetriesThatGoOnAreTold(t *testing.T) {
	t.Parallel()
	var retries Retries
	var told []int
	for attempt := range 40 {
		s := Status{Type: "retry", Attempt: attempt}
		if retries.Tell(s) {
			told = append(told, attempt)
		}
		if retries.Tell(s) {
			t.Errorf("attempt %d is told twice", attempt)
		}
	}
	if want := []int{1, 2, 3, 4, 8, 16, 32}; !slices.Equal(told, want) {
		t.Errorf("told are %v, want %v", told, want)
	}
	retries.Tell(Status{Type: "busy"})
	if !retries.Tell(Status{Type: "retry", Attempt: 1}) {
		t.Error("the first retry of another request is not told")
	}
}
