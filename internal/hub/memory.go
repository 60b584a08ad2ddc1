package hub

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// lookEvery is how often the hub looks whether it has become quiet.
	lookEvery = 10 * time.Second
	// worthFreeing is how much must have been allocated since memory was given
	// back, besides an eighth of what is in use, for doing it again.
	worthFreeing = 4 << 20
)

// giveBack returns memory to the system once the hub is quiet. The collector
// lets the heap grow to twice what is in use, and a hub that has nothing to do
// does not make it run: what a burst took would stay for minutes.
func giveBack(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var p pressure
	for {
		select {
		case <-tick.C:
			if p.relieved(heapUse()) {
				debug.FreeOSMemory()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// pressure is what has been allocated, from look to look.
type pressure struct {
	last  uint64 // allocated at the last look
	freed uint64 // allocated when memory was last given back
}

// relieved says whether it is time to give memory back: much was allocated, but
// little of it lately. It is told what was allocated so far and what of it was
// in use when the collector last ran.
func (p *pressure) relieved(allocated, live uint64) bool {
	quiet := allocated-p.last < live/4+worthFreeing/4
	p.last = allocated
	if !quiet || allocated-p.freed < live/8+worthFreeing {
		return false
	}
	p.freed = allocated
	return true
}

func heapUse() (allocated, live uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
