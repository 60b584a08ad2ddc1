package hub

import "testing"

func TestMemoryIsGivenBackWhenTheHubBecomesQuiet(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	var p pressure
	for n, look := range []struct {
		allocated uint64 // since the last look
		want      bool
	}{
		{100 * mb, false}, // busy
		{200 * mb, false},
		{1 * mb, true},  // quiet now
		{1 * mb, false}, // nothing to gain
		{1 * mb, false},
		{4 * mb, false},
		{4 * mb, true}, // it adds up
		{1 * mb, false},
	} {
		if got := p.relieved(p.last+look.allocated, 32*mb); got != look.want {
			t.Errorf("look %d: got %v", n, got)
		}
	}
}
