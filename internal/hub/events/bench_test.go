package events

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"hapi/internal/wire"
)

func kilobyte() wire.Event {
	return wire.Event{Namespace: "n", SessionID: "a", JSON: []byte(`{"type":"message-received","text":"` + strings.Repeat("words that say something ", 40) + `"}`)}
}

func BenchmarkPublish(b *testing.B) {
	for _, watchers := range []int{0, 1, 200, 10_000} {
		b.Run(fmt.Sprintf("idle watchers of others=%d", watchers), func(b *testing.B) {
			bus := New(Options{HubID: hub})
			for i := range watchers {
				s, _ := bus.Subscribe(Filter{Namespace: "n", SessionID: wire.SessionID(fmt.Sprint(i))}, "")
				_, _ = s.take()
			}
			e := kilobyte()
			b.ReportAllocs()
			for i := range b.N {
				bus.Publish(int64(i), e)
			}
		})
	}
}

// BenchmarkFanOut publishes to 200 watchers who read everything.
func BenchmarkFanOut(b *testing.B) {
	const watchers = 200
	bus := New(Options{HubID: hub, Ring: b.N + 1, RingBytes: 1 << 40})
	var wg sync.WaitGroup
	for range watchers {
		s, _ := bus.Subscribe(Filter{Namespace: "n", All: true}, "")
		wg.Go(func() {
			for n := 0; n < b.N; {
				blocks, err := s.Next(b.Context())
				if err != nil {
					b.Error(err)
					return
				}
				n += len(blocks)
			}
		})
	}
	e := kilobyte()
	b.ResetTimer()
	for i := range b.N {
		bus.Publish(int64(i), e)
	}
	wg.Wait()
}

func BenchmarkDeflate(b *testing.B) {
	e := kilobyte()
	b.SetBytes(int64(len(e.JSON)))
	n := 0
	for range b.N {
		n = len(Deflate(e.JSON))
	}
	b.ReportMetric(float64(n), "bytes-out")
}
