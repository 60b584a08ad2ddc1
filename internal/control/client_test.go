package control

import (
	"testing"
	"time"
)

func TestHowLongARunnerMayTake(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Duration{"": 10 * time.Second, "250": 250 * time.Millisecond, "0": 10 * time.Second, "-1": 10 * time.Second, "soon": 10 * time.Second} {
		if got := patience(in); got != want {
			t.Errorf("%q is %v, want %v", in, got, want)
		}
	}
}
